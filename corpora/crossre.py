"""CrossRE: sentences of six domains with overlapping relation labels."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any, ClassVar

from corpora.base import Corpus, Example, SplitFiles
from corpora.build import Draft, UniqueIds
from corpora.files import Place, read_json_lines

_ENTITY = ("id-start", "id-end", "entity-type")
_RELATION = ("id_1-start", "id_1-end", "id_2-start", "id_2-end", "relation-type")


class CrossRe(Corpus):
    """JSON lines of one sentence each: `sentence`, `ner`, `relations`, inclusive word offsets.

    A pair of entities may stand in several relations. The marks after the label (explanation,
    uncertain, syntactic ambiguity) are not read.
    """

    name = "crossre"
    title = "CrossRE, six domains: 17 relations, overlapping labels"
    licence = "GPL-3.0"
    source = "https://github.com/mainlp/CrossRE"
    citation = "Bassignana and Plank 2022, CrossRE: A Cross-Domain Dataset for Relation Extraction"
    hub_name = "DFKI-SLT/cross_re"
    hub_config = "news"
    split_files: ClassVar[SplitFiles] = {
        "train": ("*-train.json",),
        "dev": ("*-dev.json",),
        "test": ("*-test.json",),
    }

    def read_file(self, path: Path) -> Iterator[Example]:
        """Each sentence of a file."""
        unique = UniqueIds()
        for place, record in read_json_lines(path):
            key = place.field(record, "doc_key", str) or str(place.line)
            yield _read_record(record, place, unique(key))

    def from_hub_row(self, row: dict[str, Any], place: Place) -> Iterator[Example]:
        """The same record, with objects in place of lists."""
        record = {
            "sentence": row.get("sentence"),
            "ner": _as_lists(row, "ner", _ENTITY, place),
            "relations": _as_lists(row, "relations", _RELATION, place),
        }
        yield _read_record(record, place, f"{place.path}-{place.line}")


def _as_lists(
    row: dict[str, Any], key: str, names: tuple[str, ...], place: Place
) -> list[list[Any]]:
    return [
        [place.check(item, dict, f"each item of {key!r}").get(name) for name in names]
        for item in place.records(row, key)
    ]


def _read_record(record: dict[str, Any], place: Place, id: str) -> Example:
    words = place.texts(place.field(record, "sentence", list), "'sentence'")
    draft = Draft.of_tokens(words, place)
    for row in place.field(record, "ner", list):
        start, end, label = place.row(row, (int, int, str), "an entity")[:3]
        draft.entity(start, end + 1, label)
    for row in place.field(record, "relations", list):
        hs, he, ts, te, label = place.row(row, (int, int, int, int, str), "a relation")[:5]
        for start, end in ((hs, he), (ts, te)):
            if not 0 <= start <= end < len(words):
                raise place.error(
                    f"expected a relation within the {len(words)} words of the sentence, "
                    f"got {start} to {end} (end included)."
                )
        subject, object_ = draft.known(hs, he + 1), draft.known(ts, te + 1)
        if subject is not None and object_ is not None:
            draft.triple(subject, label, object_)
        else:  # an end that 'ner' does not list
            draft.unaligned(" ".join(words[hs : he + 1]), label, " ".join(words[ts : te + 1]))
    return draft.finish(id)
