"""CoNLL04: news sentences with people, places, organisations and their relations."""

from __future__ import annotations

import re
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path
from typing import Any, ClassVar

from corpora.base import Corpus, Example, SplitFiles
from corpora.build import Draft, Ends, UniqueIds
from corpora.files import Place, read_lines
from extract.structures import Entity

_RELATIONS = re.compile(r"\['[^']*'(?:, ?'[^']*')*\]")
_HEADS = re.compile(r"\[[0-9]{1,9}(?:, ?[0-9]{1,9})*\]")
_NONE = "N"

Line = tuple[Place, list[str]]


class Conll04(Corpus):
    """Multi-head BIO text: `#doc ID`, then index, token, tag, relations and heads by tabs.

    A relation stands at the last token of its subject and points to the last token of its object.
    """

    name = "conll04"
    title = "CoNLL04, news: 4 entity types, 5 relations"
    licence = "research use"
    source = "https://github.com/bekou/multihead_joint_entity_relation_extraction"
    citation = (
        "Roth and Yih 2004, A Linear Programming Formulation for Global Inference in Natural "
        "Language Tasks; split of Gupta et al. 2016 as used by Bekoulis et al. 2018"
    )
    hub_name = "DFKI-SLT/conll04"
    split_files: ClassVar[SplitFiles] = {
        "train": ("train.txt",),
        "dev": ("dev.txt",),
        "test": ("test.txt",),
    }

    def read_file(self, path: Path) -> Iterator[Example]:
        """Each sentence of a file."""
        unique = UniqueIds()
        for place, doc, lines in _documents(path):
            yield _read_sentence(lines, place, unique(f"{path.stem}-{doc}"))

    def from_hub_row(self, row: dict[str, Any], place: Place) -> Iterator[Example]:
        """A row with `tokens`, half-open `entities`, and `relations` between places in them."""
        draft = Draft.of_tokens(place.texts(row.get("tokens"), "'tokens'"), place)
        entities = []
        for record in place.records(row, "entities"):
            start, end = place.field(record, "start", int), place.field(record, "end", int)
            entities.append(draft.entity(start, end, place.field(record, "type", str)))
        for record in place.records(row, "relations"):
            ends = [place.field(record, key, int) for key in ("head", "tail")]
            if not all(0 <= end < len(entities) for end in ends):
                raise place.error(
                    f"expected 'head' and 'tail' below the {len(entities)} entities, got {ends}."
                )
            subject, object_ = entities[ends[0]], entities[ends[1]]
            if subject is None or object_ is None:
                raise place.error("expected the ends of a relation to hold words, got blanks.")
            draft.triple(subject, place.field(record, "type", str), object_)
        yield draft.finish(f"{place.path}-{place.line}")


def _documents(path: Path) -> Iterator[tuple[Place, str, list[Line]]]:
    header: tuple[Place, str] | None = None
    lines: list[Line] = []
    for place, line in read_lines(path):
        if line.startswith("#doc") and "\t" not in line:
            if header is not None:
                yield *header, lines
            doc = line[len("#doc") :].strip()
            if not doc:
                raise place.error("expected '#doc ID', got no id.")
            header, lines = (place, doc), []
        elif line.strip():
            columns = line.split("\t")
            if header is None:
                raise place.error(f"expected '#doc ID' before the first token, got {line[:60]!r}.")
            if len(columns) != 5:
                raise place.error(
                    "expected 5 columns by tabs (index, token, tag, relations, heads), "
                    f"got {len(columns)}."
                )
            lines.append((place, columns))
    if header is not None:
        yield *header, lines


def _read_sentence(lines: list[Line], header: Place, id: str) -> Example:
    for number, (place, columns) in enumerate(lines):
        if columns[0] != str(number):
            raise place.error(f"expected index {number}, got {columns[0]!r}.")
    draft = Draft.of_tokens([columns[1] for _, columns in lines], header)
    by_last: dict[int, Entity] = {}
    for (start, end), label in _spans(lines):
        entity = draft.entity(start, end, label)
        if entity is not None:
            by_last[end - 1] = entity
    draft.count("repaired_tags", _orphans(lines))
    for number, (place, columns) in enumerate(lines):
        for relation, head in _relations(place, columns[3], columns[4]):
            if relation == _NONE:
                continue
            if head >= len(lines):
                raise place.error(f"expected a head below {len(lines)}, got {head}.")
            for at in (number, head):
                if at not in by_last:
                    raise place.error(
                        f"expected {relation!r} to join the last tokens of two entities, "
                        f"but token {at} ends no entity."
                    )
            draft.triple(by_last[number], relation, by_last[head])
    return draft.finish(id)


def _spans(lines: list[Line]) -> Iterator[tuple[Ends, str]]:
    start, label = 0, ""  # the open entity; no label: none is open
    for number, (place, columns) in enumerate(lines):
        prefix, _, name = columns[2].partition("-")
        if columns[2] != "O" and (prefix not in ("B", "I") or not name):
            raise place.error(f"expected a tag O, B-TYPE or I-TYPE, got {columns[2]!r}.")
        # As in conlleval, an I- that continues nothing begins an entity (two do in train.txt).
        if prefix != "I" or name != label:
            if label:
                yield (start, number), label
            start, label = number, name
    if label:
        yield (start, len(lines)), label


def _orphans(lines: list[Line]) -> int:
    """How many I- tags continue no entity of their type."""
    tags = ["O"] + [columns[2] for _, columns in lines]
    return sum(tag[0] == "I" and before[2:] != tag[2:] for before, tag in pairwise(tags))


def _relations(place: Place, names: str, heads: str) -> list[tuple[str, int]]:
    if not _RELATIONS.fullmatch(names):
        raise place.error(f"expected a list of relations like ['N'], got {names[:60]!r}.")
    if not _HEADS.fullmatch(heads):
        raise place.error(f"expected a list of heads like [0], got {heads[:60]!r}.")
    read = re.findall(r"'([^']*)'", names), re.findall(r"[0-9]+", heads)
    if len(read[0]) != len(read[1]):
        raise place.error(
            f"expected as many heads as relations, got {len(read[1])} and {len(read[0])}."
        )
    return [(name, int(head)) for name, head in zip(*read, strict=True)]
