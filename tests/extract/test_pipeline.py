"""The extractor: one text and many, batch sizes, order, streaming, ids, empty texts, thresholds."""

from __future__ import annotations

import functools
import itertools
import json
import random
import shutil
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import corpora
from extract import Document, Extractor, load
from extract.errors import InputError, ModelError
from extract.schema import Relation, Schema
from extract.structures import Sentence
from tests.extract.cases import any_text, key, sentence_of, tokens_of


@functools.cache
def extractor_of(model: Path) -> Extractor:
    return load(model, device="cpu")


@pytest.fixture
def extractor(tiny_model: Path) -> Extractor:
    return extractor_of(tiny_model)


def test_a_schema_with_a_hierarchy_turns_back_off_on_unless_told_not_to(tiny_model: Path) -> None:
    extractor = load(tiny_model, device="cpu")
    flat = Schema((), (Relation("educated at"),))
    above = Schema((), (Relation("educated at", parents=("tied to",)), Relation("tied to", "P0")))
    assert not extractor.backs_off
    assert not extractor.restricted(flat).backs_off
    held = extractor.restricted(above)
    assert held.backs_off and held.schema.relation("tied to").id == "P0"
    off = load(tiny_model, device="cpu", back_off=False).restricted(above)
    assert not off.backs_off and "tied to" not in off.schema.relation_names
    fact = "Leonard Parker received his PhD from Harvard University in 1967."
    sure, same = held.extract(fact), off.extract(fact)
    assert (
        [t.relation for t in sure.triples] == [t.relation for t in same.triples] == ["educated at"]
    )


@pytest.fixture(scope="module")
def texts(facts_file: Path) -> list[str]:
    """Facts alone and several to a text, odd texts, and one long enough to be cut into windows."""
    facts = [e.text for e in corpora.read("hyperred", facts_file)["file"]]
    pairs = [f"{a} {b}" for a, b in itertools.pairwise(facts)]
    long = " and ".join(fact.rstrip(". ") for fact in facts * 3)
    return [*facts, *pairs, "", long, " \n", "Oslo", "東京は日本の首都です。", "x" * 500]


LEONARD = "Leonard Parker received his PhD from Harvard University in 1967."


def alike(one: Document, other: Document) -> None:
    """The same document, scores to 1e-4."""
    assert one == other  # scores stay out of equality
    for left, right in zip(
        [*one.entities, *one.triples], [*other.entities, *other.triples], strict=True
    ):
        assert left.score == pytest.approx(right.score, abs=1e-4)
    for mine, theirs in zip(one.triples, other.triples, strict=True):
        assert [q.score for q in mine.qualifiers] == pytest.approx(
            [q.score for q in theirs.qualifiers], abs=1e-4
        )


# What comes out


def test_one_text_gives_a_document_and_many_an_iterator(extractor: Extractor) -> None:
    one = extractor.extract(LEONARD)
    many = extractor.extract([LEONARD])
    assert isinstance(one, Document)
    assert isinstance(many, Iterator)
    (only,) = many
    alike(one, only)
    assert one.text == LEONARD
    assert (one.id, one.model) == ("doc-1", "tiny 1.0.0")
    assert [t.relation for t in one.triples] == ["educated at"]


def test_extractor_says_what_it_is(extractor: Extractor) -> None:
    assert (extractor.name, extractor.version, extractor.full_name) == (
        "tiny",
        "1.0.0",
        "tiny 1.0.0",
    )
    assert "educated at" in extractor.schema.relation_names


def test_ids_are_given_or_counted(extractor: Extractor) -> None:
    items: list[Any] = ["a", ("mine", "b"), "c", ("", "d")]
    assert [d.id for d in extractor.extract(items)] == ["doc-1", "mine", "doc-3", ""]
    assert [d.text for d in extractor.extract(iter(items))] == ["a", "b", "c", "d"]
    (document,) = extractor.extract([("mine", LEONARD + " " + LEONARD)])
    assert [(s.id, s.doc_id) for s in document.sentences] == [
        ("mine#0", "mine"),
        ("mine#1", "mine"),
    ]


def test_second_sentence_has_document_offsets(extractor: Extractor) -> None:
    document = extractor.extract("The sun was warm.\n\n  " + LEONARD)
    (triple,) = document.triples
    assert (triple.subject.start_char, triple.subject.end_char) == (21, 35)
    assert triple.sentence == (21, 21 + len(LEONARD))
    assert document.to_dict()["triples"][0]["qualifiers"][0]["value"]["text"] == "PhD"
    json.dumps(document.to_dict())


def test_empty_and_blank_texts_keep_their_place(extractor: Extractor) -> None:
    texts = ["", LEONARD, " \n\t", "\u200b", LEONARD, "", ""]
    documents = list(extractor.extract(texts, batch_size=2))
    assert [d.text for d in documents] == texts
    assert [d.id for d in documents] == [f"doc-{i}" for i in range(1, 8)]
    assert [len(list(d.triples)) for d in documents] == [0, 1, 0, 0, 1, 0, 0]
    assert [len(d.sentences) for d in documents] == [0, 1, 0, 0, 1, 0, 0]
    assert list(extractor.extract([])) == []
    assert extractor.extract("").sentences == ()


# Independence of batches


def test_results_do_not_depend_on_batch_size_or_order(
    extractor: Extractor, texts: list[str]
) -> None:
    expected = list(extractor.extract(texts))
    assert sum(len(list(d.triples)) for d in expected) > 30
    for batch_size in (1, 2, 7):
        for one, other in zip(
            expected, extractor.extract(texts, batch_size=batch_size), strict=True
        ):
            alike(one, other)
    named = list(zip([d.id for d in expected], texts, strict=True))
    random.Random(0).shuffle(named)
    by_id = {d.id: d for d in extractor.extract(named, batch_size=5)}
    for document in expected:
        alike(document, by_id[document.id])


def test_every_candidate_is_independent_of_its_batch(tiny_model: Path, texts: list[str]) -> None:
    # With nothing filtered by a threshold, so that the cap on spans is reached as well.
    extractor = extractor_of(tiny_model)
    alone = [extractor.extract(text, threshold=0.0) for text in texts]
    for one, other in zip(alone, extractor.extract(texts, threshold=0.0), strict=True):
        alike(one, replace(other, id="doc-1", sentences=tuple(
            replace(s, id=s.id.replace(other.id, "doc-1"), doc_id="doc-1") for s in other.sentences
        )))  # fmt: skip


# Streaming


def test_endless_input_is_read_a_bounded_number_ahead(extractor: Extractor) -> None:
    pulled = 0

    def endless() -> Iterator[str]:
        nonlocal pulled
        while True:
            pulled += 1
            yield LEONARD if pulled % 3 else ""

    documents = extractor.extract(endless(), batch_size=2)
    assert pulled == 0  # nothing before the first result is asked for
    for number in range(1, 100):
        document = next(documents)
        assert document.id == f"doc-{number}"
        # Three chunks of 16 batches of 2 sentences; a third of the texts have none.
        assert number <= pulled <= number + 3 * (16 * 2) * 3 // 2 + 1
    documents.close()  # type: ignore[attr-defined]


def test_sentences_of_a_document_come_one_by_one(extractor: Extractor, texts: list[str]) -> None:
    two = " ".join(texts[:2])
    named = [("a", two), ("b", ""), ("c", texts[0]), ("d", two)]
    whole = {document.id: document for document in extractor.extract(named)}
    for document, sentences in extractor.by_sentence(named):
        expected = whole.pop(document.id)
        assert (document.text, document.model) == (expected.text, expected.model)
        if document.id == "a":
            assert next(sentences) == expected.sentences[0]  # the other one is left out
        else:
            assert tuple(sentences) == expected.sentences
    assert not whole
    with pytest.raises(InputError, match="Expected texts in a list or a stream, got str"):
        extractor.by_sentence(two)


def test_error_of_the_input_comes_through(extractor: Extractor) -> None:
    def failing() -> Iterator[str]:
        yield LEONARD
        raise OSError("gone")

    with pytest.raises(OSError, match="gone"):
        list(extractor.extract(failing()))


# Settings and mistakes


def test_threshold_zero_keeps_all_and_one_only_the_certain(
    extractor: Extractor, texts: list[str]
) -> None:
    counts = []
    for threshold in (0.0, 0.5, 1.0):
        documents = list(extractor.extract(texts, threshold=threshold))
        triples = [t for d in documents for t in d.triples]
        assert all(t.score >= threshold - 1e-6 for t in triples)
        assert all(q.score >= threshold - 1e-6 for t in triples for q in t.qualifiers)
        counts.append(len(triples))
    assert counts[0] >= counts[1] >= counts[2]
    assert counts[0] > counts[2]


def test_threshold_zero_is_not_taken_for_none(tiny_model: Path, tmp_path: Path) -> None:
    folder = Path(shutil.copytree(tiny_model, tmp_path / "model"))
    config = json.loads((folder / "config.json").read_text(encoding="utf-8"))
    config["thresholds"] = [0.5, 1.0, 1.0]
    config["calibration"]["triple"] = [
        0.1,
        0.0,
        0.0,
        0.0,
    ]  # facts known by heart are less than certain
    (folder / "config.json").write_text(json.dumps(config), encoding="utf-8")
    strict = load(folder, device="cpu")
    assert list(strict.extract(LEONARD).triples) == []
    assert list(strict.extract(LEONARD, threshold=None).triples) == []
    assert list(strict.extract(LEONARD, threshold=0).triples)


@pytest.mark.parametrize(
    ("settings_", "message"),
    [
        ({"batch_size": 0}, "batch_size of at least 1, got 0"),
        ({"threshold": -0.1}, r"threshold in \[0, 1\], got -0.1"),
        ({"threshold": 1.1}, r"threshold in \[0, 1\], got 1.1"),
        ({"threshold": float("nan")}, r"threshold in \[0, 1\], got nan"),
    ],
)
def test_setting_out_of_range_is_refused_at_the_call(
    extractor: Extractor, settings_: dict[str, Any], message: str
) -> None:
    for given_ in ("x", ["x"]):
        with pytest.raises(InputError, match=message):
            extractor.extract(given_, **settings_)  # type: ignore[call-overload]
    with pytest.raises(InputError, match=message):
        list(extractor.predict([sentence_of("x")], **settings_))


@pytest.mark.parametrize(
    ("texts_", "message"),
    [
        (None, "Expected a text or texts, got NoneType"),
        (3, "Expected a text or texts, got int"),
        ([3], r"Expected text 1 to be a string or an \(id, text\) pair of strings, got int\."),
        (["a", None], "Expected text 2 .* got NoneType"),
        ([b"a"], "Expected text 1 .* got bytes"),
        ([("id", 3)], "Expected text 1 .* got tuple of str, int"),
        ([("a", "b", "c")], "Expected text 1 .* got tuple of str, str, str"),
        ([(1, "a")], "Expected text 1 .* got tuple of int, str"),
    ],
)
def test_input_that_is_no_text_is_named_by_place_and_type(
    extractor: Extractor, texts_: Any, message: str
) -> None:
    with pytest.raises(InputError, match=message) as caught:
        list(extractor.extract(texts_))
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("settings_", "message"),
    [
        ({"device": "gpu9"}, "Device 'gpu9' cannot be used"),
        ({"device": "cuda:99"}, "Device 'cuda:99' cannot be used"),
        ({"dtype": "int8"}, "Unknown dtype 'int8'. Expected one of: auto, bfloat16, float32"),
        ({"threads": 0}, "threads of at least 1, got 0"),
    ],
)
def test_load_refuses_settings_in_one_line(
    tiny_model: Path, settings_: dict[str, Any], message: str
) -> None:
    with pytest.raises(ModelError, match=message) as caught:
        load(tiny_model, **settings_)
    assert "\n" not in str(caught.value)


def test_load_in_bfloat16_finds_the_same_facts(tiny_model: Path, extractor: Extractor) -> None:
    fast = load(tiny_model, device="cpu", dtype="bfloat16")
    assert key(fast.extract(LEONARD).sentences[0]) == key(extractor.extract(LEONARD).sentences[0])


def test_load_sets_threads(tiny_model: Path) -> None:
    before = torch.get_num_threads()
    try:
        load(tiny_model, device="cpu", threads=1)
        assert torch.get_num_threads() == 1
    finally:
        torch.set_num_threads(before)


# Long and odd texts


def test_results_do_not_depend_on_the_number_of_threads(tiny_model: Path, texts: list[str]) -> None:
    before = torch.get_num_threads()
    try:
        one, three = (
            list(load(tiny_model, threads=threads).extract(texts * 5, batch_size=2))
            for threads in (1, 3)
        )
    finally:
        torch.set_num_threads(before)
    for expected, got in zip(one, three, strict=True):
        alike(expected, got)


def test_sentence_of_three_thousand_words_is_read_from_end_to_end(extractor: Extractor) -> None:
    text = " and ".join(["Oslo is the capital of Norway"] * 500)
    document = extractor.extract(text)
    (sentence,) = document.sentences
    assert len(sentence) == 3499
    assert all(text[e.start_char : e.end_char] == e.text for e in document.entities)
    # Names are found in every stretch of 500 words, whichever windows they fell into; facts in most
    # (a model of 16 short sentences has never met this one), and each once.
    assert {e.span.start_word // 500 for e in document.entities} == set(range(7))
    triples = [(t.subject.span, t.relation, t.object.span) for t in document.triples]
    assert len({subject.start_word // 500 for subject, _, _ in triples}) >= 4
    assert len(set(triples)) == len(triples)


def test_text_with_lone_surrogates_and_controls_is_kept_as_it_is(extractor: Extractor) -> None:
    text = "\ud800" + LEONARD + "\x00\udfff"
    document = extractor.extract(text)
    assert document.text == text
    (triple,) = document.triples
    assert triple.subject.start_char == 1


@given(st.lists(any_text, min_size=1, max_size=3), st.data())
@settings(
    max_examples=200, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
def test_offsets_are_exact_in_any_text(
    tiny_model: Path, parts: list[str], data: st.DataObject
) -> None:
    # Facts among the odd characters, so that there is something to find.
    text = LEONARD.join(parts)
    threshold = data.draw(st.sampled_from([None, 0.0, 0.2]))
    document = extractor_of(tiny_model).extract(text, threshold=threshold)
    assert document.text == text
    end = 0
    for sentence in document.sentences:
        assert sentence.tokens
        assert end <= sentence.start_char < sentence.end_char <= len(text)
        end = sentence.end_char
        inside = set(sentence.entities)
        for triple in sentence.triples:
            assert triple.sentence == (sentence.start_char, sentence.end_char)
            mentions = [triple.subject, triple.object, *(q.value for q in triple.qualifiers)]
            assert inside.issuperset(mentions)
    for entity in document.entities:
        assert text[entity.start_char : entity.end_char] == entity.text


# Given words


def test_predict_takes_words_as_they_are_and_replaces_annotation(extractor: Extractor) -> None:
    gold = sentence_of("Oslo is the capital of Norway .", [(1, 2, "X")])
    empty = Sentence((), id="none")
    first, nothing, last = extractor.predict(iter([gold, empty, gold]), batch_size=1)
    assert first.tokens == gold.tokens
    assert {(t.subject.text, t.relation, t.object.text) for t in first.triples} == {
        ("Oslo", "capital of", "Norway"),
        ("Oslo", "country", "Norway"),
    }
    assert {e.label for e in first.entities} == {"Entity"}
    assert (nothing.id, nothing.tokens, nothing.triples) == ("none", (), ())
    assert first == last


def test_predict_reads_words_with_spaces_and_odd_characters(extractor: Extractor) -> None:
    words = ["New York", "\u200b", " ", "東京", "a" * 400]
    (found,) = extractor.predict([Sentence(tokens_of(words))])
    assert found.words == words
