"""Sentences to predicted sentences: windows, length-sorted batches, candidates, decoding."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from contextlib import nullcontext
from typing import Any

import torch

from extract.decode.candidates import Candidates, merge
from extract.encoder.windows import Windower
from extract.model import ExtractionModel
from extract.structures import Sentence


class Predictor:
    """Runs a model over sentences on one device.

    Args:
        model: the network; put into evaluation mode.
        windower: cuts sentences for the model's tokenizer.
        device: where to run.
        autocast: compute matrix products in bfloat16.
    """

    def __init__(
        self,
        model: ExtractionModel,
        windower: Windower,
        *,
        device: str = "cpu",
        autocast: bool = False,
    ) -> None:
        self.model = model.to(device).eval()
        self.windower = windower
        self.device = device
        self.autocast = autocast

    def candidates(self, sentences: Sequence[Sentence], batch_size: int = 32) -> list[Candidates]:
        """Raw candidates of each sentence, in order; windows of one sentence are merged.

        Batches hold windows of like length, so little is padded; results are independent of that.
        """
        windows = self.windower.windows(sentences)
        order = sorted(range(len(windows)), key=lambda i: len(windows[i].piece_ids))
        parts: list[list[tuple[int, Candidates]]] = [[] for _ in sentences]
        for at in range(0, len(order), batch_size):
            chosen = [windows[i] for i in order[at : at + batch_size]]
            with self._precision():
                found = self.model.candidates(self.windower.batch(chosen).to(self.device))
            for window, candidates in zip(chosen, found, strict=True):
                parts[window.sentence].append(
                    (window.start_word, candidates.shifted(window.start_word))
                )
        empty = Candidates.empty(len(self.model.schema.entity_types))
        return [
            merge([part for _, part in sorted(of_one, key=lambda item: item[0])])
            if of_one
            else empty
            for of_one in parts
        ]

    def stream(
        self, sentences: Iterable[Sentence], batch_size: int = 32, chunk: int = 16
    ) -> Iterator[tuple[Sentence, Candidates]]:
        """Sentences with their candidates, in order, reading `chunk` batches ahead at most."""
        held: list[Sentence] = []
        for sentence in sentences:
            held.append(sentence)
            if len(held) >= batch_size * chunk:
                yield from zip(held, self.candidates(held, batch_size), strict=True)
                held = []
        if held:
            yield from zip(held, self.candidates(held, batch_size), strict=True)

    def _precision(self) -> Any:
        if not self.autocast:
            return nullcontext()
        return torch.autocast(torch.device(self.device).type, dtype=torch.bfloat16)
