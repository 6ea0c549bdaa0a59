"""The generated corpus of nested names: read as a corpus, nested, disjoint in names, the same for a seed."""

from __future__ import annotations

import random
import re
from pathlib import Path

import pytest

import corpora
from benchmarks import nested
from corpora.base import Changes, Example
from extract.evaluation.metrics import has_nested
from extract.structures import Sentence


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("nested") / "made"
    nested.main(["--out", str(folder), "--seed", "13"])
    return folder


@pytest.fixture(scope="module")
def parts(folder: Path) -> dict[str, list[Example]]:
    return corpora.read("tripack", folder)


def depth(sentence: Sentence) -> int:
    """The most entities that stand one in another."""
    spans = [(e.span.start_word, e.span.end_word) for e in sentence.entities]
    return max(sum(a <= s and e <= b for a, b in spans) for s, e in spans)


def test_corpus_reads_as_one_sentence_a_line_and_unchanged(parts: dict[str, list[Example]]) -> None:
    assert {part: len(examples) for part, examples in parts.items()} == {"train": 300, "dev": 200}
    for examples in parts.values():
        assert len({example.text for example in examples}) == len(examples)
        for example in examples:
            assert example.changes == Changes()
            assert example.text.endswith(".")
            assert "{" not in example.text
            assert len(example.sentence.entities)
            assert not example.sentence.triples


def test_most_sentences_are_nested_up_to_five_deep_and_no_spans_cross(
    parts: dict[str, list[Example]],
) -> None:
    for examples in parts.values():
        sentences = [example.sentence for example in examples]
        assert sum(has_nested([s]) for s in sentences) > 0.8 * len(sentences)
        labels = {e.label for s in sentences for e in s.entities}
        assert labels == {"EVENT", "LOC", "ORG", "PER", "ROLE"}
        for sentence in sentences:
            for one in sentence.entities:
                for other in sentence.entities:
                    a, b = sorted((one.span, other.span))
                    assert not a.start_word < b.start_word < a.end_word < b.end_word
    depths = {depth(e.sentence) for examples in parts.values() for e in examples}
    assert {1, 2, 3, 4} <= depths <= {1, 2, 3, 4, 5}


def test_articles_are_no_part_of_names(parts: dict[str, list[Example]]) -> None:
    texts = {e.text for example in parts["train"] for e in example.sentence.entities}
    assert not any(re.match("the |The ", text) for text in texts)
    assert any(text.startswith("University of ") for text in texts)


def test_names_of_the_parts_are_disjoint(folder: Path) -> None:
    train, dev = nested.inventories(random.Random(13))
    used = {
        part: set(re.findall(r"\w+", (folder / f"{part}.jsonl").read_text(encoding="utf-8")))
        for part in ("train", "dev")
    }
    for kind in ("cities", "given_names", "surnames"):
        own, other = set(getattr(train, kind)), set(getattr(dev, kind))
        assert own
        assert other
        assert not own & other
        assert used["dev"] & other
        assert not used["train"] & other
        assert not used["dev"] & own


def test_seed_decides_the_files(folder: Path, tmp_path: Path) -> None:
    for name, seed in (("again", "13"), ("other", "14")):
        nested.main(["--out", str(tmp_path / name), "--seed", seed, "--dev", "200"])
    for part in ("train.jsonl", "dev.jsonl"):
        first = (folder / part).read_bytes()
        assert (tmp_path / "again" / part).read_bytes() == first
        assert (tmp_path / "other" / part).read_bytes() != first


def test_a_sentence_by_hand() -> None:
    city = nested.Name("LOC", ("Oslo",))
    university = nested.Name("ORG", ("University of ", city), article=True)
    press = nested.Name("ORG", (university, " Press"), article=True)
    record = nested.record_of("x", nested.Name("", ("the ", press, " closed.")))
    assert record == {
        "id": "x",
        "text": "The University of Oslo Press closed.",
        "entities": [
            {"text": "University of Oslo Press", "start": 4, "end": 28, "label": "ORG"},
            {"text": "University of Oslo", "start": 4, "end": 22, "label": "ORG"},
            {"text": "Oslo", "start": 18, "end": 22, "label": "LOC"},
        ],
        "triples": [],
    }
