"""SemEval-2010 Task 8: tags and directions."""

from __future__ import annotations

from pathlib import Path

import pytest

import corpora
from extract.errors import CorpusError
from tests.corpora.cases import write


def test_direction_decides_subject_and_object(tmp_path: Path) -> None:
    first, second = corpora.read("semeval2010_task8", write(tmp_path, "semeval2010_task8"))["file"]
    assert first.text == "The flood followed heavy rain."
    (triple,) = first.sentence.triples
    assert (triple.subject.text, triple.relation, triple.object.text) == (
        "rain",
        "Cause-Effect",
        "flood",
    )
    assert second.text == "A gate in a wall's end."
    assert [e.text for e in second.sentence.entities] == ["gate", "wall"]
    assert second.sentence.triples == ()


@pytest.mark.parametrize(
    ("line", "text", "entities"),
    [
        ("Other\t<e1>a</e1> <e2>b</e2>", "a b", ["a", "b"]),
        ("Other\t  <e2> b </e2> of <e1> a c </e1>", "b of a c", ["b", "a c"]),
        ("Other\t<e1> a</e1>b <e2> c </e2>", "ab c", ["ab", "c"]),
    ],
)
def test_tags_are_taken_out(tmp_path: Path, line: str, text: str, entities: list[str]) -> None:
    path = write(tmp_path, "semeval2010_task8", line + "\n")
    (example,) = corpora.read("semeval2010_task8", path)["file"]
    assert example.text == text
    assert [e.text for e in example.sentence.entities] == entities


@pytest.mark.parametrize(
    ("line", "reason"),
    [
        ("Other <e1> a </e1> <e2> b </e2>", "expected a label, a tab and a sentence"),
        ("Other\t<e1> a </e1> b", "<e1> ... </e1> and <e2> ... </e2> once each"),
        ("Other\t<e1> a <e2> </e1> b </e2>", "<e1> ... </e1> and <e2> ... </e2> once each"),
        ("Other\t<e1> </e1> x <e2> b </e2>", "expected a word between the tags"),
        ("Cause\t<e1> a </e1> <e2> b </e2>", r"a label like Cause-Effect\(e1,e2\) or Other"),
        ("Cause(e1,e1)\t<e1> a </e1> <e2> b </e2>", r"got 'Cause\(e1,e1\)'"),
    ],
)
def test_malformed_line_is_refused(tmp_path: Path, line: str, reason: str) -> None:
    path = write(tmp_path, "semeval2010_task8", f"Other\t<e1> a </e1> <e2> b </e2>\n{line}\n")
    with pytest.raises(CorpusError, match=f"train.tsv, line 2: .*{reason}"):
        corpora.read("semeval2010_task8", path)


def test_real_corpus_has_the_published_counts(corpora_dir: Path) -> None:
    folder = corpora_dir / "semeval2010_task8"
    train = corpora.describe("semeval2010_task8", folder)["splits"]["train"]
    assert (train["examples"], train["entities"]) == (8000, 16000)
    assert train["triples"] == 8000 - 1410  # 1,410 sentences say Other
    assert len(train["relations"]) == 9
