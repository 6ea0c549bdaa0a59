"""The network: encoder, fusion, word pooling, head."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import torch
from pydantic import (
    BaseModel,
    ConfigDict,
    Field,
    SerializeAsAny,
    ValidationInfo,
    field_validator,
    model_validator,
)
from torch import Tensor, nn

from extract.decode.candidates import Candidates
from extract.encoder.fusion import FusionConfig, build_fusion, cut_fusion, fusion_config
from extract.encoder.lora import LoraSettings
from extract.encoder.pooling import pool_words
from extract.encoder.pretrained import LayerStates, PretrainedEncoder
from extract.encoder.text import EncodedText
from extract.encoder.windows import EncodedBatch
from extract.errors import ModelError, RecipeError
from extract.heads import GivenSpans, GoldWindow, HeadConfig, WordStates, build_head, head_config
from extract.schema import Schema


class EncoderConfig(BaseModel):
    """Settings of the encoder and of how texts are cut for it."""

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)

    name: str = Field("all-MiniLM-L6-v2", description="folder, hub name or packaged encoder")
    n_layers: int | None = Field(None, ge=1, description="keep the first layers only")
    layers: tuple[int, ...] | None = Field(
        None, min_length=1, description="keep these layers only, counted from 1, ascending"
    )
    max_words: int = Field(160, ge=8, description="words of a sentence in one window")
    context_words: int = Field(0, ge=0, description="words of surrounding sentences on each side")
    freeze_embeddings: bool = Field(True, description="leave the word-embedding matrix as it is")
    word_shapes: bool = Field(True, description="let the encoder read capitals and digits of words")
    dropout: float | None = Field(
        None, ge=0, lt=1, description="replaces the encoder's own dropout"
    )


class ModelConfig(BaseModel):
    """Settings of the whole network."""

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)

    encoder: EncoderConfig = EncoderConfig()
    fusion: SerializeAsAny[FusionConfig] = FusionConfig()
    head: SerializeAsAny[HeadConfig] = Field(default_factory=lambda: head_config({}))
    lora: LoraSettings | None = Field(
        None, description="adapters on the encoder, which are trained in its weights' place"
    )

    @field_validator("fusion", "head", mode="before")
    @classmethod
    def _by_name(cls, value: Any, info: ValidationInfo) -> Any:
        """Settings are those of the fusion or head that they name."""
        if not isinstance(value, dict):
            return value
        try:
            return fusion_config(value) if info.field_name == "fusion" else head_config(value)
        except RecipeError as error:
            raise ValueError(str(error)) from error

    @model_validator(mode="after")
    def _adapters_alone(self) -> ModelConfig:
        if self.lora is not None and not self.encoder.freeze_embeddings:
            raise ValueError(
                "lora trains adapters in the place of the encoder's weights, and freeze_embeddings = false "
                "would train some of those; leave freeze_embeddings out"
            )
        return self


class ExtractionModel(nn.Module):
    """Windows in; losses, or the candidates of each window, out.

    With `weights` false its encoder cannot run: word states come from elsewhere. With `trainable` false it
    is only to be read, and starts sooner.
    """

    def __init__(
        self, config: ModelConfig, schema: Schema, *, weights: bool = True, trainable: bool = True
    ) -> None:
        super().__init__()
        self.settings = config
        self.schema = schema
        self.encoder = PretrainedEncoder(
            config.encoder.name,
            n_layers=config.encoder.n_layers,
            layers=config.encoder.layers,
            word_shapes=config.encoder.word_shapes,
            dropout=config.encoder.dropout,
            lora=config.lora,
            weights=weights,
            trainable=trainable,
        )
        self.fusion = build_fusion(config.fusion, self.encoder.n_layers, self.encoder.hidden)
        self.head = build_head(config.head, schema, self.encoder.hidden)
        self.head.prepare(self.encoder, self.fusion)
        if weights:
            self.encoder.word_embeddings.requires_grad_(not config.encoder.freeze_embeddings)

    def word_states(self, batch: EncodedBatch) -> WordStates:
        """One pass of the encoder: states (batch, words, hidden) for each task."""
        return self.fused_words(self.layer_states(batch), batch)

    def layer_states(self, batch: EncodedBatch) -> LayerStates:
        """The states of all layers, each (batch, pieces, hidden)."""
        states: LayerStates = self.encoder(batch.piece_ids, batch.piece_mask, batch.shape_of_piece)
        return states

    def fused_words(self, layers: LayerStates, batch: EncodedBatch) -> WordStates:
        """Word states (batch, words, hidden) for each task, from the states of all layers."""
        fused = self.fusion(layers)
        n_words = batch.word_mask.shape[1]
        pooled: dict[int, Tensor] = {}  # tasks may share one tensor: pool it once
        for states in fused:
            if id(states) not in pooled:
                pooled[id(states)] = pool_words(states, batch.word_of_piece, n_words)
        entities, relations, qualifiers = (pooled[id(states)] for states in fused)
        text = EncodedText(self.encoder, self.fusion, batch)
        return WordStates(
            entities, relations, qualifiers, batch.word_mask, text, parents=batch.parents
        )

    def forward(
        self,
        batch: EncodedBatch,
        gold: Sequence[GoldWindow],
        exits: Mapping[int, float] | None = None,
    ) -> dict[str, Tensor]:
        """Losses by task for a batch of windows with gold annotation.

        Args:
            exits: weight of each layer after which fusion and head are to be right; None: the last alone.
        """
        layers = self.layer_states(batch)
        if exits is None:
            return self.head.loss(self.fused_words(layers, batch), gold)
        sums: dict[str, Tensor] = {}
        for layer, weight in exits.items():
            losses = self.head.loss(self.fused_words(layers.up_to(layer), batch), gold)
            for task, loss in losses.items():
                sums[task] = weight * loss + sums[task] if task in sums else weight * loss
        return sums

    def cut(self, n_layers: int) -> None:
        """End the encoder after its first `n_layers` layers, in place: the model of an early exit.

        The fusion reads what is left; the head is the same. Raises `RecipeError` if the fusion needs all
        layers, `ModelError` for a layer that is not there.
        """
        if not 1 <= n_layers <= self.encoder.n_layers:
            raise ModelError(
                f"Expected a layer in 1..{self.encoder.n_layers} to end after, got {n_layers}."
            )
        if n_layers == self.encoder.n_layers:
            return
        fusion, settings = cut_fusion(
            self.fusion, self.settings.fusion, n_layers, self.encoder.hidden
        )
        self.fusion = fusion.to(self.encoder.word_embeddings.device)
        self.encoder.cut(n_layers)
        kept = self.settings.encoder.layers
        update = {"n_layers": n_layers} if kept is None else {"layers": kept[:n_layers]}
        encoder = self.settings.encoder.model_copy(update=update)
        self.settings = self.settings.model_copy(update={"encoder": encoder, "fusion": settings})

    @torch.inference_mode()
    def candidates(self, batch: EncodedBatch, given: GivenSpans | None = None) -> list[Candidates]:
        """Candidates of each window; with `given`, among those spans alone (half-open words)."""
        return self.head.candidates(replace(self.word_states(batch), given=given))
