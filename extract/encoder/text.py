"""The text behind word states, for heads that run the encoder again on it."""

from __future__ import annotations

from dataclasses import dataclass

from torch import Tensor

from extract.encoder.fusion import TASKS, Fusion
from extract.encoder.pretrained import LayerStates, PretrainedEncoder
from extract.encoder.windows import EncodedBatch


@dataclass(frozen=True, slots=True)
class EncodedText:
    """A batch of windows, the encoder that read it and the fusion of the encoder's layers."""

    encoder: PretrainedEncoder
    fusion: Fusion
    batch: EncodedBatch

    def read(
        self, embedded: Tensor, mask: Tensor, positions: Tensor, *, task: str, first: int
    ) -> Tensor:
        """The states that `task` reads of all pieces but the first `first`: (batch, pieces - first, hidden).

        Only those are fused, so the fusion must look at one piece at a time (`Fusion.by_piece`).

        Args:
            embedded, mask, positions: as `PretrainedEncoder.encode` takes them.
        """
        layers = self.encoder.encode(embedded, mask, positions).layers
        fused = self.fusion(LayerStates(tuple(layer[:, first:] for layer in layers)))
        return fused[TASKS.index(task)]


def word_ends(word_of_piece: Tensor, n_words: int) -> tuple[Tensor, Tensor]:
    """First and last piece of each word, both (batch, words); 0 and the last column without pieces.

    Args:
        word_of_piece: (batch, pieces), -1 where a piece belongs to no word.
        n_words: words of the longest window.
    """
    words = range(n_words)
    number = word_of_piece.new_tensor(words).view(1, -1, 1)
    member = (word_of_piece.unsqueeze(1) == number).int()  # (batch, words, pieces)
    return member.argmax(dim=-1), member.shape[-1] - 1 - member.flip(-1).argmax(dim=-1)
