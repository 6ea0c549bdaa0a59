"""Corpora of a recipe: splits, own schemas, and the merged schema."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from corpora.base import Example
from extract.errors import RecipeError
from extract.training.corpora import CorpusData, load_corpora, load_corpus, merged_schema
from extract.training.recipe import CorpusRecipe, Recipe
from tests.extract.cases import sentence_of


def facts(path: Path, **changes: object) -> CorpusRecipe:
    data = {"name": "hyperred", "path": str(path), "train": "file", "dev": "file"}
    return CorpusRecipe.model_validate({**data, **changes})


def test_corpus_has_its_parts_and_the_schema_of_its_train_part(facts_file: Path) -> None:
    corpus = load_corpus(facts(facts_file))
    assert len(corpus.train) == len(corpus.dev) == 16
    assert corpus.schema.entity_names == ["Entity"]
    assert "educated at" in corpus.schema.relation_names
    assert corpus.schema.relation("educated at").id == "P69"


def test_dev_part_cut_from_train_shares_nothing_with_it(facts_file: Path) -> None:
    one, two, other = (
        load_corpus(facts(facts_file, n_dev=4, split_seed=seed)) for seed in (0, 0, 1)
    )
    assert (len(one.train), len(one.dev)) == (12, 4)
    assert not {e.text for e in one.train} & {e.text for e in one.dev}
    assert one == two
    assert [e.text for e in one.dev] != [e.text for e in other.dev]


def test_own_words_replace_those_of_the_corpus(facts_file: Path) -> None:
    corpus = load_corpus(facts(facts_file, words="tripack"))
    assert {e.text for e in corpus.train} == {e.text for e in load_corpus(facts(facts_file)).train}


def test_corpus_may_only_teach(facts_file: Path) -> None:
    corpus = load_corpus(facts(facts_file, dev="none"))
    assert (len(corpus.train), corpus.dev) == (16, [])
    one_only = {"name": "x", "corpora": [facts(facts_file, dev="none").model_dump()]}
    with pytest.raises(ValueError, match="at least one corpus with a dev part"):
        Recipe.model_validate(one_only)
    one_only["corpora"][0]["n_dev"] = 4
    assert Recipe.model_validate(one_only)


def test_missing_split_lists_those_that_are_there(facts_file: Path) -> None:
    with pytest.raises(
        RecipeError, match=r"'hyperred' at .* has no split 'test'. Expected one of: file"
    ):
        load_corpus(facts(facts_file, train="test"))


def test_parts_are_corpora_of_their_own(tmp_path: Path, facts_file: Path) -> None:
    lines = facts_file.read_text(encoding="utf-8").splitlines(keepends=True)
    (tmp_path / "b.jsonl").write_text("".join(lines[:4]), encoding="utf-8")
    (tmp_path / "a.jsonl").write_text("".join(lines[4:]), encoding="utf-8")
    both = facts(tmp_path, parts="*.jsonl", train="train", n_dev=1)
    first, second = load_corpora([both])
    assert (first.title, second.title) == ("hyperred/a.jsonl", "hyperred/b.jsonl")
    assert (len(first.train), len(second.train)) == (len(lines) - 5, 3)
    assert first.schema.relation_names != second.schema.relation_names
    with pytest.raises(RecipeError, match=r"'hyperred' at .* has no file '\*\.csv'"):
        load_corpora([facts(tmp_path, parts="*.csv")])
    (whole,) = load_corpora([facts(facts_file)])
    assert whole.title == "hyperred"


def data_of(name: str, sentences: list, typed: bool) -> CorpusData:  # type: ignore[type-arg]
    from extract.schema import Schema

    examples = [Example("", s) for s in sentences]
    return CorpusData(name, examples, [], Schema.infer(sentences), "strict", typed)


TYPED = data_of(
    "typed",
    [sentence_of("Ann Oslo", [(0, 1, "PER"), (1, 2, "LOC")], [(0, "born in", 1, [])])],
    True,
)
UNTYPED = data_of(
    "spans",
    [
        sentence_of(
            "Ann Oslo 1999",
            [(0, 1, "Entity"), (1, 2, "Entity"), (2, 3, "Entity")],
            [(0, "born in", 1, [("when", 2)]), (0, "left", 1, [])],
            {"born in": "P19", "when": "P585"},
        )
    ],
    False,
)


def recipe(**changes: object) -> Recipe:
    data = {"name": "both", "corpora": [{"name": "conll04"}, {"name": "hyperred"}]}
    return Recipe.model_validate({**data, **changes})


def test_merged_schema_takes_types_and_their_pairs_from_typed_corpora_only() -> None:
    schema = merged_schema(recipe(), [TYPED, UNTYPED])
    assert schema.entity_names == ["LOC", "PER"]
    assert schema.relation_names == ["born in", "left"]
    born, left = schema.relations
    assert (born.domain, born.range, born.id) == (("PER",), ("LOC",), "P19")
    assert (left.domain, left.range) == ((), ())
    (when,) = schema.qualifiers
    assert (when.range, when.relations, when.id) == ((), ("born in",), "P585")


def test_merged_schema_without_type_constraints_admits_everything() -> None:
    schema = merged_schema(recipe(decode={"type_constraints": False}), [TYPED, UNTYPED])
    assert all(not r.domain and not r.range for r in schema.relations)
    assert all(not q.relations and not q.range for q in schema.qualifiers)


def test_copies_with_other_names_join_the_train_part(tmp_path: Path) -> None:
    records = [
        {
            "id": f"s{n}",
            "sent": f"{name}berg lies in {name}land .",
            "triples": [{"sub": f"{name}berg", "rel": "country", "obj": f"{name}land"}],
        }
        for n, name in enumerate(("Al", "Bo", "Ci", "Do", "Ek", "Fi", "Go", "Hu", "Is", "Jo", "Ka"))
    ]
    path = tmp_path / "ont_1_town_train.jsonl"
    path.write_text("\n".join(map(json.dumps, records)) + "\n", encoding="utf-8")
    data = {"name": "text2kgbench", "path": str(path), "train": "file", "n_dev": 2}
    plain, more = (
        load_corpora([CorpusRecipe.model_validate({**data, "swapped": n})])[0] for n in (0, 2)
    )
    assert more.dev == plain.dev
    assert more.schema == plain.schema
    assert more.train[:9] == plain.train
    assert len(more.train) == 27
    towns = {t.subject.text for e in plain.train for t in e.sentence.triples}
    found = [t for e in more.train[9:] for t in e.sentence.triples]
    assert {t.subject.text for t in found} <= towns
    assert any(t.subject.text[:2] != t.object.text[:2] for t in found)


def test_corpora_of_one_name_are_told_apart(tmp_path: Path, facts_file: Path) -> None:
    other = tmp_path / "other.jsonl"
    other.write_bytes(facts_file.read_bytes())
    data = load_corpora([facts(facts_file), facts(other), facts(tmp_path, parts="*.jsonl")])
    assert [d.title for d in data] == ["hyperred#1", "hyperred#2", "hyperred/other.jsonl"]


@pytest.mark.parametrize(
    ("metric", "what"),
    [
        ("strict", "triples"),
        ("partial", "triples"),
        ("entity", "entities"),
        ("quintuplet", "qualifiers"),
    ],
)
def test_a_dev_part_without_what_its_metric_counts_is_refused(
    tmp_path: Path, metric: str, what: str
) -> None:
    entity = {"text": "Ann", "start": 0, "end": 3, "label": "PER"}
    triple = {
        "subject": entity,
        "relation": "is",
        "object": entity | {"start": 4, "end": 7, "text": "Bob"},
    }
    full = {"text": "Ann Bob", "entities": [entity], "triples": [triple]}
    bare = full | {"triples": []} if what == "triples" else full
    bare = bare | {"entities": [], "triples": []} if what == "entities" else bare
    for name, record in (("train", full), ("dev", bare)):
        (tmp_path / f"{name}.jsonl").write_text(json.dumps(record) + "\n", encoding="utf-8")
    recipe = CorpusRecipe.model_validate(
        {"name": "tripack", "path": str(tmp_path), "metric": metric}
    )
    with pytest.raises(RecipeError, match=rf"Expected {what} in the dev part of corpus 'tripack'"):
        load_corpus(recipe)
    assert load_corpus(recipe.model_copy(update={"dev": "none"})).dev == []
