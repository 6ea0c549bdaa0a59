"""The contract of a head: word states in, candidates (or, in training, a loss) out."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

from pydantic import BaseModel, ConfigDict, Field
from torch import Tensor, nn

from extract.decode.candidates import Candidates
from extract.encoder.fusion import Fusion
from extract.encoder.pretrained import PretrainedEncoder
from extract.encoder.text import EncodedText
from extract.encoder.windows import Window
from extract.registered import registered, registrar
from extract.schema import Schema

HEADS: dict[str, type[Head]] = {}
GivenSpans = Sequence[Sequence[tuple[int, int]]]


@dataclass(frozen=True, slots=True)
class WordStates:
    """Word states a task, each (batch, words, hidden); `mask` (batch, words) marks real words.

    `text` is what they were made from, for heads that run the encoder again. `given` holds, a
    window, the spans that alone may be candidates, half-open words; None: the head finds spans.
    `parents` (batch, words) is each word's parent in the dependency tree, -1 for none, for heads that ask
    for it (`Head.parser`).
    """

    entities: Tensor
    relations: Tensor
    qualifiers: Tensor
    mask: Tensor
    text: EncodedText | None = None
    given: GivenSpans | None = None
    parents: Tensor | None = None

    def task(self, task: str) -> Tensor:
        """The states that `task` reads."""
        states: Tensor = getattr(self, task)
        return states


@dataclass(frozen=True, slots=True)
class GoldWindow:
    """What a window's gold annotation says, in words of the window and label indices.

    entities: (start_word, end_word, entity type); type -1: a type that the model does not know.
    triples: (subject start, subject end, relation, object start, object end).
    qualifiers: (row of `triples`, qualifier label, value start, value end).
    entity_types, relations, qualifier_labels: indices of the labels that the corpus annotates; a
        loss must not count the absence of any other label. Without entity types, `entities` are
        spans of unknown type and not all that there are.
    given: whether the entities are known beforehand, so that relations of other spans do not matter.
    """

    entities: tuple[tuple[int, int, int], ...]
    triples: tuple[tuple[int, int, int, int, int], ...]
    qualifiers: tuple[tuple[int, int, int, int], ...]
    entity_types: frozenset[int]
    relations: frozenset[int]
    qualifier_labels: frozenset[int]
    given: bool = False


class HeadConfig(BaseModel):
    """Settings that every head has; a head with more of them has its own `Config`."""

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)

    name: str = Field("table", description="registered name of the head")
    dropout: float = Field(0.2, ge=0, lt=1, description="dropout on word states and projections")
    max_spans: int = Field(48, ge=4, le=512, description="entity candidates kept a window")
    span_floor: float = Field(-4.0, description="log-odds under which a span is no candidate")
    triple_floor: float = Field(
        -4.0, description="log-odds under which a triple or qualifier is no candidate"
    )


class Head(nn.Module, ABC):
    """Turns word states into candidates. Heads never decide consistency: the decoder does."""

    Config: ClassVar[type[HeadConfig]] = HeadConfig
    tasks: ClassVar[Mapping[str, str]]  # by the name of a loss, the one of `TASKS` that it trains
    extra_pieces: ClassVar[int] = 0  # that the head inserts into a window's text
    takes_spans: ClassVar[bool] = False  # whether `WordStates.given` is obeyed
    reads_text: bool = False  # whether `WordStates.text` is needed to find candidates
    parser: str | None = None  # spaCy pipeline whose dependency trees the head reads
    labels_relations: ClassVar[bool] = True  # or only says that two spans are related

    def __init__(self, config: HeadConfig, schema: Schema, hidden: int) -> None:
        super().__init__()
        self.config = config
        self.n_entity_types = len(schema.entity_types)
        self.n_relations = len(schema.relations)
        self.n_qualifiers = len(schema.qualifiers)

    def prepare(self, encoder: PretrainedEncoder, fusion: Fusion) -> None:
        """Make what depends on the encoder; called once, when the network is built.

        Raises `RecipeError` if the head cannot work with the encoder or the fusion.
        """

    def study(self, corpora: Sequence[Sequence[tuple[Window, GoldWindow]]], seed: int) -> None:
        """Take from the training windows of each corpus what the head must know as a whole.

        Called once before training; what it gives is kept in buffers of sizes that the settings say.
        """

    @abstractmethod
    def loss(self, states: WordStates, gold: Sequence[GoldWindow]) -> dict[str, Tensor]:
        """Losses by task, each a scalar; their sum is minimised."""

    @abstractmethod
    def label_axes(self) -> dict[str, tuple[str | None, ...]]:
        """Which parameters have a place for each label of the schema.

        By the parameter's name, whose labels its leading axes count: "entity_types", "relations",
        "qualifiers", or None for an axis that counts no labels.
        """

    @abstractmethod
    def candidates(self, states: WordStates) -> list[Candidates]:
        """Candidates of each window of the batch, word offsets counting the window's words."""


def register_head(name: str) -> Callable[[type[Head]], type[Head]]:
    """Register a head class under a name; refuses a name that is taken."""
    return registrar(HEADS, "head", name)


def head_class(name: str) -> type[Head]:
    """The head class of a name. Raises `RecipeError` if there is none."""
    return registered(HEADS, "head", name)


def head_config(settings: dict[str, Any]) -> HeadConfig:
    """Settings as a recipe gives them, checked by the head that they name (by default the table).

    Raises `RecipeError` for an unknown head, pydantic's `ValidationError` for settings it has not.
    """
    name = str(settings.get("name", HeadConfig.model_fields["name"].default))
    return head_class(name).Config.model_validate(settings)


def build_head(config: HeadConfig, schema: Schema, hidden: int) -> Head:
    """The head that `config` names. Raises `RecipeError` if there is none."""
    return head_class(config.name)(config, schema, hidden)
