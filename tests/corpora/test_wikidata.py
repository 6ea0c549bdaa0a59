"""The table of Wikidata properties."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

import corpora
from corpora.wikidata import properties, property_id, property_name


def test_table_maps_ids_to_names_one_to_one() -> None:
    table = properties()
    assert all(re.fullmatch(r"P[1-9][0-9]*", id) for id in table)
    assert len(set(table.values())) == len(table)
    assert {property_id(name) for name in table.values()} == set(table)


@pytest.mark.parametrize(
    ("id", "name"),
    [
        ("P69", "educated at"),
        ("P582", "end time"),
        ("P585", "point in time"),
        ("P6087", "coach of sports team"),
    ],
)
def test_known_properties(id: str, name: str) -> None:
    assert property_name(id) == name
    assert property_id(name) == id


def test_unknown_property_is_none() -> None:
    assert property_name("P0") is None
    assert property_id("no such property") is None


def test_names_agree_with_the_fewrel_table(corpora_dir: Path) -> None:
    text = (corpora_dir / "fewrel" / "pid2name.json").read_text(encoding="utf-8")
    fewrel = {id: names[0] for id, names in json.loads(text).items()}
    differing = {id for id, name in properties().items() if fewrel.get(id, name) != name}
    assert differing == {"P449", "P1037"}  # HyperRED has newer names


def test_ids_of_rebel_agree_with_the_table(corpora_dir: Path) -> None:
    examples = corpora.read("rebel_sample", corpora_dir / "rebel_sample")["sample"]
    ids = {t.relation_id for e in examples for t in e.sentence.triples}
    assert ids <= set(properties())
