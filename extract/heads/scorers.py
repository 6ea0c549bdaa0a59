"""Bilinear scorers that tables and cubes are made of.

All of them are linear in each argument. The mean of a table's cells over a block of words is
therefore the score of the words' means, which lets inference score spans without the table.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn


class Projection(nn.Module):
    """A one-layer perceptron that gives words one of their roles: (..., hidden) to (..., width)."""

    def __init__(self, hidden: int, width: int, dropout: float) -> None:
        super().__init__()
        self.layers = nn.Sequential(nn.Linear(hidden, width), nn.GELU(), nn.Dropout(dropout))

    def forward(self, states: Tensor) -> Tensor:
        projected: Tensor = self.layers(states)
        return projected


PRIOR = -6.0  # nearly all cells are empty: training starts from that, and not from even odds


class Biaffine(nn.Module):
    """Scores of word pairs: s_l(i, j) = [x_i; 1]^T U_l [y_j; 1].

    Dozat and Manning 2017, Deep Biaffine Attention for Neural Dependency Parsing.
    Differs from the paper: nothing.
    """

    def __init__(self, width: int, n_labels: int) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.empty(width + 1, n_labels, width + 1))
        nn.init.normal_(self.weight, std=1.0 / width)
        self.bias = nn.Parameter(torch.full((n_labels,), PRIOR))

    def forward(self, left: Tensor, right: Tensor) -> Tensor:
        """(batch, lefts, width) and (batch, rights, width) to (batch, lefts, rights, labels)."""
        batch, n_left, _ = left.shape
        left, right = _with_one(left), _with_one(right)
        width, n_labels, _ = self.weight.shape
        tilted = left @ self.weight.to(left.dtype).reshape(
            width, -1
        )  # (batch, lefts, labels * width)
        tilted = tilted.view(batch, n_left * n_labels, width)
        scores = tilted @ right.transpose(1, 2)  # (batch, lefts * labels, rights)
        return scores.view(batch, n_left, n_labels, -1).transpose(2, 3) + self.bias

    def by_pair(self, left: Tensor, right: Tensor, real: Tensor, pairs: Tensor) -> Tensor:
        """The same for pairs of different rows of a window: (pairs, labels). Padding is not scored.

        Args:
            left, right: (batch, spans, width); row i of both stands for one span.
            real: (batch, spans), which rows are no padding; they come first.
            pairs: (pairs, 3) of window, row in `left`, row in `right`, as `span_pairs` lists them.
        """
        n_real = real.sum(dim=1)
        sizes = n_real.tolist()
        width, n_labels, _ = self.weight.shape
        tilted = _with_one(left[real]) @ self.weight.to(left.dtype).reshape(width, -1)
        tilted = tilted.view(-1, n_labels, width)  # (own rows of all windows, labels, width)
        rows = zip(tilted.split(sizes), _with_one(right[real]).split(sizes), strict=True)
        # One product a window: labels of a cell (right row, left row) lie together.
        blocks = [(other @ own.flatten(0, 1).T).view(-1, n_labels) for own, other in rows]
        window, of_left, of_right = pairs.unbind(1)
        before = (n_real**2).cumsum(0) - n_real**2
        cell = before[window] + of_right * n_real[window] + of_left
        return torch.cat(blocks).index_select(0, cell) + self.bias


class Triaffine(nn.Module):
    """Scores of word triples: s_q(i, j, k) = (x_i * y_j)^T U_q [z_k; 1].

    The tensor of a full triaffine (Wang et al. 2019, Second-Order Semantic Dependency Parsing with
    End-to-End Neural Networks) in canonical polyadic form over its first two arguments.
    """

    def __init__(self, width: int, n_labels: int) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.empty(width + 1, n_labels, width))
        nn.init.normal_(self.weight, std=1.0 / width)
        self.bias = nn.Parameter(torch.full((n_labels,), PRIOR))

    def forward(self, pair: Tensor, value: Tensor) -> Tensor:
        """(batch, pairs, width) and (batch, values, width) to (batch, pairs, values, labels)."""
        batch, n_values, _ = value.shape
        value = _with_one(value)
        width, n_labels, pair_width = self.weight.shape
        tilted = value @ self.weight.to(value.dtype).reshape(width, -1)
        tilted = tilted.view(batch, n_values * n_labels, pair_width)
        scores = pair @ tilted.transpose(1, 2)  # (batch, pairs, values * labels)
        return scores.view(batch, -1, n_values, n_labels) + self.bias

    def by_window(self, pairs: Tensor, window: Tensor, values: Tensor, real: Tensor) -> Tensor:
        """The same for pairs with the values of their own windows, so that padding is not scored.

        Args:
            pairs: (pairs, width).
            window: (pairs,), the window of each pair, ascending.
            values: (batch, spans, width).
            real: (batch, spans), which values are no padding; they come first.

        Returns: (rows, labels), a row for each pair with each real value of its window, in order.
        """
        n_pairs = torch.bincount(window, minlength=len(real))
        real = real & (n_pairs > 0).unsqueeze(1)
        width, n_labels, pair_width = self.weight.shape
        weight = self.weight.to(values.dtype).reshape(width, -1)
        tilted = (_with_one(values[real]) @ weight).view(-1, n_labels, pair_width)
        own = zip(
            pairs.split(n_pairs.tolist()), tilted.split(real.sum(dim=1).tolist()), strict=True
        )
        blocks = [(few @ all_.flatten(0, 1).T).view(-1, n_labels) for few, all_ in own]
        return torch.cat(blocks) + self.bias


def _with_one(states: Tensor) -> Tensor:
    return torch.cat([states, torch.ones_like(states[..., :1])], dim=-1)
