"""Refinement: attention by hand, sets without order, padding; the likeliest items by brute force."""

from __future__ import annotations

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor
from torch.nn.functional import gelu, layer_norm

from extract.heads.refinement import Joined, ReadProcess, Refinement, keep_top

WIDTH, HIDDEN, N_HEADS = 6, 5, 3


def make_refinement(n_layers: int = 2) -> Refinement:
    torch.manual_seed(0)
    made = Refinement(WIDTH, HIDDEN, n_heads=N_HEADS, n_layers=n_layers, dropout=0.0)
    with torch.no_grad():
        for parameter in made.parameters():
            parameter.copy_(torch.randn(parameter.shape) * 0.7)
    return made.eval()


def make_inputs(n_items: list[int], n_words: list[int]) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """Items, which are real, words, their mask; padding is noise."""
    torch.manual_seed(1)
    items = torch.randn(len(n_items), max(n_items), WIDTH)
    words = torch.randn(len(n_words), max(n_words), HIDDEN)
    real = torch.arange(max(n_items)) < torch.tensor(n_items).unsqueeze(1)
    mask = torch.arange(max(n_words)) < torch.tensor(n_words).unsqueeze(1)
    return items, real, words, mask


# Attention


def attend(of: torch.nn.MultiheadAttention, asked: Tensor, keys: Tensor) -> Tensor:
    """What each row of `asked` (items, width) reads of `keys` (keys, their width) and of one zero key."""
    if of.in_proj_weight is None:
        to_query, to_key, to_value = of.q_proj_weight, of.k_proj_weight, of.v_proj_weight
    else:
        to_query, to_key, to_value = of.in_proj_weight.chunk(3)
    of_query, of_key, of_value = of.in_proj_bias.chunk(3)
    zero = torch.zeros(1, WIDTH)
    query = asked @ to_query.T + of_query
    key = torch.cat([keys @ to_key.T + of_key, zero])
    value = torch.cat([keys @ to_value.T + of_value, zero])
    size, heads = WIDTH // N_HEADS, []
    for head in range(N_HEADS):
        part = slice(head * size, (head + 1) * size)
        weights = (query[:, part] @ key[:, part].T / size**0.5).softmax(dim=-1)
        heads.append(weights @ value[:, part])
    return torch.cat(heads, dim=1) @ of.out_proj.weight.T + of.out_proj.bias


def by_hand(layer: ReadProcess, items: Tensor, words: Tensor) -> Tensor:
    def norm(of: torch.nn.Module, x: Tensor) -> Tensor:
        return layer_norm(x, (WIDTH,), of.weight, of.bias)

    items = items + attend(layer.read, norm(layer.read_norm, items), words)
    asked = norm(layer.process_norm, items)
    items = items + attend(layer.process, asked, asked)
    inner = layer.inner
    hidden = gelu(norm(inner[0], items) @ inner[1].weight.T + inner[1].bias)
    return items + hidden @ inner[4].weight.T + inner[4].bias


@torch.no_grad()
def test_layers_read_the_words_then_each_other_by_hand() -> None:
    refinement = make_refinement()
    items, real, words, mask = make_inputs([4, 2, 1], [3, 5, 2])
    found = refinement(items, real, words, mask)
    assert found.shape == items.shape
    for row in range(3):
        project = refinement.project
        own = items[row, real[row]] @ project.weight.T + project.bias
        for layer in refinement.layers:
            assert isinstance(layer, ReadProcess)
            own = by_hand(layer, own, words[row, mask[row]])
        torch.testing.assert_close(found[row, real[row]], refinement.norm(own))


@torch.no_grad()
def test_permuted_items_come_out_permuted() -> None:
    refinement = make_refinement()
    items, real, words, mask = make_inputs([5, 3], [4, 4])
    order = torch.tensor([3, 0, 4, 1, 2])
    found = refinement(items[:, order], real[:, order], words, mask)
    torch.testing.assert_close(found, refinement(items, real, words, mask)[:, order])


def test_every_real_item_and_word_of_the_own_window_has_influence_and_nothing_else() -> None:
    refinement = make_refinement(1)
    items, real, words, mask = make_inputs([4, 2], [3, 5])
    items.requires_grad_()
    words.requires_grad_()
    (refinement(items, real, words, mask)[1, 0] * torch.randn(WIDTH)).sum().backward()
    assert items.grad is not None
    assert words.grad is not None
    assert items.grad.ne(0).any(-1).tolist() == [[False] * 4, [True, True, False, False]]
    assert words.grad.ne(0).any(-1).tolist() == [[False] * 5, [True] * 5]


@torch.no_grad()
def test_window_without_items_is_finite_and_changes_nothing() -> None:
    refinement = make_refinement()
    items, real, words, mask = make_inputs([4, 0, 2], [3, 4, 5])
    found = refinement(items, real, words, mask)
    assert bool(found.isfinite().all())
    rest = torch.tensor([0, 2])
    torch.testing.assert_close(
        found[rest], refinement(items[rest], real[rest], words[rest], mask[rest])
    )


@torch.no_grad()
def test_joined_is_one_hidden_layer_over_both_and_the_features() -> None:
    torch.manual_seed(0)
    joined, states = Joined(HIDDEN, WIDTH, 0.0), torch.randn(2, 7, HIDDEN)
    rows, features = torch.tensor([[0, 3, 6], [1, 2, 2]]), torch.randn(2, WIDTH)
    weight = torch.cat([joined.left.weight, joined.right.weight], dim=1)
    for added in (features, None):
        for found, (window, left, right), more in zip(
            joined(states, rows, added), rows.tolist(), features, strict=True
        ):
            both = torch.cat([states[window, left], states[window, right]])
            hidden = weight @ both + joined.left.bias + (0.0 if added is None else more)
            torch.testing.assert_close(found, gelu(hidden))


# Filter


@given(st.data())
def test_kept_are_those_that_must_be_then_the_likeliest_by_brute_force(data: st.DataObject) -> None:
    counts = data.draw(st.lists(st.integers(0, 6), min_size=1, max_size=4))
    n_kept = data.draw(st.lists(st.integers(0, 7), min_size=len(counts), max_size=len(counts)))
    n = sum(counts)
    likely = [x / 8 for x in data.draw(st.permutations(range(-n, n)))][:n]
    must = data.draw(st.lists(st.booleans(), min_size=n, max_size=n))
    with_must = data.draw(st.booleans())
    window = torch.arange(len(counts)).repeat_interleave(torch.tensor(counts))
    index, real = keep_top(
        window,
        torch.tensor(likely, dtype=torch.float32),
        torch.tensor(n_kept),
        torch.tensor(must, dtype=torch.bool) if with_must else None,
    )
    if not with_must:
        must = [False] * n
    at = 0
    for row, (count, cap) in enumerate(zip(counts, n_kept, strict=True)):
        own = sorted(range(at, at + count), key=lambda i: (not must[i], -likely[i]))
        own = own[: max(cap, sum(must[at : at + count]))]
        assert sorted(index[row, real[row]].tolist()) == sorted(own)
        free = [i for i in own if not must[i]]
        assert index[row, real[row]].tolist()[len(own) - len(free) :] == free
        assert real[row].tolist() == sorted(real[row].tolist(), reverse=True)
        at += count
    assert index.shape == real.shape
    assert bool((index[~real] == 0).all())


@pytest.mark.parametrize("others", [[0], [9], [2, 9]])
def test_what_a_window_keeps_does_not_depend_on_the_others(others: list[int]) -> None:
    own = torch.tensor([0.3, -2.0, 1.5, 0.7])
    index, real = keep_top(
        torch.tensor([0] * 4 + [1 + i for i, n in enumerate(others) for _ in range(n)]),
        torch.cat([own, torch.randn(sum(others))]),
        torch.tensor([3, *others]),
    )
    assert index[0, real[0]].tolist() == [2, 3, 0]
