"""FewRel: one Wikidata relation a sentence, for the classification of unseen relations."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any, ClassVar

from corpora.base import Corpus, Example, SplitFiles
from corpora.build import Draft
from corpora.files import Place, read_json
from corpora.wikidata import property_name
from extract.structures import Entity

_TYPE = "Entity"
_PROPERTY = re.compile(r"P[0-9]+")


class FewRel(Corpus):
    """JSON by relation: `tokens`, and `h` and `t` as [name, id, lists of token indices].

    Every list of indices is a mention and an entity; the triple joins the first mentions. Names
    of properties come from `pid2name.json` beside the file, where it is there. The medical files
    name their relations outright.
    """

    name = "fewrel"
    title = "FewRel, Wikipedia: 16 Wikidata relations of the development part, 700 sentences each"
    licence = "MIT"
    source = "https://github.com/thunlp/FewRel"
    citation = (
        "Han et al. 2018, FewRel: A Large-Scale Supervised Few-Shot Relation Classification "
        "Dataset; Gao et al. 2019, FewRel 2.0"
    )
    hub_name = "thunlp/few_rel"
    hub_config = "default"
    split_files: ClassVar[SplitFiles] = {
        "train": ("train_wiki.json",),
        "dev": ("val_wiki.json",),
        "test": ("val_pubmed.json",),
    }

    def read_file(self, path: Path) -> Iterator[Example]:
        """Each sentence of a file, relation by relation."""
        file, value = read_json(path)
        names = _names(path.with_name("pid2name.json"))
        for relation, instances in file.check(value, dict, "the file").items():
            for number, item in enumerate(file.check(instances, list, relation), start=1):
                place = file.at(f"{relation[:60]!r} item {number}")
                name = names.get(relation) or property_name(relation) or relation
                yield _read_instance(
                    place.field(item, "tokens", list),
                    [_mentions(place.field(item, key, list), place) for key in "ht"],
                    (name, relation),
                    place,
                    f"{path.stem}-{relation}-{number}",
                )

    def from_hub_row(self, row: dict[str, Any], place: Place) -> Iterator[Example]:
        """A row with `relation`, `tokens`, `head`, `tail` and `names` of the relation."""
        relation = place.field(row, "relation", str)
        names = place.texts(row.get("names") or [], "'names'")
        mentions = [
            _indices(place.field(place.field(row, key, dict), "indices", list), place)
            for key in ("head", "tail")
        ]
        name = names[0] if names else property_name(relation) or relation
        tokens = place.field(row, "tokens", list)
        yield _read_instance(
            tokens, mentions, (name, relation), place, f"{place.path}-{place.line}"
        )


def _names(path: Path) -> dict[str, str]:
    """Property id to name, from [name, description] by id; empty without the file."""
    if not path.is_file():
        return {}
    place, value = read_json(path)
    rows = place.check(value, dict, "the file").items()
    return {id: place.row(row, (str,), f"the names of {id}")[0] for id, row in rows}


def _mentions(value: list[Any], place: Place) -> list[tuple[int, int]]:
    indices = place.row(value, (str, str, list), "'h' and 't'")[2]
    return _indices(indices, place)


def _indices(values: list[Any], place: Place) -> list[tuple[int, int]]:
    """Half-open spans from lists of token indices."""
    spans = []
    for value in values:
        row = [place.check(i, int, "a token index") for i in place.check(value, list, "a mention")]
        if not row or row != list(range(row[0], row[0] + len(row))):
            raise place.error(f"expected consecutive token indices, got {str(row)[:60]}.")
        spans.append((row[0], row[-1] + 1))
    if not spans:
        raise place.error("expected at least one mention of each entity, got none.")
    return spans


def _read_instance(
    tokens: list[Any],
    mentions: list[list[tuple[int, int]]],
    relation: tuple[str, str],
    place: Place,
    id: str,
) -> Example:
    draft = Draft.of_tokens(place.texts(tokens, "'tokens'"), place)
    ends: list[list[Entity | None]] = [
        [draft.entity(start, end, _TYPE) for start, end in spans] for spans in mentions
    ]
    subject, object_ = ends[0][0], ends[1][0]
    if subject is None or object_ is None:
        raise place.error("expected the mentions to hold words, got blank tokens.")
    name, key = relation
    draft.triple(subject, name, object_, relation_id=key if _PROPERTY.fullmatch(key) else None)
    return draft.finish(id)
