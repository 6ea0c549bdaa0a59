"""WebNLG* with the last words of names."""

from __future__ import annotations

import json
from pathlib import Path

import corpora


def _relations(corpora_dir: Path) -> set[str]:
    text = (corpora_dir / "webnlg_star" / "rel2id.json").read_text(encoding="utf-8")
    return set(json.loads(text)[0].values())


def test_real_corpus_has_the_published_counts(corpora_dir: Path) -> None:
    splits = corpora.describe("webnlg_star", corpora_dir / "webnlg_star")["splits"]
    assert [splits[s]["examples"] for s in ("train", "dev")] == [5019, 500]
    merged = [splits[s]["changes"]["merged_triples"] for s in ("train", "dev")]
    assert [splits[s]["triples"] for s in ("train", "dev")] == [11687, 1113]
    assert merged == [89, 5]  # the files list 11,776 and 1,118
    known = _relations(corpora_dir)
    assert len(known) == 171
    assert {r for counts in splits.values() for r in counts["relations"]} <= known
