"""What graphs are built from: texts, and documents with triples, told apart record by record.

A JSON object with `entities` and `triples` is a document that `tripack extract` wrote; any other record is
a text to extract from.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any, cast

from extract.errors import InputError
from extract.interfaces.io.decoding import HEAD_BYTES
from extract.interfaces.io.readers import READERS, Item, OpenInput, item_of, read_objects, read_text
from extract.interfaces.io.settings import ReadSettings, Tally
from extract.interfaces.io.sources import Source
from extract.kg.identifiers import identifier

if TYPE_CHECKING:
    from extract.kg.structures import DocumentFacts


def open_inputs(where: Sequence[str], settings: ReadSettings) -> list[Source]:
    """The sources named on the command line. Raises `InputError` for one that is not there."""
    readers = READERS | {"jsonl": _read_records, "text": _read_text_or_records}
    return [replace(Source.open(name, settings), readers=readers) for name in where]


def read_inputs(sources: Sequence[Source]) -> Iterator[Item | DocumentFacts]:
    """Each text and each document of the sources.

    Raises `InputError` for what cannot be read, and for an id that two of them share.
    """
    seen: dict[str, str] = {}
    for source in sources:
        for read in source:
            id, content = _identity(cast(Any, read))
            if seen.setdefault(id, content) != content:
                raise InputError(
                    f"Two documents of different content have the id {id[:80]!r}, expected an id each. "
                    "Number them, or name the field of their ids with --id-field."
                )
            yield read


def _identity(read: Item | DocumentFacts) -> tuple[str, str]:
    """The document's id, and what stands for its content."""
    if isinstance(read, tuple):
        return read[0], identifier(read[1])
    return read.document, read.digest


def _read_text_or_records(
    source: OpenInput, settings: ReadSettings, tally: Tally
) -> Iterator[Item]:
    """A text; JSON Lines if it starts with a brace and neither its name nor the user says text."""
    named = source.name.lower().endswith(".txt") or settings.input_format == "text"
    peek = getattr(source.stream, "peek", None)
    head = b"" if named or settings.lines or peek is None else peek(HEAD_BYTES)
    read = _read_records if head.lstrip().startswith(b"{") else read_text
    yield from read(source, settings, tally)


def _read_records(source: OpenInput, settings: ReadSettings, tally: Tally) -> Iterator[Item]:
    """One JSON object a line, each a text or a document with triples."""
    from extract.kg.facts import facts_of

    def read(record: dict[str, Any], by_place: str, where: str) -> Item:
        id, text = item_of(record, by_place, where, _fields(record, settings))
        if not _is_document(record):
            return id, text
        try:
            facts = facts_of(record | {"id": id})
        except InputError as error:
            raise InputError(f"{where}: {error}") from error
        return cast(Item, facts)  # readers of `Source` are typed for texts alone

    yield from read_objects(source, settings, tally, read)


def _is_document(record: dict[str, Any]) -> bool:
    return isinstance(record.get("entities"), list) and isinstance(record.get("triples"), list)


def _fields(record: dict[str, Any], settings: ReadSettings) -> ReadSettings:
    """What tripack wrote has its own fields, whatever the user calls those of texts."""
    return replace(settings, text_field="text", id_field="id") if _is_document(record) else settings
