"""The development sentences that a stack is fitted on: by default those of its first model's recipe."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from dataclasses import dataclass

from extract.errors import RecipeError
from extract.schema import Schema
from extract.training.corpora import CorpusData, load_corpora
from extract.training.recipe import CorpusRecipe, Recipe

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class DataChoice:
    """Which sentences to fit on, where not those of the recipe. Raises `RecipeError` if contradictory.

    Args:
        corpus: the one corpus; None: all of the recipe that have a dev part.
        split: of the corpus; None: the recipe's.
        path: of the corpus; None: the recipe's, or else its folder in $TRIPACK_CORPORA.
        n_dev: documents to cut from the train split as dev, with `seed`.
    """

    corpus: str | None = None
    split: str | None = None
    path: str | None = None
    n_dev: int | None = None
    seed: int = 0

    def __post_init__(self) -> None:
        if self.corpus is None and (self.split or self.path or self.n_dev):
            raise RecipeError("Expected --corpus together with --split, --path or --dev, got none.")
        if self.split is not None and self.n_dev is not None:
            raise RecipeError(
                f"Got --split {self.split} and --dev {self.n_dev}, expected one of them."
            )


def dev_corpora(
    recipe: Recipe | None, data: DataChoice, what: str = "a stack", *, may_give: bool = False
) -> list[CorpusData]:
    """The corpora with the dev parts that are asked for.

    Args:
        what: is fitted on them, for messages.
        may_give: whether that may be told the entities of sentences.

    Raises `RecipeError` if there are none, or no such split; `CorpusError` for data that is not there.
    """
    sections = [_changed(section, data) for section in _sections(recipe, data.corpus)]
    corpora = load_corpora(sections)
    for corpus in corpora:
        if corpus.given and not may_give:
            raise RecipeError(
                f"The recipe gives the entities of corpus {corpus.name!r}, and {what} finds its own. "
                "Name another by --corpus."
            )
        if not corpus.dev:
            raise RecipeError(
                f"Corpus {corpus.name!r} has no dev part to fit {what} on. Name one by --split or --dev."
            )
    return corpora


def _sections(recipe: Recipe | None, corpus: str | None) -> list[CorpusRecipe]:
    known = [] if recipe is None else list(recipe.corpora)
    if corpus is None:
        found = [section for section in known if section.n_dev or section.dev != "none"]
        if not found:
            raise RecipeError(
                "The first model has no recipe that names a dev part. Name one by --corpus."
            )
        return found
    return [section for section in known if section.name == corpus][:1] or [
        CorpusRecipe(name=corpus)
    ]


def _changed(section: CorpusRecipe, data: DataChoice) -> CorpusRecipe:
    changes: dict[str, object] = {}
    if data.path is not None:
        changes["path"] = data.path
    if data.split is not None:
        changes |= {"dev": data.split, "n_dev": 0}
    if data.n_dev is not None:
        changes |= {"n_dev": data.n_dev, "split_seed": data.seed}
    return section.model_copy(update=changes)


def check_known(corpora: Sequence[CorpusData], schema: Schema, what: str) -> None:
    """Raise `RecipeError` for a corpus of whose relations a model with that schema knows none."""
    for corpus in corpora:
        if not set(corpus.schema.relation_names) & set(schema.relation_names):
            own = ", ".join(corpus.schema.relation_names[:5]) or "none"
            raise RecipeError(
                f"Expected a corpus with relations that the models know to fit {what} on; "
                f"{corpus.name!r} has {own}. Name another by --corpus."
            )


def note_other_dev_parts(
    members: Sequence[tuple[str, Recipe | None]],
    corpora: Sequence[CorpusData],
    data: DataChoice,
    what: str = "the stack is fitted on",
) -> None:
    """Warn of each member whose recipe keeps another dev part from training than the one used.

    A model may know by heart what it was trained on, and would be trusted too much.
    """
    first = members[0][1]
    for corpus in corpora:
        used = _held_back(_changed(_sections(first, corpus.name)[0], data))
        for label, recipe in members:
            own = [s for s in (recipe.corpora if recipe else ()) if s.name == corpus.name]
            if own and _held_back(own[0]) != used:
                logger.warning(
                    "%s was developed on another part of %s than %s, and may have been trained on this one",
                    label,
                    corpus.name,
                    what,
                )


def _held_back(section: CorpusRecipe) -> tuple[object, ...]:
    """What of a corpus training does not see."""
    if section.n_dev:
        return (section.parts, section.train, section.n_dev, section.split_seed, section.apart)
    return (section.parts, section.dev)
