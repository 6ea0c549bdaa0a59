"""JSON Lines as `tripack extract` writes them: your own annotation, or a model's to train another on."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any, ClassVar

from corpora.base import Corpus, Example, SplitFiles
from corpora.build import Ends, UniqueIds
from corpora.files import Place, read_json_lines
from corpora.sentences import SentenceDrafts
from extract.structures import Entity, Qualifier


class Tripack(Corpus):
    """A document a line: `text`, and by characters of it `entities` and `triples` with `qualifiers`.

    Scores and the model's name may be left out and are not read. Sentences are split here as
    extraction splits them. A triple whose ends do not stand in one sentence is kept as `unaligned`
    in the sentence of its subject; a qualifier whose value stands in another sentence is dropped and
    counted, and so is such an entity.
    """

    name = "tripack"
    title = "JSON Lines as tripack writes them: your own annotation, or a model's"
    licence = "that of your texts"
    source = "https://pypi.org/project/tripack/"
    citation = "none: the data is yours"
    split_files: ClassVar[SplitFiles] = {
        "train": ("train.jsonl",),
        "dev": ("dev.jsonl",),
        "test": ("test.jsonl",),
    }

    def read_file(self, path: Path) -> Iterator[Example]:
        """Each sentence of each document of a file; a document without words has none."""
        unique = UniqueIds()
        for place, record in read_json_lines(path):
            name = record.get("id")
            doc_id = f"doc-{place.line}" if name is None else place.check(name, str, "'id'")
            document = SentenceDrafts(place.field(record, "text", str), place.at(repr(doc_id[:60])))
            if document.drafts:
                _annotate(document, record)
                yield from document.examples(unique(doc_id))


def _annotate(document: SentenceDrafts, record: dict[str, Any]) -> None:
    place = document.place
    for entity in place.field(record, "entities", list):
        ends, label = _characters(document, entity), place.field(entity, "label", str)
        number = document.sentence_of(ends)
        if number is None:
            document.drafts[0].count("dropped_entities")
        else:
            document.drafts[number].entity_of_chars(*ends, label)
    for triple in place.field(record, "triples", list):
        _add_triple(document, triple)


def _add_triple(document: SentenceDrafts, triple: Any) -> None:
    place = document.place
    relation, relation_id = _label(place, triple, "relation")
    ends = [place.field(triple, key, dict) for key in ("subject", "object")]
    number = document.sentence_of(_characters(document, ends[0])) or 0
    subject, object_ = (_mention(document, end, number) for end in ends)
    if subject is None or object_ is None:
        texts = [place.field(end, "text", str) for end in ends]
        document.drafts[number].unaligned(texts[0], relation, texts[1])
        return
    qualifiers = []
    for item in place.check(triple.get("qualifiers", []), list, "'qualifiers'"):
        label, label_id = _label(place, item, "label")
        value = _mention(document, place.field(item, "value", dict), number)
        if value is None:
            document.drafts[number].count("dropped_entities")
        else:
            qualifiers.append(Qualifier(label, value, label_id))
    document.drafts[number].triple(subject, relation, object_, qualifiers, relation_id)


def _label(place: Place, item: Any, key: str) -> tuple[str, str | None]:
    """A relation or a qualifier's label, and its id where it has one."""
    label, id = place.field(item, key, str), item.get(f"{key}_id")
    if not label:
        raise place.error(f"expected a text for {key!r}, got ''.")
    return label, id if id is None else place.check(id, str, f"'{key}_id'")


def _mention(document: SentenceDrafts, entity: Any, number: int) -> Entity | None:
    """The entity in the draft of sentence `number`; None if it does not stand there whole."""
    ends, label = _characters(document, entity), document.place.field(entity, "label", str)
    if document.sentence_of(ends) != number:
        return None
    return document.drafts[number].mention_of_chars(*ends, label)


def _characters(document: SentenceDrafts, entity: Any) -> Ends:
    """The entity's characters, half-open, which must hold its text."""
    place, text = document.place, document.text
    start, end = (place.field(entity, key, int) for key in ("start", "end"))
    surface = place.field(entity, "text", str)
    if not 0 <= start < end <= len(text) or text[start:end] != surface:
        raise place.error(
            f"expected {surface[:60]!r} at characters {start} to {end} of 'text', "
            f"got {text[max(0, start) : max(0, end)][:60]!r}."
        )
    return start, end
