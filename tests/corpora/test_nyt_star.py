"""NYT* with the last words of names."""

from __future__ import annotations

import json
from pathlib import Path

import corpora


def _relations(corpora_dir: Path) -> set[str]:
    text = (corpora_dir / "nyt_star" / "rel2id.json").read_text(encoding="utf-8")
    return set(json.loads(text)[0].values())


def test_real_corpus_has_the_published_counts(corpora_dir: Path) -> None:
    splits = corpora.describe("nyt_star", corpora_dir / "nyt_star")["splits"]
    assert (splits["dev"]["examples"], splits["dev"]["triples"]) == (4999, 7976)
    assert splits["dev"]["unaligned"] == 0
    known = _relations(corpora_dir)
    assert len(known) == 24
    assert set(splits["dev"]["relations"]) <= known
