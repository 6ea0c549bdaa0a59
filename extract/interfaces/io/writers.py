"""One writer a format: a document in, the text that stands for it out."""

from __future__ import annotations

import contextlib
import csv
import io
import json
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Iterator
from dataclasses import replace
from functools import partial
from tempfile import TemporaryFile
from typing import IO, Any

from extract.errors import OutputError, one_of
from extract.files import cannot_write
from extract.structures import (
    Document,
    Sentence,
    found_entity_to_dict,
    removed_to_dict,
    triple_to_dict,
)

_IN_MEMORY = 2**22  # characters of a list; few documents have more
_BLOCK = 2**20  # characters of it that are read at once


class Writer(ABC):
    """Turns documents into output; `header` comes before the first of them."""

    header = ""

    @abstractmethod
    def render(self, document: Document) -> str:
        """The output for one document, complete with its line ends."""

    def pieces(self, document: Document, sentences: Iterable[Sentence]) -> Iterator[str]:
        """What `render` gives for a document with these sentences, in pieces, when they are all read."""
        yield self.render(replace(document, sentences=tuple(sentences)))


class JsonLinesWriter(Writer):
    """One JSON object a line, as `Document.to_dict` gives it."""

    def render(self, document: Document) -> str:
        """The document's line."""
        return "".join(self.pieces(document, document.sentences))

    def pieces(self, document: Document, sentences: Iterable[Sentence]) -> Iterator[str]:
        """The line in pieces. Of a sentence only these are kept, so a long document needs little memory.

        Raises `OutputError` if a long one finds no room for its temporary files.
        """
        explained = False  # as decoding explains itself if asked to
        with _JsonItems() as entities, _JsonItems() as triples, _JsonItems() as removed:
            for sentence in sentences:
                entities.add(map(found_entity_to_dict, sentence.entities))
                triples.add(map(triple_to_dict, sentence.triples))
                if sentence.removed is not None:
                    explained = True
                    removed.add(map(removed_to_dict, sentence.removed))
            yield f'{{"id": {_json(document.id)}, "text": {_json(document.text)}, "entities": '
            yield from entities
            yield ', "triples": '
            yield from triples
            yield f', "model": {_json(document.model)}'
            if explained:
                yield ', "removed": '
                yield from removed
            yield "}\n"


class _JsonItems:
    """A list in JSON, made a portion at a time; a long one waits in a temporary file until it is read.

    To be used in a `with` block. Raises `OutputError` if there is no room for that file.
    """

    def __init__(self) -> None:
        self._portions: list[str] = []  # those that are not in the file, the last one among them
        self._size = 0
        self._file: IO[str] | None = None
        self._opened = contextlib.ExitStack()

    def __enter__(self) -> _JsonItems:
        return self

    def __exit__(self, *_: object) -> None:
        with contextlib.suppress(OSError):  # what is left to write is no longer wanted
            self._opened.close()

    def add(self, items: Iterable[dict[str, Any]]) -> None:
        if portion := list(items):
            if self._size > _IN_MEMORY:
                self._to_file()
            self._portions.append(_json(portion)[1:-1])
            self._size += len(self._portions[-1])

    def _to_file(self) -> None:
        with _told_of_no_room():
            if self._file is None:
                # A document may hold lone surrogates; whoever writes the output is to refuse them.
                self._file = self._opened.enter_context(
                    TemporaryFile("w+", encoding="utf-8", errors="surrogatepass", newline="")  # noqa: SIM115
                )
            self._file.writelines(f"{portion}, " for portion in self._portions)
        self._portions.clear()
        self._size = 0

    def __iter__(self) -> Iterator[str]:
        yield "["
        if self._file is not None:
            with _told_of_no_room():
                self._file.seek(0)
            while block := self._file.read(_BLOCK):
                yield block
        yield ", ".join(self._portions)
        yield "]"


@contextlib.contextmanager
def _told_of_no_room() -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise cannot_write("a temporary file", error) from error


_json = json.JSONEncoder(ensure_ascii=False).encode


class CsvWriter(Writer):
    """One row a triple; `qualifiers` is a JSON list. A document without triples has no row."""

    columns = (
        *("id", "subject", "subject_start", "subject_end", "subject_label"),
        *("relation", "relation_id"),
        *("object", "object_start", "object_end", "object_label"),
        *("score", "sentence_start", "sentence_end", "qualifiers", "model"),
    )

    def __init__(self) -> None:
        self.header = _csv_line(self.columns)

    def render(self, document: Document) -> str:
        """The rows of the document's triples."""
        return "".join(self.pieces(document, document.sentences))

    def pieces(self, document: Document, sentences: Iterable[Sentence]) -> Iterator[str]:
        """The rows, one by one."""
        for triple in (triple for sentence in sentences for triple in sentence.triples):
            plain = triple_to_dict(triple)
            subject, obj = plain["subject"], plain["object"]
            start, end = triple.sentence if triple.sentence is not None else ("", "")
            yield _csv_line(
                (
                    *(document.id, *(subject[key] for key in _MENTION)),
                    *(plain["relation"], plain["relation_id"] or ""),
                    *(obj[key] for key in _MENTION),
                    *(plain["score"], start, end),
                    json.dumps(plain["qualifiers"], ensure_ascii=False),
                    document.model,
                )
            )


class PairsWriter(Writer):
    """One line a pair of a triple's ends, "(subject, object)"; an empty line between documents.

    A pair stands once a document, in the order of its triples. Hints for a prompt: Ding et al. 2024,
    Improving Recall of Large Language Models: A Model Collaboration Approach for Relational Triple
    Extraction.
    """

    def __init__(self) -> None:
        self._between = ""

    def render(self, document: Document) -> str:
        """The lines of the document's pairs."""
        pairs = dict.fromkeys(
            (" ".join(t.subject.text.split()), " ".join(t.object.text.split()))
            for t in document.triples
        )
        lines = self._between + "".join(f"({subject}, {obj})\n" for subject, obj in pairs)
        self._between = "\n"
        return lines


_MENTION = ("text", "start", "end", "label")


def _csv_line(values: tuple[object, ...]) -> str:
    buffer = io.StringIO()
    csv.writer(buffer, lineterminator="\n").writerow(values)
    return buffer.getvalue()


def _table_writer() -> Writer:
    from extract.interfaces.io.table import TableWriter  # rich is needed for nothing else here

    return TableWriter()


def _html_writer() -> Writer:
    from extract.interfaces.io.html import HtmlWriter  # reads its assets

    return HtmlWriter()


def _rdf_writer(name: str) -> Writer:
    try:
        from extract.interfaces.io.rdf import RdfWriter
    except ImportError as error:
        raise OutputError(
            f"Format {name} needs the package {error.name}. Install it by: pip install 'tripack[graph]'."
        ) from error
    return RdfWriter(name)


FORMATS: dict[str, Callable[[], Writer]] = {
    "jsonl": JsonLinesWriter,
    "csv": CsvWriter,
    "pairs": PairsWriter,
    "html": _html_writer,
    "table": _table_writer,
    "turtle": partial(_rdf_writer, "turtle"),
    "nquads": partial(_rdf_writer, "nquads"),
}
SUFFIXES = {"ttl": "turtle", "nq": "nquads"}  # of formats that are not called as their files end


def make_writer(name: str) -> Writer:
    """The writer of a format. Raises `OutputError` listing the formats for an unknown name."""
    if name not in FORMATS:
        raise OutputError(one_of("output format", name, list(FORMATS)))
    return FORMATS[name]()
