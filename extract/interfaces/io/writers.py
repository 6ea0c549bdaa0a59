"""One writer a format: a document in, the text that stands for it out."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Callable
from functools import partial
from typing import Protocol

from extract.errors import OutputError, one_of
from extract.structures import Document, triple_to_dict


class Writer(Protocol):
    """Turns documents into output; `header` comes before the first of them."""

    header: str

    def render(self, document: Document) -> str:
        """The output for one document, complete with its line ends."""
        ...


class JsonLinesWriter:
    """One JSON object a line, as `Document.to_dict` gives it."""

    header = ""

    def render(self, document: Document) -> str:
        """The document's line."""
        return json.dumps(document.to_dict(), ensure_ascii=False) + "\n"


class CsvWriter:
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
        rows = []
        for triple in document.triples:
            plain = triple_to_dict(triple)
            subject, obj = plain["subject"], plain["object"]
            start, end = triple.sentence if triple.sentence is not None else ("", "")
            rows.append(
                _csv_line(
                    (
                        *(document.id, *(subject[key] for key in _MENTION)),
                        *(plain["relation"], plain["relation_id"] or ""),
                        *(obj[key] for key in _MENTION),
                        *(plain["score"], start, end),
                        json.dumps(plain["qualifiers"], ensure_ascii=False),
                        document.model,
                    )
                )
            )
        return "".join(rows)


class PairsWriter:
    """One line a pair of a triple's ends, "(subject, object)"; an empty line between documents.

    A pair stands once a document, in the order of its triples. Hints for a prompt: Ding et al. 2024,
    Improving Recall of Large Language Models: A Model Collaboration Approach for Relational Triple
    Extraction.
    """

    header = ""

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
