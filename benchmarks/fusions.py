"""Train a recipe with each layer fusion and compare dev figures, size, training time and speed.

    python -m benchmarks.fusions recipes/conll04-minilm.toml --seeds 13 [--only NAME ...] \
        --out benchmarks/results/fusions-conll04-minilm.json [--table] [key=value ...]

Each fusion has its default settings; overrides such as model.fusion.layers=[2,4,6] hold for all of
them. Parameters are the fusion's. What else is recorded, and how, `benchmarks/variants.py` says.
"""

from __future__ import annotations

from collections.abc import Sequence

from benchmarks.variants import Comparison, run
from extract.encoder.fusion import FUSIONS
from extract.training.recipe import Recipe, read_recipe


def main(arguments: Sequence[str] | None = None) -> None:
    """Parse the arguments, train and measure each fusion, write and print the summary."""
    run(COMPARISON, __doc__.splitlines()[0], arguments)


def recipe_with(name: str, path: str, overrides: list[str], seed: int) -> Recipe:
    """The recipe with a fusion in place of its own. Raises `RecipeError` for settings it has not."""
    changes = [f'model.fusion={{name = "{name}"}}', *overrides, f"seed={seed}"]
    recipe = read_recipe(path, changes)
    if recipe.model.fusion.name != name:
        raise SystemExit(f"Expected no override of the fusion's name, got {overrides}.")
    return recipe


COMPARISON = Comparison(
    kind="fusion",
    names=list(FUSIONS),
    columns=["fusion"],
    recipe_with=recipe_with,
    settings=lambda model: model.fusion,
    part=lambda model: model.fusion,
)


if __name__ == "__main__":
    main()
