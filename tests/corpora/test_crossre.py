"""CrossRE: several relations for one pair."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

import corpora
from extract.errors import CorpusError
from tests.corpora.cases import CROSSRE, lines, write


def test_pair_may_stand_in_several_relations(tmp_path: Path) -> None:
    (example,) = corpora.read("crossre", write(tmp_path, "crossre"))["file"]
    assert [(t.subject.text, t.relation, t.object.text) for t in example.sentence.triples] == [
        ("Torvik", "win-defeat", "Norway"),
        ("Torvik", "opposite", "Norway"),
    ]


def test_end_that_is_no_entity_is_kept_unaligned(tmp_path: Path) -> None:
    record = CROSSRE | {"relations": [[0, 0, 1, 2, "win-defeat", "", False, False]]}
    (example,) = corpora.read("crossre", write(tmp_path, "crossre", lines(record)))["file"]
    assert example.sentence.triples == ()
    assert example.unaligned == (("Torvik", "win-defeat", "beat Norway"),)


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"ner": [[3, 4, "x"]]}, "within the 4 tokens of the sentence, got tokens 3 to 5"),
        ({"ner": [[0, 0, ""]]}, "expected a label for tokens 0 to 1, got ''"),
        ({"relations": [[0, 0, 2, 4, "x"]]}, "within the 4 words of the sentence, got 2 to 4"),
        ({"relations": [[0, 0, 2, 2]]}, "expected a relation to have 5 values, got 4"),
        ({"sentence": []}, "expected at least one word"),
        ({"sentence": "text"}, "expected 'sentence' to be a list, got str 'text'"),
    ],
)
def test_malformed_record_is_refused(tmp_path: Path, change: dict[str, Any], reason: str) -> None:
    path = write(tmp_path, "crossre", lines(CROSSRE, CROSSRE | change))
    with pytest.raises(CorpusError, match=f"news-train.json, line 2: .*{reason}"):
        corpora.read("crossre", path)


def test_real_corpus_has_the_published_counts(corpora_dir: Path) -> None:
    splits = corpora.describe("crossre", corpora_dir / "crossre")["splits"]
    assert [splits[s]["examples"] for s in ("train", "dev", "test")] == [164, 350, 400]
    relations = [
        counts["triples"] + counts["changes"]["merged_triples"] for counts in splits.values()
    ]
    assert sum(relations) == 885
    assert sum(counts["unaligned"] for counts in splits.values()) == 0
