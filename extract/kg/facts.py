"""From what extraction gives to the facts of a document."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from extract.errors import InputError
from extract.kg.identifiers import identifier
from extract.kg.structures import DocumentFacts, Fact, FactQualifier, Mention
from extract.structures import Document


def facts_of(document: Document | Mapping[str, Any]) -> DocumentFacts:
    """The facts of a document, or of an object of the JSON Lines output, which give the same.

    Scores and the model's name may be missing, as in annotation by hand: 1.0 and "".
    Raises `InputError` if the document has no id, or the object is not of the output's form.
    """
    record = document.to_dict() if isinstance(document, Document) else document
    return _Record(record).facts()


def facts_of_all(documents: Iterable[Document | Mapping[str, Any]]) -> Iterator[DocumentFacts]:
    """The facts of each document, in order; a document met again is left out.

    Raises `InputError` if two documents of different content have one id.
    """
    return distinct(facts_of(document) for document in documents)


def distinct(facts: Iterable[DocumentFacts]) -> Iterator[DocumentFacts]:
    """Each document once. Raises `InputError` if two of different content have one id."""
    digests: dict[str, str] = {}
    for one in facts:
        if one.document not in digests:
            digests[one.document] = one.digest
            yield one
        elif digests[one.document] != one.digest:
            raise InputError(
                f"Expected one content for each document id, got two documents {one.document[:80]!r} that "
                "differ. Give them ids of their own."
            )


class _Record:
    """An object of the JSON Lines output, checked while it is read."""

    def __init__(self, record: Any) -> None:
        if not isinstance(record, Mapping):
            raise InputError(f"Expected a document as an object, got {_named(record)}.")
        self.record = record
        name = record.get("id")
        if not isinstance(name, str) or not name:
            raise InputError(
                f"Expected a document with a text as 'id', got {_named(name)}. The graph names "
                "each statement's document: give every document an id."
            )
        self.id = name
        self.text = self._get(record, "text", str)
        self.model = self._get(record, "model", str, "")

    def facts(self) -> DocumentFacts:
        entities = self._get(self.record, "entities", list)
        triples = self._get(self.record, "triples", list)
        facts = {self._fact(triple): None for triple in triples}
        mentions = {self._mention(entity) for entity in entities}
        for fact in facts:
            mentions |= {fact.subject, fact.object, *(q.value for q in fact.qualifiers)}
        return DocumentFacts(
            document=self.id,
            digest=identifier(self.text, entities, triples, self.model),
            model=self.model,
            mentions=tuple(sorted(mentions, key=place)),
            facts=tuple(facts),
        )

    def _fact(self, triple: Any) -> Fact:
        subject = self._mention(self._get(triple, "subject", Mapping))
        object_ = self._mention(self._get(triple, "object", Mapping))
        qualifiers = tuple(self._qualifier(q) for q in self._get(triple, "qualifiers", list, []))
        start, end = self._sentence(triple, (subject, object_))
        return Fact(
            subject=subject,
            relation=self._get(triple, "relation", str),
            relation_id=self._get(triple, "relation_id", (str, type(None)), None),
            object=object_,
            qualifiers=qualifiers,
            score=self._score(triple),
            sentence=(start, end),
            sentence_text=self.text[start:end],
            model=self.model,
        )

    def _qualifier(self, qualifier: Any) -> FactQualifier:
        return FactQualifier(
            label=self._get(qualifier, "label", str),
            label_id=self._get(qualifier, "label_id", (str, type(None)), None),
            value=self._mention(self._get(qualifier, "value", Mapping)),
            score=self._score(qualifier),
        )

    def _mention(self, entity: Any) -> Mention:
        start, end = (self._get(entity, key, int) for key in ("start", "end"))
        text = self._get(entity, "text", str)
        there = self.text[start:end] if 0 <= start < end else ""
        if not text or there != text:
            raise self._error(
                f"the text of an entity at its characters {start} to {end}, where {there[:40]!r} stands",
                text,
            )
        label = self._get(entity, "label", (str, type(None)), None)
        return Mention(self.id, start, end, text, label or None)

    def _sentence(self, triple: Mapping[str, Any], ends: tuple[Mention, ...]) -> tuple[int, int]:
        given = self._get(triple, "sentence", (list, type(None)), None)
        if given is None:
            return min(m.start for m in ends), max(m.end for m in ends)
        if len(given) != 2 or not all(type(at) is int for at in given):
            raise self._error("two numbers as 'sentence'", given)
        if not 0 <= given[0] < given[1] <= len(self.text):
            raise self._error(
                f"a 'sentence' within the {len(self.text)} characters of the text", given
            )
        return given[0], given[1]

    def _score(self, of: Mapping[str, Any]) -> float:
        score: float = self._get(of, "score", (float, int), 1.0)
        if not 0.0 <= score <= 1.0:
            raise self._error("a 'score' in [0, 1]", score)
        return float(score)  # only now: a number of 400 digits has no float

    def _get(self, record: Any, key: str, kind: Any, *default: Any) -> Any:
        if not isinstance(record, Mapping):
            raise self._error(f"an object with {key!r}", record)
        value = record.get(key, *default) if default else record.get(key)
        if not isinstance(value, kind) or isinstance(value, bool):
            kinds = kind if isinstance(kind, tuple) else (kind,)
            names = " or ".join(_KINDS[one] for one in kinds)
            raise self._error(f"{names} as {key!r}", value)
        return value

    def _error(self, expected: str, got: Any) -> InputError:
        return InputError(f"Document {self.id[:80]!r}: expected {expected}, got {_named(got)}.")


_KINDS = {
    str: "a text",
    list: "a list",
    int: "a whole number",
    float: "a number",
    Mapping: "an object",
    type(None): "null",
}


def place(mention: Mention) -> tuple[str, int, int, str]:
    """What mentions are sorted by; types may be missing, so mentions alone cannot always be compared."""
    return mention.document, mention.start, mention.end, mention.type or ""


def _named(value: Any) -> str:
    return "nothing" if value is None else repr(value)[:80]
