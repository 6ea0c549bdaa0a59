"""Train a recipe with each span and pair pooling and compare dev figures, size, training time and speed.

    python -m benchmarks.poolings recipes/conll04-span_pairs.toml --seeds 13 [--only NAME ...] \
        --out benchmarks/results/poolings-conll04-minilm.json [--table] [key=value ...]

The recipe's head must be `span_pairs`. A name is SPAN+PAIR. By default each pooling of one kind stands beside
the default of the other; --only may name any two. Parameters are the head's. What else is recorded, and
how, `benchmarks/variants.py` says.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import product

from benchmarks.variants import Comparison, run
from extract.heads.pooling import PAIR_POOLINGS, SPAN_POOLINGS
from extract.heads.span_pairs import SpanPairsConfig
from extract.training.recipe import Recipe, read_recipe


def main(arguments: Sequence[str] | None = None) -> None:
    """Parse the arguments, train and measure each two poolings, write and print the summary."""
    run(COMPARISON, __doc__.splitlines()[0], arguments)


def recipe_with(name: str, path: str, overrides: list[str], seed: int) -> Recipe:
    """The recipe with two poolings in place of its own. Raises `RecipeError` if its head has none."""
    span, pair = name.split("+")
    changes = [f'model.head.span_pooling="{span}"', f'model.head.pair_pooling="{pair}"']
    recipe = read_recipe(path, [*changes, *overrides, f"seed={seed}"])
    head = recipe.model.head
    if not isinstance(head, SpanPairsConfig) or (head.span_pooling, head.pair_pooling) != (
        span,
        pair,
    ):
        raise SystemExit(f"Expected no override of the head's name or poolings, got {overrides}.")
    return recipe


def _usual() -> list[str]:
    """Those in which at most one pooling is not the default."""
    defaults = SpanPairsConfig.model_fields
    span, pair = defaults["span_pooling"].default, defaults["pair_pooling"].default
    with_span = [f"{span}+{name}" for name in PAIR_POOLINGS]
    return with_span + [f"{name}+{pair}" for name in SPAN_POOLINGS if name != span]


COMPARISON = Comparison(
    kind="pooling",
    names=[f"{span}+{pair}" for span, pair in product(SPAN_POOLINGS, PAIR_POOLINGS)],
    columns=["span pooling", "pair pooling"],
    recipe_with=recipe_with,
    settings=lambda model: model.head,
    part=lambda model: model.head,
    usual=_usual(),
)


if __name__ == "__main__":
    main()
