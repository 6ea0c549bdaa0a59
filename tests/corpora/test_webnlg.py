"""WebNLG with whole names."""

from __future__ import annotations

import json
from pathlib import Path

import corpora


def _relations(corpora_dir: Path) -> set[str]:
    text = (corpora_dir / "webnlg" / "rel2id.json").read_text(encoding="utf-8")
    return set(json.loads(text)[0].values())


def test_real_corpus_has_the_published_counts(corpora_dir: Path) -> None:
    splits = corpora.describe("webnlg", corpora_dir / "webnlg")["splits"]
    assert [splits[s]["examples"] for s in ("train", "dev")] == [5019, 500]
    assert [splits[s]["triples"] for s in ("train", "dev")] == [11312, 1223]
    assert [splits[s]["unaligned"] for s in ("train", "dev")] == [0, 0]
    known = _relations(corpora_dir)
    assert len(known) == 216
    assert {r for counts in splits.values() for r in counts["relations"]} <= known
