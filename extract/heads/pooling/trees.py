"""Dependency trees of a batch's windows, and maxima over the paths in them."""

from __future__ import annotations

import torch
from torch import Tensor


class Trees:
    """Trees of words, one or more a window.

    Args:
        parents: (batch, words), the place of each word's parent, -1 for a root; without cycles.

    Attributes:
        ups: the ancestors of each word 1, 2, 4, ... steps above, each (batch, words); a root's is itself.
        chain: (batch, words, steps), the ancestor so many steps above, then the root again and again.
        depth: (batch, words), steps to the root.
        n_shared: (batch, words, words), ancestors that two words share, each word being one of its own.
    """

    def __init__(self, parents: Tensor) -> None:
        batch, n_words = parents.shape
        word = torch.arange(n_words, device=parents.device).expand(batch, n_words)
        up = torch.where(parents < 0, word, parents)
        self.ups: list[Tensor] = []
        self.chain = word.unsqueeze(-1)
        while not torch.equal(up, word):
            self.ups.append(up)
            above = up.gather(1, self.chain.flatten(1)).view_as(self.chain)
            self.chain = torch.cat([self.chain, above], dim=-1)
            further = up.gather(1, up)
            if torch.equal(further, up):  # all are at their roots
                break
            up = further
        # Counts in float64, since autocast would compute with float32 in fewer bits than counts may need.
        member = torch.zeros(batch, n_words, n_words, dtype=torch.float64, device=parents.device)
        member = member.scatter(2, self.chain, 1.0)  # (batch, words, ancestors)
        self.depth = member.sum(dim=-1).long() - 1
        self.n_shared = (member @ member.transpose(1, 2)).long()

    def highest(self, spans: Tensor) -> Tensor:
        """The word of each span that is nearest to its root, the first of several: (batch, spans).

        Args:
            spans: (batch, spans, 2), half-open; any word for empty ones.
        """
        word = torch.arange(self.depth.shape[1], device=spans.device)
        member = (word >= spans[..., :1]) & (word < spans[..., 1:])  # (batch, spans, words)
        order = self.depth * len(word) + word  # by depth, then by place
        return order.unsqueeze(1).masked_fill(~member, len(word) ** 2).argmin(dim=-1)


class PathMax:
    """Maxima over the words on paths between two words, for as many paths as may come.

    A path climbs from both words to the lowest ancestor they share. Maxima over runs of 1, 2, 4, ... words
    upwards are made once; two of them cover either climb. Bender and Farach-Colton 2004, The Level Ancestor
    Problem Simplified (jump pointers). Differs from the paper: ancestors are kept in full, not in ladders.

    Args:
        words: (batch, words, features).
    """

    def __init__(self, words: Tensor, trees: Trees) -> None:
        self._trees = trees
        levels = [words]
        for up in trees.ups:
            above = up.unsqueeze(-1).expand(-1, -1, words.shape[-1])
            # Runs that would go beyond the root end there: a maximum may count a word twice.
            levels.append(torch.maximum(levels[-1], levels[-1].gather(1, above)))
        self._table = torch.stack(levels)  # (levels, batch, words, features)

    def __call__(self, window: Tensor, left: Tensor, right: Tensor) -> tuple[Tensor, Tensor]:
        """Maxima over paths and which paths there are; the former mean nothing where there is none.

        Args:
            window, left, right: (paths,), the two words of each path.

        Returns: (paths, features); (paths,), False where the words are in different trees.
        """
        shared = self._trees.n_shared[window, left, right]
        best = torch.maximum(self._climb(window, left, shared), self._climb(window, right, shared))
        return best, shared > 0

    def _climb(self, window: Tensor, word: Tensor, shared: Tensor) -> Tensor:
        """The maximum from each word up to its ancestor of depth `shared` - 1: (paths, features)."""
        length = self._trees.depth[window, word] + 2 - shared.clamp(min=1)
        level = length.log2().long()
        second = self._trees.chain[window, word, length - 2**level]
        return torch.maximum(self._table[level, window, word], self._table[level, window, second])
