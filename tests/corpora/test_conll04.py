"""CoNLL04: the multi-head BIO format."""

from __future__ import annotations

from pathlib import Path

import pytest

import corpora
from extract.errors import CorpusError
from tests.corpora.cases import CONLL04, write


def test_relation_runs_from_last_token_of_subject_to_last_token_of_object(tmp_path: Path) -> None:
    first, second = corpora.read("conll04", write(tmp_path, "conll04"))["file"]
    assert first.text == "Ada Mayfield left Torvik for North Rail"
    assert [(e.text, e.label) for e in first.sentence.entities] == [
        ("Ada Mayfield", "Peop"),
        ("Torvik", "Loc"),
        ("North Rail", "Org"),
    ]
    assert [(t.subject.text, t.relation, t.object.text) for t in first.sentence.triples] == [
        ("Ada Mayfield", "Live_In", "Torvik"),
        ("Ada Mayfield", "Work_For", "North Rail"),
    ]
    assert first.sentence.id == first.sentence.doc_id == "train-7"
    assert second.sentence.entities == second.sentence.triples == ()


def test_inside_tag_after_nothing_begins_an_entity_and_is_counted(tmp_path: Path) -> None:
    text = CONLL04.replace("B-Loc", "I-Loc")
    first, second = corpora.read("conll04", write(tmp_path, "conll04", text))["file"]
    assert [e.text for e in first.sentence.entities] == ["Ada Mayfield", "Torvik", "North Rail"]
    assert first.changes.repaired_tags == 1
    assert second.changes.repaired_tags == 0


@pytest.mark.parametrize(
    ("old", "new", "reason"),
    [
        ("#doc 7\n", "", "line 1: expected '#doc ID' before the first token"),
        ("#doc 8", "#doc", "line 9: expected '#doc ID', got no id"),
        ("B-Loc", "Loc", "line 5: expected a tag O, B-TYPE or I-TYPE, got 'Loc'"),
        ("B-Loc", "B-", "line 5: expected a tag O, B-TYPE or I-TYPE, got 'B-'"),
        ("[3, 6]", "[3, 9]", "line 3: expected a head below 7, got 9"),
        ("[3, 6]", "[3, -1]", r"line 3: expected a list of heads like \[0\], got '\[3, -1\]'"),
        ("[3, 6]", "[3]", "line 3: expected as many heads as relations, got 1 and 2"),
        ("[3, 6]", "[3, 4]", "line 3: expected 'Work_For' to join the last tokens .* token 4 ends"),
        ("['Live_In'", "[Live_In", "line 3: expected a list of relations like"),
        ("2\tleft", "3\tleft", "line 4: expected index 2, got '3'"),
        ("left\tO", "left", "line 4: expected 5 columns by tabs .* got 4"),
        ("2\tleft", "2\t ", None),
    ],
)
def test_malformed_line_is_refused(tmp_path: Path, old: str, new: str, reason: str | None) -> None:
    path = write(tmp_path, "conll04", CONLL04.replace(old, new))
    if reason is None:  # a blank token is left out, not refused
        assert corpora.read("conll04", path)["file"][0].changes.dropped_tokens == 1
        return
    with pytest.raises(CorpusError, match=reason) as caught:
        corpora.read("conll04", path)
    assert str(path) in str(caught.value)


def test_real_corpus_has_the_published_counts(corpora_dir: Path) -> None:
    splits = corpora.describe("conll04", corpora_dir / "conll04")["splits"]
    assert {split: counts["examples"] for split, counts in splits.items()} == {
        "train": 910,
        "dev": 243,
    }
    # With the 422 of the test part these make the 2,048 relations of the corpus.
    assert sum(counts["triples"] for counts in splits.values()) == 1626
    assert set(splits["train"]["entity_types"]) == {"Loc", "Org", "Other", "Peop"}
    assert len(splits["train"]["relations"]) == 5
    assert splits["train"]["changes"]["repaired_tags"] == 2
