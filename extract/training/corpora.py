"""The corpora of a recipe, read and split, with the schema each annotates."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from corpora.base import Example
from extract.errors import RecipeError
from extract.schema import Schema
from extract.structures import Sentence
from extract.training.one_relation import one_relation
from extract.training.recipe import CorpusRecipe, Recipe
from extract.training.rewords import reword
from extract.training.swaps import Names, swapped


@dataclass(frozen=True)
class CorpusData:
    """A corpus ready for training: `schema` is what its train part annotates.

    With `given`, its entities are known to the model, and relations between them are what is asked.
    """

    name: str
    train: list[Example]
    dev: list[Example]
    schema: Schema
    metric: str
    typed: bool
    given: bool = False
    part: str | None = None
    complete: float = 1.0
    number: int | None = None  # among those of the recipe that share name and part

    @property
    def title(self) -> str:
        """The name that tells the corpora of one recipe apart."""
        title = self.name if self.part is None else f"{self.name}/{self.part}"
        return title if self.number is None else f"{title}#{self.number}"


def load_corpora(recipes: Sequence[CorpusRecipe]) -> list[CorpusData]:
    """Read the corpora of a recipe, those of several parts one a part. Raises `RecipeError`."""
    data = []
    for recipe in recipes:
        parts = [load_corpus(part) for part in _by_part(recipe)]
        data += _with_copies(parts, recipe) if recipe.swapped else parts
    return _told_apart(data)


def _told_apart(data: Sequence[CorpusData]) -> list[CorpusData]:
    """The corpora, numbered where several have one title, as those of one's own in several folders do."""
    seen, n = Counter[str](), Counter(corpus.title for corpus in data)
    found = []
    for corpus in data:
        seen[corpus.title] += 1
        several = n[corpus.title] > 1
        found.append(replace(corpus, number=seen[corpus.title]) if several else corpus)
    return found


def _with_copies(parts: Sequence[CorpusData], recipe: CorpusRecipe) -> list[CorpusData]:
    """The parts with copies of their train sentences in which names are those of any of the parts."""
    names = Names(sentence for part in parts for sentence in _sentences(part.train))
    return [
        replace(
            part,
            train=[
                *part.train,
                *(
                    copy
                    for number in range(recipe.swapped)
                    for example in part.train
                    if (copy := swapped(example, names, number)) is not None
                ),
            ],
        )
        for part in parts
    ]


def _by_part(recipe: CorpusRecipe) -> list[CorpusRecipe]:
    if recipe.parts is None:
        return [recipe]
    folder = _source(recipe)
    found = sorted(path.relative_to(folder).as_posix() for path in folder.glob(recipe.parts))
    if not found:
        raise RecipeError(
            f"Corpus {recipe.name!r} at {folder} has no file {recipe.parts!r}. "
            "Change parts in the recipe, or path or $TRIPACK_CORPORA to where the files are."
        )
    return [recipe.model_copy(update={"parts": path}) for path in found]


def _source(recipe: CorpusRecipe) -> Path:
    import corpora

    return Path(recipe.path or corpora.locate(recipe.name))


def load_corpus(recipe: CorpusRecipe) -> CorpusData:
    """Read one corpus of a recipe, of one part. Raises `RecipeError` for a split that is not there."""
    import corpora

    source = _source(recipe)
    if recipe.parts is not None:
        source /= recipe.parts
    splits = corpora.read(recipe.name, source, None if recipe.parts is None else recipe.train)
    has_dev = not recipe.n_dev and recipe.dev != "none"
    for wanted in (recipe.train, recipe.dev) if has_dev else (recipe.train,):
        if wanted not in splits:
            raise RecipeError(
                f"Corpus {recipe.name!r} at {source} has no split {wanted!r}. "
                f"Expected one of: {', '.join(splits)}."
            )
    train = splits[recipe.train]
    if recipe.n_dev:
        train, dev = corpora.split(train, recipe.n_dev, recipe.split_seed, apart=recipe.apart)
    else:
        dev = splits[recipe.dev] if has_dev else []
    if recipe.relations == "one":
        train, dev = [one_relation(e) for e in train], [one_relation(e) for e in dev]
    schema = Schema.infer(_sentences(train), recipe.name)
    if recipe.words == "tripack":
        train, dev = [reword(e) for e in train], [reword(e) for e in dev]
    _check_metric(recipe, dev)
    given = recipe.entities == "given"
    return CorpusData(
        recipe.name,
        train,
        dev,
        schema,
        recipe.metric,
        recipe.typed,
        given,
        recipe.parts,
        recipe.complete,
    )


def _check_metric(recipe: CorpusRecipe, dev: Sequence[Example]) -> None:
    """Raise `RecipeError` if nothing in the dev part could be right by the metric."""
    if recipe.metric == "entity":
        what, there = "entities", any(e.sentence.entities for e in dev)
    elif recipe.metric == "quintuplet":
        what = "qualifiers"
        there = any(t.qualifiers for e in dev for t in e.sentence.triples)
    else:
        what, there = "triples", any(e.sentence.triples or e.unaligned for e in dev)
    if dev and not there:
        raise RecipeError(
            f"Expected {what} in the dev part of corpus {recipe.name!r}, which metric {recipe.metric!r} "
            "counts, got none. Choose a larger dev part or another metric."
        )


def merged_schema(recipe: Recipe, data: list[CorpusData]) -> Schema:
    """The union of what the corpora annotate, with type constraints if the recipe wants them.

    Only typed corpora say which types a relation joins; a relation known from others joins any.
    """
    schema = Schema.infer([s for corpus in data for s in _sentences(corpus.train)], recipe.name)
    typed = Schema.infer([s for corpus in data if corpus.typed for s in _sentences(corpus.train)])
    types = typed.entity_types
    if recipe.decode.type_constraints:
        constrained = {r.name: r for r in typed.relations}
        ranges = {q.name: q.range for q in typed.qualifiers}
    else:
        constrained, ranges = {}, {}
    relations = [constrained.get(r.name, replace(r, domain=(), range=())) for r in schema.relations]
    relations = [
        replace(r, id=of_all.id, symmetric=of_all.symmetric)
        for r, of_all in zip(relations, schema.relations, strict=True)
    ]
    qualifiers = [
        replace(
            q,
            range=ranges.get(q.name, ()),
            relations=q.relations if recipe.decode.type_constraints else (),
        )
        for q in schema.qualifiers
    ]
    return replace(
        schema, entity_types=types, relations=tuple(relations), qualifiers=tuple(qualifiers)
    )


def _sentences(examples: list[Example]) -> list[Sentence]:
    return [example.sentence for example in examples]
