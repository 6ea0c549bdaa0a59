from __future__ import annotations

import json
from typing import Any

import pytest

from extract.errors import InputError
from extract.kg.facts import facts_of, facts_of_all
from extract.structures import Document, Entity, Qualifier, Sentence, Span, Token, Triple
from tests.extract.kg.texts import document

_TEXT = "[Leonard Parker|PER] studied at [Harvard University|ORG] until [1967|TIME]."
_RECORD = document("a", _TEXT, [(0, "educated at", 1, 0.9, [("end time", 2, 0.8)])])


def test_facts_of_record_keeps_places_scores_and_sentence() -> None:
    found = facts_of(_RECORD)
    (fact,) = found.facts
    assert (found.document, found.model) == ("a", "test 1")
    assert [mention.text for mention in found.mentions] == [
        "Leonard Parker", "Harvard University", "1967",
    ]  # fmt: skip
    assert (fact.subject.start, fact.subject.type, fact.document) == (0, "PER", "a")
    assert (fact.score, fact.qualifiers[0].score, fact.qualifiers[0].value.text) == (
        0.9,
        0.8,
        "1967",
    )
    assert fact.sentence_text == _RECORD["text"]


def test_facts_of_document_and_its_json_are_the_same() -> None:
    text = "Ann knows Bob now"
    tokens = tuple(Token(w, text.index(w), text.index(w) + len(w)) for w in text.split())

    def entity(word: int, label: str) -> Entity:
        token = tokens[word]
        return Entity(
            Span(word, word + 1), token.start_char, token.end_char, token.text, label, 1 / 3
        )

    triple = Triple(
        entity(0, "PER"),
        "knows",
        entity(2, "PER"),
        (Qualifier("time", entity(3, "TIME"), None, 2 / 3),),
        "P1",
        (0, len(text)),
        1 / 7,
    )
    sentence = Sentence(tokens, (entity(0, "PER"), entity(2, "PER")), (triple,))
    whole = Document(text, (sentence,), "d", "m 1")
    assert facts_of(whole) == facts_of(json.loads(json.dumps(whole.to_dict())))
    assert len(facts_of(whole).mentions) == 3


def test_facts_of_hand_written_record_needs_no_scores() -> None:
    text = "Ann knows Bob"
    ann = {"text": "Ann", "start": 0, "end": 3, "label": ""}
    bob = {"text": "Bob", "start": 10, "end": 13}
    triple = {"subject": ann, "relation": "knows", "object": bob}
    (fact,) = facts_of({"id": "d", "text": text, "entities": [], "triples": [triple]}).facts
    assert (fact.score, fact.model, fact.subject.type, fact.relation_id) == (1.0, "", None, None)
    assert fact.sentence_text == text


def test_digest_follows_content_alone() -> None:
    digest = facts_of(_RECORD).digest
    assert facts_of(_RECORD | {"id": "b"}).digest == digest
    assert facts_of(dict(reversed(_RECORD.items()))).digest == digest
    assert facts_of(_RECORD | {"text": _RECORD["text"] + " "}).digest != digest
    assert facts_of(_RECORD | {"triples": []}).digest != digest
    assert facts_of(_RECORD | {"model": "test 2"}).digest != digest


def test_facts_of_all_leaves_out_a_document_that_comes_again() -> None:
    assert [one.document for one in facts_of_all([_RECORD, dict(_RECORD)])] == ["a"]


def test_facts_of_all_one_id_with_two_contents_is_refused() -> None:
    with pytest.raises(InputError, match=r"'a' that differ\. Give them ids"):
        list(facts_of_all([_RECORD, _RECORD | {"model": "test 2"}]))


def _changed(**values: Any) -> dict[str, Any]:
    return _RECORD | values


_SUBJECT = _RECORD["triples"][0]["subject"]


def _with_triple(**values: Any) -> dict[str, Any]:
    return _RECORD | {"triples": [_RECORD["triples"][0] | values]}


@pytest.mark.parametrize(
    ("record", "message"),
    [
        ([], "as an object, got \\[\\]"),
        (_changed(id=None), "text as 'id', got nothing"),
        (_changed(id=""), "text as 'id', got ''"),
        (_changed(id=7), "text as 'id', got 7"),
        (_changed(text=None), "a text as 'text', got nothing"),
        (_changed(entities={}), "a list as 'entities', got {}"),
        (_changed(entities=["x"]), "object with 'start', got 'x'"),
        (_changed(entities=[_SUBJECT | {"start": 1}]), "characters 1 to 14, where 'eonard Parker' stands"),
        (_changed(entities=[_SUBJECT | {"end": 9999}]), "characters 0 to 9999"),
        (_changed(entities=[_SUBJECT | {"start": True}]), "a whole number as 'start', got True"),
        (_changed(entities=[_SUBJECT | {"text": ""}]), "got ''"),
        (_with_triple(relation=None), "a text as 'relation', got nothing"),
        (_with_triple(score=1.5), "a 'score' in \\[0, 1\\], got 1.5"),
        (_with_triple(score=float("nan")), "a 'score' in \\[0, 1\\], got nan"),
        (_with_triple(score="high"), "a number or a whole number as 'score', got 'high'"),
        (_with_triple(sentence=[0, 9999]), "a 'sentence' within the 56 characters"),
        (_with_triple(sentence=[3]), "two numbers as 'sentence'"),
        (_with_triple(qualifiers=[{"label": "x"}]), "an object as 'value', got nothing"),
    ],
)  # fmt: skip
def test_facts_of_malformed_record_says_what_is_wrong(record: Any, message: str) -> None:
    with pytest.raises(InputError, match=message) as caught:
        facts_of(record)
    assert "\n" not in str(caught.value)
