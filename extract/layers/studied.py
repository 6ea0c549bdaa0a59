"""The encoder under study: that of a model folder as trained, or a pretrained one, with its windower."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import torch

from extract.encoder.pretrained import (
    PACKAGED,
    LayerStates,
    PretrainedEncoder,
    load_tokenizer,
    resolve_encoder,
)
from extract.encoder.windows import EncodedBatch, Window, Windower
from extract.errors import ModelError, one_of
from extract.models.folder import ModelFolder, read_model
from extract.models.registry import available, resolve
from extract.predict import batches, windower_of, without_onednn

_BATCH_SIZE = 32


@dataclass(frozen=True, slots=True)
class StudiedEncoder:
    """An encoder in evaluation mode; `trained` is name and version of the model it comes from, if any."""

    given: str
    encoder: PretrainedEncoder
    windower: Windower
    trained: str | None = None

    @property
    def n_states(self) -> int:
        """The layers and the embedding output."""
        return self.encoder.n_layers + 1

    def passes(
        self, windows: Sequence[Window]
    ) -> Iterator[tuple[list[Window], EncodedBatch, LayerStates]]:
        """Batches of windows of like length with the states of all layers, (batch, pieces, hidden).

        Raises `ModelError` if a state is no finite number.
        """
        for chosen in batches(windows, _BATCH_SIZE):
            batch = self.windower.batch(chosen)
            with torch.inference_mode(), without_onednn():
                states = self.encoder(batch.piece_ids, batch.piece_mask, batch.shape_of_piece)
            own = batch.word_of_piece >= 0
            for layer, state in enumerate(states.layers):
                if not torch.isfinite(state[own]).all():
                    raise ModelError(
                        f"Layer {layer} of {self.given!r} gives values that are no finite numbers. "
                        "Its weights are damaged."
                    )
            yield chosen, batch, states


def load_studied(given: str) -> StudiedEncoder:
    """The encoder of a bundled model, a model or run folder, an encoder's folder or its name.

    Raises `ModelError` if it is none of these, or damaged.
    """
    folder = _model_folder(given)
    if folder is not None:
        model, _, settings = read_model(ModelFolder(folder))
        name = f"{settings.name} {settings.version}"
        return StudiedEncoder(given, model.encoder.eval(), windower_of(model), name)
    try:
        encoder = PretrainedEncoder(given)
        tokenizer = load_tokenizer(given)
    except ModelError as error:
        if Path(resolve_encoder(given)).is_dir():
            raise
        known = [*(info.name for info in available()), *PACKAGED]
        raise ModelError(
            one_of("model or encoder", given, known)
            + " Or give a model folder, an encoder's folder, or a hub name that can be reached."
        ) from error
    try:
        return StudiedEncoder(
            given, encoder.eval(), Windower(tokenizer, max_pieces=encoder.max_pieces)
        )
    except ValueError as error:
        raise ModelError(f"Encoder {given!r} reads too few pieces at once: {error}") from error


def _model_folder(given: str) -> Path | None:
    """The model folder that is meant. An encoder's folder has a config.json too, but no schema."""
    try:
        folder = resolve(given)
    except ModelError:
        return None
    return folder if ModelFolder(folder).schema.is_file() else None
