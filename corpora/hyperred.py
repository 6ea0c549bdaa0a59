"""HyperRED: Wikipedia sentences whose triples carry qualifiers."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any, ClassVar

from corpora.base import Corpus, Example, SplitFiles
from corpora.build import Draft
from corpora.files import Place, read_json_lines
from corpora.wikidata import property_id
from extract.structures import Qualifier

_TYPE = "Entity"


class HyperRed(Corpus):
    """JSON lines with inclusive word spans: `[hs, he, ts, te, "[r]label", [[qs, qe, "[k]label"]]]`.

    The file of 4,000 is the official test part, used for training here; the official dev part is
    the test.
    """

    name = "hyperred"
    title = "HyperRED, Wikipedia: 62 relations, 44 qualifier labels, one entity type"
    licence = "CC BY-SA 3.0 (text from Wikipedia)"
    source = "https://github.com/declare-lab/HyperRED"
    citation = (
        "Chia et al. 2022, A Dataset for Hyper-Relational Extraction and a Cube-Filling Approach; "
        "processed files of Text2NKG, Luo et al. 2024"
    )
    hub_name = "declare-lab/HyperRED"
    split_files: ClassVar[SplitFiles] = {
        "train": ("annotated_4000.json",),
        "test": ("annotated_1000.json",),
    }

    def read_file(self, path: Path) -> Iterator[Example]:
        """Each sentence of a file."""
        for place, record in read_json_lines(path):
            yield _read_record(record, place, f"{path.stem}-{place.line}")

    def from_hub_row(self, row: dict[str, Any], place: Place) -> Iterator[Example]:
        """A row with `tokens`, `entities` and `relations` whose spans are half-open."""
        draft = Draft.of_tokens(place.texts(row.get("tokens"), "'tokens'"), place)
        for record in place.records(row, "entities"):
            draft.entity(*_ends(record, "span", place), _TYPE)
        for record in place.records(row, "relations"):
            relation = place.field(record, "label", str)
            subject = draft.mention(*_ends(record, "head", place), _TYPE)
            object_ = draft.mention(*_ends(record, "tail", place), _TYPE)
            qualifiers = []
            for item in place.records(record, "qualifiers"):
                label = place.field(item, "label", str)
                value = draft.mention(*_ends(item, "span", place), _TYPE)
                qualifiers.append(Qualifier(label, value, property_id(label)))
            draft.triple(subject, relation, object_, qualifiers, property_id(relation))
        yield draft.finish(f"{place.path}-{place.line}")


def _ends(record: Any, key: str, place: Place) -> tuple[int, int]:
    start, end = place.row(place.field(record, key, list), (int, int), repr(key))[:2]
    return start, end


def _read_record(record: dict[str, Any], place: Place, id: str) -> Example:
    sentence = _only(record, "sentences", place)
    draft = Draft.of_tokens(place.texts(sentence, "'sentences'"), place)
    for row in _only(record, "ner", place):
        start, end, label = place.row(row, (int, int, str), "an entity")[:3]
        draft.entity(start, end + 1, label)
    for row in _only(record, "relations", place):
        hs, he, ts, te, label, values = place.row(
            row, (int, int, int, int, str, list), "a relation"
        )[:6]
        relation = _label(label, "[r]", place)
        qualifiers = []
        for value in values:
            start, end, name = place.row(value, (int, int, str), "a qualifier")[:3]
            name = _label(name, "[k]", place)
            entity = draft.mention(start, end + 1, _TYPE)
            qualifiers.append(Qualifier(name, entity, property_id(name)))
        subject, object_ = draft.mention(hs, he + 1, _TYPE), draft.mention(ts, te + 1, _TYPE)
        draft.triple(subject, relation, object_, qualifiers, property_id(relation))
    return draft.finish(id)


def _only(record: dict[str, Any], key: str, place: Place) -> list[Any]:
    """The list of the record's one sentence."""
    values = place.field(record, key, list)
    if len(values) != 1:
        raise place.error(f"expected {key!r} to hold one sentence, got {len(values)}.")
    return place.check(values[0], list, f"the sentence of {key!r}")


def _label(text: str, mark: str, place: Place) -> str:
    if not text.startswith(mark) or text == mark:
        raise place.error(f"expected a label that begins with {mark!r}, got {text[:60]!r}.")
    return text.removeprefix(mark)
