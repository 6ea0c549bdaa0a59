"""REBEL: Wikipedia abstracts with silver Wikidata triples, a sample of 1,000."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any, ClassVar

from corpora.base import Corpus, Example, SplitFiles
from corpora.build import Ends, UniqueIds
from corpora.files import Place, read_json_lines
from corpora.sentences import SentenceDrafts

_TYPE = "Entity"
# The sample's boundaries run ahead of its text by 2 to 6 characters after lost characters.
_MAX_SHIFT = 20
_PROPERTY = re.compile(r"P[0-9]+")


class RebelSample(Corpus):
    """REBEL JSON lines: `text`, `entities` and `triples` with character boundaries.

    Boundaries that miss their surface form are moved to its nearest occurrence and counted.
    Sentences are split here. An example's text is the whole document; its sentence holds the
    entities and triples that stand in it whole. A triple that does not is kept as `unaligned` in
    the sentence of its subject, or in the first one if the subject has no place.
    """

    name = "rebel_sample"
    title = "REBEL, sample of 1,000 Wikipedia abstracts, silver Wikidata triples"
    licence = "CC BY-NC-SA 4.0"
    source = "https://github.com/Babelscape/rebel"
    citation = (
        "Huguet Cabot and Navigli 2021, REBEL: Relation Extraction By End-to-end Language "
        "generation"
    )
    hub_name = "Babelscape/rebel-dataset"
    split_files: ClassVar[SplitFiles] = {"sample": ("sample.jsonl",)}

    def read_file(self, path: Path) -> Iterator[Example]:
        """Each sentence of each abstract of a file."""
        unique = UniqueIds()
        for place, record in read_json_lines(path):
            key = place.field(record, "docid", str)
            yield from _examples(record, place.at(repr(key[:60])), unique(f"{path.stem}-{key}"))


class _Document(SentenceDrafts):
    """An abstract; its boundaries may miss the text by a few characters."""

    def boundaries(self, part: dict[str, Any]) -> Ends | None:
        """The characters of an entity, half-open; None where the file gives none.

        Boundaries that miss the surface form are moved to its nearest occurrence.
        """
        surface = self.place.field(part, "surfaceform", str)
        if part.get("boundaries") is None:
            return None
        start, end = self.place.row(part["boundaries"], (int, int), "'boundaries'")[:2]
        if surface and 0 <= start < end and self.text[start:end] == surface:
            return start, end
        from_, to = max(0, start - _MAX_SHIFT), max(0, end + _MAX_SHIFT)
        places = [m.start() for m in re.finditer(re.escape(surface), self.text[from_:to])]
        if not surface or not places:
            raise self.place.error(
                f"expected {surface[:60]!r} at 'boundaries' {start} to {end} of 'text' or within "
                f"{_MAX_SHIFT} characters, got {self.text[max(0, start) : max(0, end)][:60]!r}."
            )
        nearest = from_ + min(places, key=lambda at: abs(from_ + at - start))
        return nearest, nearest + len(surface)


def _examples(record: dict[str, Any], place: Place, doc_id: str) -> Iterator[Example]:
    document = _Document(place.field(record, "text", str), place)
    if not document.drafts:
        raise place.error("expected at least one word in 'text', got none.")
    for entity in place.field(record, "entities", list):
        ends = document.boundaries(place.check(entity, dict, "an entity"))
        number = document.sentence_of(ends)
        if ends is None or number is None:
            document.drafts[0].count("dropped_entities")
        else:
            document.drafts[number].entity_of_chars(*ends, _TYPE)
            moved = list(ends) != entity["boundaries"][:2]
            document.drafts[number].count("moved_entities", moved)
    for triple in place.field(record, "triples", list):
        _add_triple(document, triple)
    yield from document.examples(doc_id)


def _add_triple(document: _Document, triple: Any) -> None:
    place = document.place
    parts = [place.field(triple, key, dict) for key in ("subject", "predicate", "object")]
    subject, relation, object_ = (place.field(part, "surfaceform", str) for part in parts)
    property_ = place.field(parts[1], "uri", str)
    ends = document.boundaries(parts[0]), document.boundaries(parts[2])
    numbers = document.sentence_of(ends[0]), document.sentence_of(ends[1])
    draft = document.drafts[numbers[0] or 0]
    if ends[0] and ends[1] and numbers[0] is not None and numbers[0] == numbers[1]:
        head = draft.mention_of_chars(*ends[0], _TYPE)
        tail = draft.mention_of_chars(*ends[1], _TYPE)
        if head is not None and tail is not None:
            id = property_ if _PROPERTY.fullmatch(property_) else None
            draft.triple(head, relation, tail, relation_id=id)
            return
    draft.unaligned(subject, relation, object_)
