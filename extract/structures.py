"""What flows between the parts: tokens, spans, entities, qualifiers, triples, sentences, documents.

Every span is half-open. Word offsets count the words of the sentence; character offsets count
Python characters of the document's text, so `document.text[e.start_char:e.end_char] == e.text`.
Scores are probabilities in [0, 1] and stay out of equality and hashing.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any


def _check_order(start: int, end: int, unit: str) -> None:
    if not 0 <= start < end:
        raise ValueError(
            f"Expected 0 <= start_{unit} < end_{unit}, got {start} and {end}. "
            "Spans are half-open: if your ends are inclusive, add 1."
        )


def _check_score(score: float) -> None:
    if not 0.0 <= score <= 1.0:
        raise ValueError(f"Expected a score in [0, 1], got {score}. Scores are probabilities.")


@dataclass(frozen=True, slots=True)
class Token:
    """One word and where its characters stand in the text."""

    text: str
    start_char: int
    end_char: int

    def __post_init__(self) -> None:
        _check_order(self.start_char, self.end_char, "char")


@dataclass(frozen=True, slots=True, order=True)
class Span:
    """Words `start_word` up to, not including, `end_word`."""

    start_word: int
    end_word: int

    def __post_init__(self) -> None:
        _check_order(self.start_word, self.end_word, "word")

    def __len__(self) -> int:
        return self.end_word - self.start_word

    def overlaps(self, other: Span) -> bool:
        """Whether the two spans share a word."""
        return self.start_word < other.end_word and other.start_word < self.end_word

    def contains(self, other: Span) -> bool:
        """Whether every word of `other` is a word of this span."""
        return self.start_word <= other.start_word and other.end_word <= self.end_word


@dataclass(frozen=True, slots=True)
class Entity:
    """A typed mention: words of its sentence, characters of its document, exact text."""

    span: Span
    start_char: int
    end_char: int
    text: str
    label: str
    score: float = field(default=1.0, compare=False)

    def __post_init__(self) -> None:
        _check_order(self.start_char, self.end_char, "char")
        _check_score(self.score)
        if len(self.text) != self.end_char - self.start_char:
            raise ValueError(
                f"Expected text of {self.end_char - self.start_char} characters for offsets "
                f"{self.start_char}-{self.end_char}, got {len(self.text)}: {self.text!r}."
            )


@dataclass(frozen=True, slots=True)
class Qualifier:
    """A label and a value that restrict a triple: when, where, how many, in which role."""

    label: str
    value: Entity
    label_id: str | None = None
    score: float = field(default=1.0, compare=False)

    def __post_init__(self) -> None:
        _check_score(self.score)


@dataclass(frozen=True, slots=True)
class Triple:
    """A fact: subject, relation, object, and the qualifiers under which it holds.

    `sentence` is the half-open character range of the sentence that states it. `score` is a
    calibrated probability.
    """

    subject: Entity
    relation: str
    object: Entity
    qualifiers: tuple[Qualifier, ...] = ()
    relation_id: str | None = None
    sentence: tuple[int, int] | None = None
    score: float = field(default=1.0, compare=False)

    def __post_init__(self) -> None:
        _check_score(self.score)


@dataclass(frozen=True, slots=True)
class Removed:
    """A candidate above its threshold that decoding left out, or one that a relation above it stands for.

    `what` is an entity, a triple without qualifiers, or, for a qualifier, a triple with that one.
    `constraint` is the name of the constraint it would have broken, `in_favour_of` what was kept in its
    place, in the same form; empty where what the candidate needs scored too low.
    """

    what: Entity | Triple
    score: float
    constraint: str
    in_favour_of: tuple[Entity | Triple, ...] = ()


@dataclass(frozen=True, slots=True)
class Sentence:
    """The words of one sentence and its entities and triples, gold or predicted.

    `left_context` and `right_context` are the words of the same document around the sentence,
    which the encoder may read but in which nothing is extracted. `removed` is what decoding left out,
    None unless it was asked to explain itself.
    """

    tokens: tuple[Token, ...]
    entities: tuple[Entity, ...] = ()
    triples: tuple[Triple, ...] = ()
    id: str = ""
    doc_id: str = ""
    left_context: tuple[str, ...] = ()
    right_context: tuple[str, ...] = ()
    removed: tuple[Removed, ...] | None = field(default=None, compare=False)

    def __post_init__(self) -> None:
        for entity in self.entities:
            self._check_entity(entity)

    def _check_entity(self, entity: Entity) -> None:
        start, end = entity.span.start_word, entity.span.end_word
        if end > len(self.tokens):
            raise ValueError(
                f"Entity {entity.text!r} ends at word {end} of sentence {self.id!r}, "
                f"which has {len(self.tokens)} words."
            )
        chars = (self.tokens[start].start_char, self.tokens[end - 1].end_char)
        if chars != (entity.start_char, entity.end_char):
            raise ValueError(
                f"Entity {entity.text!r} of sentence {self.id!r} covers words {start}-{end}, "
                f"which are characters {chars[0]}-{chars[1]}, but it says "
                f"{entity.start_char}-{entity.end_char}."
            )

    def __len__(self) -> int:
        return len(self.tokens)

    @property
    def words(self) -> list[str]:
        """The text of each word."""
        return [token.text for token in self.tokens]

    def surface(self, span: Span) -> str:
        """The words of a span with their gaps as spaces: the text, where gaps are single spaces."""
        at, pieces = self.tokens[span.start_word].start_char, []
        for token in self.tokens[span.start_word : span.end_word]:
            pieces.append(" " * (token.start_char - at) + token.text)
            at = token.end_char
        return "".join(pieces)

    @property
    def start_char(self) -> int:
        """Where the first word starts; 0 for a sentence without words."""
        return self.tokens[0].start_char if self.tokens else 0

    @property
    def end_char(self) -> int:
        """Where the last word ends; 0 for a sentence without words."""
        return self.tokens[-1].end_char if self.tokens else 0


@dataclass(frozen=True, slots=True)
class Document:
    """A text, unchanged, and the sentences read from it."""

    text: str
    sentences: tuple[Sentence, ...] = ()
    id: str = ""
    model: str = ""

    def __post_init__(self) -> None:
        for sentence in self.sentences:
            self.check(sentence)

    def check(self, sentence: Sentence) -> None:
        """Raise `ValueError` if an entity of a sentence has another text than the document has there."""
        for entity in sentence.entities:
            if self.text[entity.start_char : entity.end_char] != entity.text:
                raise ValueError(
                    f"Entity {entity.text!r} at characters {entity.start_char}-{entity.end_char} "
                    f"of document {self.id!r}, but the text there is "
                    f"{self.text[entity.start_char : entity.end_char]!r}."
                )

    @property
    def entities(self) -> Iterator[Entity]:
        """The entities of all sentences, in text order of the sentences."""
        return (entity for sentence in self.sentences for entity in sentence.entities)

    @property
    def triples(self) -> Iterator[Triple]:
        """The triples of all sentences, in text order of the sentences."""
        return (triple for sentence in self.sentences for triple in sentence.triples)

    @property
    def removed(self) -> list[Removed] | None:
        """What decoding left out, of all sentences; None unless it was asked to explain itself."""
        found = [s.removed for s in self.sentences if s.removed is not None]
        return [removed for of_one in found for removed in of_one] if found else None

    def to_dict(self) -> dict[str, Any]:
        """The document as plain values, in the shape of one line of the JSON Lines output.

        `removed` is there only if decoding was asked to explain itself.
        """
        removed = self.removed
        return {
            "id": self.id,
            "text": self.text,
            "entities": [found_entity_to_dict(e) for e in self.entities],
            "triples": [triple_to_dict(t) for t in self.triples],
            "model": self.model,
            **({} if removed is None else {"removed": [removed_to_dict(r) for r in removed]}),
        }


def removed_to_dict(removed: Removed) -> dict[str, Any]:
    """A candidate that was left out as plain values."""
    return {
        **_fact_to_dict(removed.what),
        "score": round(removed.score, 4),
        "constraint": removed.constraint,
        "in_favour_of": [_fact_to_dict(fact) for fact in removed.in_favour_of],
    }


def _fact_to_dict(fact: Entity | Triple) -> dict[str, Any]:
    if isinstance(fact, Entity):
        return {"entity": entity_to_dict(fact)}
    plain = triple_to_dict(fact)
    triple = {key: plain[key] for key in ("subject", "relation", "object")}
    if not plain["qualifiers"]:
        return {"triple": triple}
    (qualifier,) = plain["qualifiers"]
    return {"triple": triple, "qualifier": {key: qualifier[key] for key in ("label", "value")}}


def entity_to_dict(entity: Entity) -> dict[str, Any]:
    """An entity as plain values; `start` and `end` are character offsets."""
    return {
        "text": entity.text,
        "start": entity.start_char,
        "end": entity.end_char,
        "label": entity.label,
    }


def found_entity_to_dict(entity: Entity) -> dict[str, Any]:
    """An entity as plain values, with its score."""
    return entity_to_dict(entity) | {"score": round(entity.score, 4)}


def triple_to_dict(triple: Triple) -> dict[str, Any]:
    """A triple as plain values."""
    return {
        "subject": entity_to_dict(triple.subject),
        "relation": triple.relation,
        "relation_id": triple.relation_id,
        "object": entity_to_dict(triple.object),
        "qualifiers": [
            {
                "label": qualifier.label,
                "label_id": qualifier.label_id,
                "value": entity_to_dict(qualifier.value),
                "score": round(qualifier.score, 4),
            }
            for qualifier in triple.qualifiers
        ],
        "score": round(triple.score, 4),
        "sentence": list(triple.sentence) if triple.sentence is not None else None,
    }
