"""A corpus as a model was trained on it, so that `tripack evaluate` scores the model as training did.

A model of several corpora also finds what one of them leaves out, which that one's gold can neither confirm
nor deny; and its recipe may have read a corpus in other words, or without types.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from extract.errors import CorpusError, RecipeError
from extract.evaluation.judged import judged
from extract.models.folder import ModelFolder
from extract.models.registry import is_stack, resolve
from extract.models.stack_folder import StackFolder, read_stack
from extract.schema import Schema
from extract.structures import Sentence
from extract.training.corpora import load_corpus
from extract.training.one_relation import one_relation
from extract.training.recipe import CorpusRecipe, Recipe, read_recipe
from extract.training.rewords import reword

if TYPE_CHECKING:
    from corpora import Example


@dataclass(frozen=True)
class TrainedOn:
    """How a model's recipe reads a corpus.

    section: the corpus in the recipe; schema: what the corpus annotates; None: as much as the model finds.
    """

    section: CorpusRecipe
    schema: Schema | None

    @classmethod
    def of(
        cls, model: str, corpus: str, path: Path | None, gold: Sequence[Example]
    ) -> TrainedOn | None:
        """How a model was trained on a corpus; None if it was not, or on several parts of it.

        What the corpus annotates is read from the split that the model was trained on; where that is
        not at hand, from `gold`.
        """
        recipe = _recipe(model)
        section = _section(recipe, corpus)
        if recipe is None or section is None:
            return None
        alone = len(recipe.corpora) == 1
        return cls(section, None if alone else _annotated(section, path, gold))

    def gold(self, examples: Sequence[Example]) -> list[Example]:
        """The examples in the words, and with the relations, that the model was trained on."""
        if self.section.relations == "one":
            examples = [one_relation(e) for e in examples]
        return [reword(e) for e in examples] if self.section.words == "tripack" else list(examples)

    def judged(self, sentence: Sentence, everything: Schema) -> Sentence:
        """What of a prediction counts; `everything` is the schema of the model."""
        return judged(sentence, self.schema or everything, typed=self.section.typed)

    def note(self, model: Schema) -> str | None:
        """What a user is to be told of it; None: that nothing is left out."""
        parts = []
        if self.schema is not None:
            for what, all_, own in (
                ("relations", model.relation_names, self.schema.relation_names),
                ("qualifiers", model.qualifier_names, self.schema.qualifier_names),
            ):
                if left := set(all_) - set(own):
                    parts.append(
                        f"{len(left)} of {len(all_)} {what} that it does not annotate are left out"
                    )
        if not self.section.typed:
            parts.append("entity types, which it does not annotate, are not compared")
        return "; ".join(parts) or None

    def to_dict(self) -> dict[str, Any]:
        """What a report says of it."""
        names = None if self.schema is None else self.schema.relation_names
        return {
            "words": self.section.words,
            "typed": self.section.typed,
            "relations": names,
        }


def section_of(model: str, corpus: str) -> CorpusRecipe | None:
    """A corpus in a model's recipe; None if it is not there, or in several parts."""
    return _section(_recipe(model), corpus)


def _section(recipe: Recipe | None, corpus: str) -> CorpusRecipe | None:
    own = [s for s in recipe.corpora if s.name == corpus] if recipe is not None else []
    return own[0] if len(own) == 1 and own[0].parts is None else None


def _recipe(model: str) -> Recipe | None:
    folder = resolve(model)
    if is_stack(folder):
        stack = StackFolder(folder)
        folder = stack.member(read_stack(stack).members[0]).path
    file = ModelFolder(folder).recipe
    return read_recipe(file) if file.is_file() else None


def _annotated(section: CorpusRecipe, path: Path | None, gold: Sequence[Example]) -> Schema:
    if path is not None:
        section = section.model_copy(update={"path": str(path)})
    try:
        return load_corpus(section).schema
    except (CorpusError, RecipeError):
        return Schema.infer([example.sentence for example in gold], section.name)
