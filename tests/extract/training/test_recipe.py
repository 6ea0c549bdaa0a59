"""Recipes: TOML round trip, overrides, and one line for each mistake."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from extract.errors import RecipeError
from extract.heads.table import TableHead
from extract.training.recipe import Recipe, read_recipe, write_recipe
from tests.conftest import ROOT

RECIPES = sorted((ROOT / "recipes").glob("*.toml"))

SMALL = """
name = "small"
[[corpora]]
name = "conll04"
[[corpora]]
name = "scierc"
metric = "boundary"
[model.encoder]
max_words = 100
[training]
epochs = 3
"""


@pytest.fixture
def path(tmp_path: Path) -> Path:
    (tmp_path / "small.toml").write_text(SMALL, encoding="utf-8")
    return tmp_path / "small.toml"


def test_there_are_recipes() -> None:
    assert RECIPES


@pytest.mark.parametrize("recipe", RECIPES, ids=lambda p: p.name)
def test_every_recipe_reads_and_survives_writing(recipe: Path, tmp_path: Path) -> None:
    read = read_recipe(recipe)
    assert read.name == recipe.stem
    write_recipe(read, tmp_path / "again.toml")
    assert read_recipe(tmp_path / "again.toml") == read


@pytest.mark.parametrize("recipe", RECIPES, ids=lambda p: p.name)
def test_every_recipe_names_corpora_and_splits_that_exist(recipe: Path) -> None:
    import corpora

    for part in read_recipe(recipe).corpora:
        splits = corpora.get(part.name).split_files
        assert part.train in splits
        assert part.n_dev or part.dev in splits


texts = st.text(st.characters(exclude_categories=("Cs",)), max_size=12)


@given(
    name=texts.filter(bool),
    description=texts,
    path=texts,
    rate=st.floats(1e-12, 1e3),
    seed=st.integers(0, 2**32 - 1),
)
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_any_text_and_number_survives_writing(
    tmp_path: Path, name: str, description: str, path: str, rate: float, seed: int
) -> None:
    recipe = Recipe.model_validate(
        {
            "name": name,
            "description": description,
            "seed": seed,
            "corpora": [{"name": "conll04", "path": path}, {"name": "x"}],
            "model": {"fusion": {"name": "concat", "layers": [1, 2]}},
            "training": {"learning_rate": rate, "loss_weights": {"pairs": rate}},
        }
    )
    write_recipe(recipe, tmp_path / "any.toml")
    assert read_recipe(tmp_path / "any.toml") == recipe


def test_overrides_reach_tables_lists_and_texts(path: Path) -> None:
    recipe = read_recipe(
        path,
        [
            "training.epochs=7",
            "seed=5",
            "corpora.1.metric=strict",
            "model.encoder.name=bert-base-cased",
            "model.fusion.layers=[1, 2]",
            "decode.nested=true",
            'description="a = b"',
            "training.loss_weights.pairs=0.5",
        ],
    )
    assert recipe.training.epochs == 7
    assert recipe.seed == 5
    assert [c.metric for c in recipe.corpora] == ["strict", "strict"]
    assert recipe.model.encoder.name == "bert-base-cased"
    assert recipe.model.encoder.max_words == 100  # its neighbours stay
    assert recipe.model.fusion.layers == (1, 2)
    assert recipe.decode.nested
    assert recipe.description == "a = b"
    assert recipe.training.loss_weights == {"pairs": 0.5}


@pytest.mark.parametrize(
    ("override", "message"),
    [
        (
            "training.epochs",
            "Expected an override as key=value, such as training.epochs=3, got 'training.epochs'",
        ),
        ("=3", "got '=3'"),
        ("name.x=3", "Cannot set 'name.x': 'name' is not a table of the recipe."),
        ("corpora.2.metric=strict", "Cannot set 'corpora.2.metric': expected a number from 0 to 1"),
        (
            "corpora.name=x",
            "Cannot set 'corpora.name': expected a number from 0 to 1 for an item of a list, got 'name'",
        ),
        ("corpora.-1.name=x", "got '-1'"),
        (
            "training.epochs=0",
            "training.epochs: Input should be greater than or equal to 1 (got 0;",
        ),
        (
            "training.task_sampling=uniform",
            "training.task_sampling: Input should be 'sum' or 'proportional' (got 'uniform';",
        ),
        ("training.epochs=many", "training.epochs: Input should be a valid integer"),
        ("training.epoch=3", "training.epoch: Extra inputs are not permitted (got 3;"),
        ("corpora.0.metric=f1", "corpora.0.metric: Input should be 'strict', 'boundary'"),
        (
            "training.loss_weights.speed=1.0",
            "training.loss_weights names 'speed', which head 'table' does not train; expected any of",
        ),
        ("model.head.name='cubes'", "model.head: Value error, Unknown head 'cubes'. Expected one"),
        ("model.fusion.name='mean'", "model.fusion: Value error, Unknown fusion 'mean'."),
        ("model.head.width=4", "model.head.width: Input should be greater than or equal to 8"),
        ("training.learning_rate=inf", "training.learning_rate: Input should be a finite number"),
        ("model.head.span_floor=nan", "model.head.span_floor: Input should be a finite number"),
        ("corpora=[]", "corpora: Tuple should have at least 1 item"),
        ("name=''", "name: String should have at least 1 character"),
    ],
)
def test_bad_override_is_one_line_with_file_or_setting(
    path: Path, override: str, message: str
) -> None:
    with pytest.raises(RecipeError, match=re.escape(message)) as caught:
        read_recipe(path, [override])
    assert "\n" not in str(caught.value)


def test_entities_are_given_only_to_heads_that_take_them(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    recipe = read_recipe(path, ["corpora.1.entities=given"])
    assert [corpus.entities for corpus in recipe.corpora] == ["found", "given"]
    monkeypatch.setattr(TableHead, "takes_spans", False)
    message = "corpus 'scierc' gives its entities, and head 'table' finds its own and takes none"
    with pytest.raises(RecipeError, match=message):
        read_recipe(path, ["corpora.1.entities=given"])


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (None, "Cannot read recipe {path}: No such file or directory."),
        (b"name = ", "Recipe {path} is not TOML in UTF-8: "),
        (b'name = "\xff"', "Recipe {path} is not TOML in UTF-8: "),
        (b"", "Recipe {path}: name: Field required"),
        (b"name = 'x'", "Recipe {path}: corpora: Field required"),
        (b"name = 3\ncorpora = 4", "2 setting(s) to mend"),
        (b"name = 'x'\ncorpora = ['y']", "Recipe {path}: corpora.0: "),
    ],
)
def test_bad_file_is_one_line_with_its_name(
    content: bytes | None, message: str, tmp_path: Path
) -> None:
    path = tmp_path / "bad.toml"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(RecipeError, match=re.escape(message.format(path=path))) as caught:
        read_recipe(path)
    assert "\n" not in str(caught.value)
    assert str(path) in str(caught.value)


@pytest.mark.parametrize("name", ["seed", "init_seed"])
@pytest.mark.parametrize("value", [-1, 2**32])
def test_seeds_out_of_range_are_refused_by_name(tmp_path: Path, name: str, value: int) -> None:
    path = tmp_path / "recipe.toml"
    path.write_text('name = "x"\n[[corpora]]\nname = "conll04"\n', encoding="utf-8")
    with pytest.raises(RecipeError, match=rf"{name}: Input should be .* \(got {value}; 1 setting"):
        read_recipe(path, [f"{name}={value}"])
