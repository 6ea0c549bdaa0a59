"""A recipe: the whole truth of a training run, one TOML file, stored beside the weights."""

from __future__ import annotations

import json
import tomllib
from pathlib import Path
from typing import Any, Literal, TypeAlias

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from extract.encoder.fusion import check_exits
from extract.errors import RecipeError
from extract.heads.base import head_class
from extract.model import ModelConfig

Metric: TypeAlias = Literal[
    "strict",
    "boundary",
    "partial",
    "exact",
    "triplet",
    "quintuplet",
    "entity",
    "directed_macro",
    "locally_closed",
]


Storage: TypeAlias = Literal["float16", "int8"]


class _Section(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)


class CorpusRecipe(_Section):
    """One corpus of a recipe."""

    name: str = Field(description="registered corpus name")
    path: str | None = Field(None, description="folder or file; by default $TRIPACK_CORPORA/name")
    parts: str | None = Field(
        None,
        description="pattern of files in that folder; each is a corpus of its own, with labels of its "
        "own, and all of it is the split to train on",
    )
    train: str = Field("train", description="split to train on")
    dev: str = Field(
        "dev",
        description="split to develop on, unless n_dev cuts one from train; none: only train on it",
    )
    n_dev: int = Field(
        0, ge=0, description="documents cut from the train split for development; 0: none"
    )
    split_seed: int = Field(0, description="seed of that cut")
    apart: Literal["document", "subject"] = Field(
        "document",
        description="subject: that cut keeps documents together that speak most of one subject",
    )
    metric: Metric = Field(
        "strict",
        description="dev metric that picks the epoch and the thresholds; entity: if there are no triples",
    )
    entities: Literal["found", "given"] = Field(
        "found",
        description="given: relations are learnt and scored between the corpus's own entities",
    )
    typed: bool = Field(
        True,
        description="false: the corpus marks spans, not types; types are learnt from the other corpora",
    )
    relations: Literal["own", "one"] = Field(
        "own",
        description="one: all relations of the corpus become one, by which a pair is related at all",
    )
    complete: float = Field(
        1.0,
        ge=0,
        le=1,
        description="share of train sentences taken to state no more than is annotated; of the others "
        "only the relations are trained that they are annotated with, and spans without types",
    )
    swapped: int = Field(
        0,
        ge=0,
        description="copies of each train sentence in which names are exchanged for others of their role",
    )
    words: Literal["corpus", "tripack"] = Field(
        "corpus", description="corpus: its own words; tripack: cut its text by tripack's word rules"
    )


class DecodeRecipe(_Section):
    """How candidates become triples."""

    nested: bool = Field(False, description="whether entities may overlap")
    type_constraints: bool = Field(
        True, description="hold relations to the type pairs of the train split"
    )


class EarlyExitRecipe(_Section):
    """How a model is trained to be good when it ends after an earlier layer (`training/early_exit.py`)."""

    layer_dropout: float = Field(
        0.1, ge=0, lt=1, description="how often the last layer is left out; lower ones less often"
    )
    loss_scale: float = Field(
        0.5, gt=0, description="how much the losses of earlier layers count beside the last one's"
    )
    curriculum: Literal["rotational", "gradual", "all"] = Field(
        "rotational",
        description="exits of a step: every few layers in turns; from the last one downwards; all",
    )
    rotation: int = Field(2, ge=1, description="layers from one exit of a step to the next")
    first: int = Field(2, ge=2, description="lowest layer with an exit; the paper gives none to 1")


class TrainingRecipe(_Section):
    """How weights are fitted."""

    epochs: int = Field(20, ge=1)
    batch_size: int = Field(8, ge=1, description="windows a step")
    learning_rate: float = Field(2e-4, gt=0, description="of the encoder's last layer")
    layer_decay: float = Field(
        0.9, gt=0, le=1, description="factor on the rate for each layer further down"
    )
    head_learning_rate: float = Field(1e-3, gt=0, description="of fusion and head")
    piece_dropout: float = Field(
        0.0, ge=0, lt=1, description="share of the words' pieces hidden behind the mask token"
    )
    weight_decay: float = Field(0.01, ge=0)
    warmup: float = Field(0.06, ge=0, lt=1, description="share of all steps")
    max_grad_norm: float = Field(1.0, gt=0)
    loss_weights: dict[str, float] = Field(
        default_factory=dict, description="by task; 1 where not named"
    )
    task_sampling: Literal["sum", "proportional"] = Field(
        "sum",
        description="sum: a step trains all tasks; proportional: one, drawn by its number of labels",
    )
    ema_decay: float = Field(
        0.99, ge=0, lt=1, description="of the averaged weights, a step; 0: no averaging"
    )
    patience: int = Field(6, ge=1, description="epochs without a better dev metric before stopping")
    bf16: Literal["auto", "yes", "no"] = Field(
        "auto", description="auto: where the processor has bf16 units"
    )
    eval_from: int = Field(
        1, ge=1, description="first epoch after which dev is scored; the last epoch always is"
    )
    early_exit: EarlyExitRecipe | None = Field(
        None, description="train exits after earlier layers, too; by default the last layer alone"
    )


class DistillRecipe(_Section):
    """A teacher, and the weight of each loss that it adds to those of the task; 0: not that one."""

    teacher: str = Field(description="trained model: bundled name or folder")
    logits: float = Field(
        0.0, ge=0, description="of the head's scores; teacher and student need heads of one kind"
    )
    ted: float = Field(0.0, ge=0, description="of words' states layer by layer, through filters")
    relations: float = Field(
        0.0, ge=0, description="of relations between queries, keys and values of one layer"
    )
    temperature: float = Field(1.0, gt=0, description="that scores are divided by for logits")
    ted_layers: tuple[int, ...] | None = Field(
        None, description="the teacher's layer for each of the student's; by default evenly spread"
    )
    filter_steps: int = Field(
        100, ge=1, description="batches that the filters of each layer are trained on beforehand"
    )
    relation_layer: int | None = Field(
        None,
        ge=1,
        description="the teacher's layer whose relations are learnt; by default the last",
    )
    relation_heads: int = Field(
        12, ge=1, description="heads that relations are split into; divides both hidden widths"
    )

    @model_validator(mode="after")
    def _some_loss(self) -> DistillRecipe:
        if not self.logits + self.ted + self.relations:
            raise ValueError(
                "expected a weight above 0 for one of logits, ted and relations at least, got none"
            )
        return self


class Recipe(_Section):
    """A model's name, data, network, decoding and training."""

    name: str = Field(min_length=1)
    version: str = "1.0.0"
    description: str = ""
    seed: int = Field(13, ge=0, lt=2**32)
    init_seed: int | None = Field(
        None,
        ge=0,
        lt=2**32,
        description="seed of fresh weights, which models that are to be averaged share; by default seed",
    )
    corpora: tuple[CorpusRecipe, ...] = Field(min_length=1)
    schema_file: str | None = Field(
        None,
        description="schema of any format that is read; by default inferred from the train splits",
    )
    start: str | None = Field(
        None, description="trained model whose weights training starts from: bundled name or folder"
    )
    model: ModelConfig = ModelConfig()
    decode: DecodeRecipe = DecodeRecipe()
    training: TrainingRecipe = TrainingRecipe()
    distill: DistillRecipe | None = Field(
        None, description="a teacher to learn from beside the corpora; none: the corpora alone"
    )
    storage: Storage = Field(
        "float16", description="numbers that the finished model is stored in: float16 or int8"
    )

    @property
    def fresh_seed(self) -> int:
        """The seed that the weights were drawn with."""
        return self.seed if self.init_seed is None else self.init_seed

    def exits(self, n_layers: int) -> tuple[int, ...]:
        """The layers before the last of `n_layers` that the model is trained to end after."""
        early = self.training.early_exit
        return () if early is None else tuple(range(early.first, n_layers))

    @model_validator(mode="after")
    def _can_exit(self) -> Recipe:
        if self.training.early_exit is None:
            return self
        try:
            check_exits(self.model.fusion.name)
        except RecipeError as error:
            raise ValueError(str(error)) from error
        return self

    @model_validator(mode="after")
    def _some_dev(self) -> Recipe:
        if all(corpus.dev == "none" and not corpus.n_dev for corpus in self.corpora):
            raise ValueError("expected at least one corpus with a dev part, got none")
        return self

    @model_validator(mode="after")
    def _taught_at_its_end(self) -> Recipe:
        if self.distill is not None and self.training.early_exit is not None:
            raise ValueError(
                "expected distill or training.early_exit, got both: a teacher teaches the last layer's exit"
            )
        return self

    @model_validator(mode="after")
    def _takes_given(self) -> Recipe:
        given = [corpus.name for corpus in self.corpora if corpus.entities == "given"]
        if given and not head_class(self.model.head.name).takes_spans:
            raise ValueError(
                f"corpus {given[0]!r} gives its entities, and head {self.model.head.name!r} finds its "
                "own and takes none as given; choose another head"
            )
        return self

    @model_validator(mode="after")
    def _known_tasks(self) -> Recipe:
        tasks = head_class(self.model.head.name).tasks
        unknown = sorted(set(self.training.loss_weights) - set(tasks))
        if unknown:
            raise ValueError(
                f"training.loss_weights names {unknown[0]!r}, which head {self.model.head.name!r} "
                f"does not train; expected any of: {', '.join(tasks)}"
            )
        return self


def read_recipe(path: str | Path, overrides: list[str] | None = None) -> Recipe:
    """Read a recipe and apply overrides such as `training.epochs=3` or `seed=7`.

    Raises `RecipeError` naming the file, the setting and what was expected.
    """
    try:
        data = tomllib.loads(Path(path).read_text(encoding="utf-8"))
    except OSError as error:
        raise RecipeError(f"Cannot read recipe {path}: {error.strerror or error}.") from error
    except (ValueError, RecursionError) as error:  # also numbers of 5,000 digits, 1,000 brackets
        raise RecipeError(f"Recipe {path} is not TOML in UTF-8: {error}.") from error
    for override in overrides or []:
        _override(data, override)
    try:
        return Recipe.model_validate(data)
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(str(part) for part in first["loc"])
        # What is wrong between settings has no place of its own, and what was got is the whole recipe.
        got = f"got {first.get('input')!r}; " if where else ""
        raise RecipeError(
            f"Recipe {path}: {where + ': ' if where else ''}{first['msg']} "
            f"({got}{error.error_count()} setting(s) to mend)."
        ) from error


def _override(data: dict[str, Any], override: str) -> None:
    key, equals, text = override.partition("=")
    if not equals or not key:
        raise RecipeError(
            f"Expected an override as key=value, such as training.epochs=3, got {override!r}."
        )
    try:
        value: Any = tomllib.loads(f"value = {text}")["value"]
    except (ValueError, RecursionError):
        value = text
    at: Any = data
    *parents, last = key.split(".")
    for parent in parents:
        at = at[_place(at, parent, key)] if isinstance(at, list) else at.setdefault(parent, {})
        if not isinstance(at, dict | list):
            raise RecipeError(f"Cannot set {key!r}: {parent!r} is not a table of the recipe.")
    at[_place(at, last, key) if isinstance(at, list) else last] = value


def _place(items: list[Any], text: str, key: str) -> int:
    if not (text.isascii() and text.isdigit()) or int(text) >= len(items):
        raise RecipeError(
            f"Cannot set {key!r}: expected a number from 0 to {len(items) - 1} for an item of a list, "
            f"got {text!r}."
        )
    return int(text)


def write_recipe(recipe: Recipe, path: str | Path) -> None:
    """Write a recipe as TOML that `read_recipe` reads back to an equal recipe."""
    data = recipe.model_dump(mode="json", exclude_none=True)
    Path(path).write_text("\n".join(_toml(data)) + "\n", encoding="utf-8")


def _toml(data: dict[str, Any], prefix: str = "") -> list[str]:
    """Lines of TOML for strings, numbers, booleans, lists of those, tables and lists of tables."""
    lines = []
    tables = []
    for key, value in data.items():
        if isinstance(value, dict):
            tables.append((f"[{prefix}{key}]", value, f"{prefix}{key}."))
        elif isinstance(value, list) and value and isinstance(value[0], dict):
            tables += [(f"[[{prefix}{key}]]", item, f"{prefix}{key}.") for item in value]
        else:
            # JSON's texts, numbers, booleans and flat lists are TOML's too, but for the escapes of
            # characters beyond 16 bits and for the bare delete character.
            text = json.dumps(value, ensure_ascii=False).replace("\x7f", "\\u007f")
            lines.append(f"{key} = {text}")
    for title, table, inner in tables:
        lines += ["", title, *_toml(table, inner)]
    return lines
