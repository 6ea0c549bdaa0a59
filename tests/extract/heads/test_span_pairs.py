"""Spans and pairs from pooled words: scores by loops, what is annotated, settings, memory of many pairs."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
import torch
from torch.nn.functional import gelu

from extract.encoder.parses import PIPELINE
from extract.errors import RecipeError
from extract.heads import GoldWindow, WordStates, build_head, head_config, span_pairs
from extract.heads.pooling import PAIR_POOLINGS, SPAN_POOLINGS
from extract.heads.span_pairs import SpanPairsHead
from extract.heads.spans import MAX_WIDTH
from extract.model import ModelConfig
from extract.schema import Schema
from tests.extract.heads.cases import ALL, GOLD, HIDDEN, SCHEMA, as_dict, make_states, same

NO_QUALIFIERS = replace(SCHEMA, qualifiers=())  # theirs are the cube's, which has tests of its own
WIDE_OPEN = {"span_floor": -1e3, "triple_floor": -1e3, "max_spans": 30}
SMALL = {"width": 8, "features": 9, "hidden": 10, "dropout": 0.0, **WIDE_OPEN}


def make_head(schema: Schema = NO_QUALIFIERS, **settings: Any) -> SpanPairsHead:
    torch.manual_seed(0)
    config = head_config({"name": "span_pairs", **SMALL, **settings})
    head = build_head(config, schema, HIDDEN)
    assert isinstance(head, SpanPairsHead)
    with torch.no_grad():
        for parameter in head.parameters():  # scores of a size that matters
            parameter.copy_(torch.randn(parameter.shape) * 0.4)
    return head.eval()


def parsed(states: WordStates) -> WordStates:
    """With trees: each word hangs on the one before it, the fourth is a root."""
    parents = torch.arange(states.mask.shape[1]) - 1
    parents[3::4] = -1
    return replace(states, parents=parents.expand(states.mask.shape).masked_fill(~states.mask, -1))


def scores_by_hand(head: SpanPairsHead, states: WordStates) -> dict[object, float]:
    """Every span and every pair of the first window, a hidden layer on all features side by side."""
    n_words = int(states.mask[0].sum())
    spans = [(i, j) for i in range(n_words) for j in range(i + 1, n_words + 1)]
    found: dict[object, float] = {}
    ends = {}
    for start, end in spans:
        row = min(end - start, MAX_WIDTH) - 1
        words = states.entities[0]
        vector = torch.cat([words[start], words[end - 1], head.entities.widths.weight[row]])
        scores = head.span_score(head.span(vector)).tolist()
        found |= {((start, end), label): score for label, score in enumerate(scores)}
        words = states.relations[0]
        ends[start, end] = torch.cat([words[start], words[end - 1], head.ends.widths.weight[row]])
    pairs = head.pairs
    layer = torch.cat([pairs.subject.weight, pairs.object.weight, pairs.around.weight], dim=1)
    projected = pairs.pooling.words(states.relations[0])
    for one in spans:
        for other in spans:
            if one == other:
                continue
            between = projected[min(one[1], other[1]) : max(one[0], other[0])]
            around = between.max(dim=0).values if len(between) else torch.zeros(9)
            order = 0 if one[1] <= other[0] else 1 if other[1] <= one[0] else 2
            features = layer @ torch.cat([ends[one], ends[other], around])
            features = features + pairs.subject.bias + pairs.order.weight[order]
            scores = pairs.score(gelu(features)).tolist()
            found |= {(one, label, other): score for label, score in enumerate(scores)}
    return found


@torch.no_grad()
def test_candidates_are_all_spans_and_pairs_scored_by_hand() -> None:
    head, states = make_head(), make_states([5, 3])
    found = as_dict(head.candidates(states)[0])
    expected = scores_by_hand(head, states)
    assert found.keys() == expected.keys()
    for name, score in expected.items():
        assert found[name] == pytest.approx(score, abs=1e-4)


@pytest.mark.parametrize("span", SPAN_POOLINGS)
@pytest.mark.parametrize("pair", PAIR_POOLINGS)
def test_any_two_poolings_train_and_neither_padding_nor_the_batch_matters(
    span: str, pair: str
) -> None:
    head = make_head(span_pooling=span, pair_pooling=pair)
    alone, padded = parsed(make_states([7])), parsed(make_states([7], width=9))
    losses = [head.loss(states, [GOLD]) for states in (alone, padded)]
    assert set(losses[0]) == {"entities", "spans", "pairs"}
    torch.testing.assert_close(*losses)
    torch.stack(list(losses[0].values())).sum().backward()
    for name, parameter in head.named_parameters():
        assert parameter.grad is not None, name
        assert bool(parameter.grad.abs().sum() > 0), name
    with torch.inference_mode():
        both = head.candidates(parsed(make_states([7, 4])))
        same(both[0], head.candidates(alone)[0])
        same(both[1], head.candidates(parsed(make_states([4])))[0])


@pytest.mark.parametrize("span", SPAN_POOLINGS)
@pytest.mark.parametrize("pair", PAIR_POOLINGS)
def test_half_the_bits_give_nearly_the_same_losses(span: str, pair: str) -> None:
    head, states = make_head(span_pooling=span, pair_pooling=pair), parsed(make_states([7]))
    whole = head.loss(states, [GOLD])
    with torch.autocast("cpu", dtype=torch.bfloat16):
        half = head.loss(states, [GOLD])
    torch.stack(list(half.values())).sum().backward()
    for task, loss in whole.items():
        torch.testing.assert_close(half[task].float(), loss, rtol=0.1, atol=0.1)


def test_many_pairs_are_scored_a_few_at_a_time(monkeypatch: pytest.MonkeyPatch) -> None:
    head, states = make_head(pair_pooling="attention"), make_states([6, 5])
    sizes: list[int] = []
    head.pairs.score.register_forward_hook(lambda _, __, scores: sizes.append(len(scores)))
    with torch.inference_mode():
        whole = head.candidates(states)
        assert sizes == [21 * 20 + 15 * 14]
        monkeypatch.setattr(span_pairs, "_PAIRS_AT_ONCE", 100)
        parts = head.candidates(states)
    assert sizes[1:] == [100] * 6 + [30]
    for one, other in zip(whole, parts, strict=True):
        same(one, other)


def test_pair_loss_is_that_of_gold_and_likely_false_pairs_by_hand() -> None:
    # No false span is likely enough, so that all pairs are those of gold spans.
    head, states = make_head(span_floor=1e3), make_states([7])
    own = [(s, e) for s, e, _ in GOLD.entities]
    scores = scores_by_hand(head, states)
    total = 0.0
    for one in own:
        for other in own:
            if one == other:
                continue
            gold = {r for s, e, r, o, f in GOLD.triples if ((s, e), (o, f)) == (one, other)}
            row = torch.tensor([scores[one, r, other] for r in range(5)])
            negative = sum(float(row[r].exp()) for r in range(5) if r not in gold)
            positive = sum(float((-row[r]).exp()) for r in gold)
            total += float(torch.tensor([1 + negative, 1 + positive]).log().sum())
    assert head.loss(states, [GOLD])["pairs"].item() == pytest.approx(total / 3, rel=1e-4)


def test_training_lowers_the_loss_to_a_right_answer() -> None:
    head, states = make_head(span_floor=-4.0, triple_floor=-4.0).train(), make_states([7])
    optimizer = torch.optim.Adam(head.parameters(), lr=0.02)
    for _ in range(150):
        optimizer.zero_grad()
        torch.stack(list(head.loss(states, [GOLD]).values())).sum().backward()
        optimizer.step()
    with torch.no_grad():
        found = as_dict(head.eval().candidates(states)[0])
    positive = {name for name, score in found.items() if score > 0}
    spans = {((s, e), label) for s, e, label in GOLD.entities}
    triples = {((s, e), r, (o, f)) for s, e, r, o, f in GOLD.triples}
    assert positive == spans | triples


@pytest.mark.parametrize(
    ("kind", "scorer"), [("relations", "pairs.score"), ("entity_types", "span_score")]
)
def test_label_that_no_corpus_annotates_is_never_trained(kind: str, scorer: str) -> None:
    head, states = make_head().train(), make_states([7, 7])
    gold = GoldWindow(
        entities=tuple(e for e in GOLD.entities if kind != "entity_types" or e[2] != 1),
        triples=((4, 5, 0, 0, 2),),
        qualifiers=(),
        **{**ALL, kind: ALL[kind] - {1}},
    )
    sum(head.loss(states, [gold, gold]).values()).backward()
    linear = head.get_submodule(scorer)
    assert isinstance(linear, torch.nn.Linear)
    for parameter in (linear.weight, linear.bias):
        assert parameter.grad is not None
        trained = parameter.grad.view(len(parameter), -1).ne(0).any(dim=1)
        assert trained.tolist() == [label != 1 for label in range(len(parameter))]


def test_window_without_pairs_has_no_loss_of_pairs() -> None:
    head, states = make_head(span_floor=1e3), make_states([7])
    one = replace(GOLD, entities=((0, 2, 0),), triples=(), qualifiers=())
    assert set(head.loss(states, [one])) == {"entities", "spans"}


# Settings


@pytest.mark.parametrize("kind", ["span", "pair"])
def test_unknown_pooling_lists_the_known_ones(kind: str) -> None:
    settings = {"head": {"name": "span_pairs", f"{kind}_pooling": "mean"}}
    with pytest.raises(
        ValueError, match=rf"Unknown {kind} pooling 'mean'. Expected one of: attent"
    ):
        ModelConfig.model_validate(settings)
    with pytest.raises(RecipeError, match="Unknown head"):
        head_config({"name": "span_pair"})


def test_parses_are_asked_for_by_the_pooling_that_reads_them_alone() -> None:
    assert make_head().parser is None
    assert make_head(pair_pooling="dependency").parser == PIPELINE
    assert make_head(pair_pooling="dependency", parser="other").parser == "other"
    bare = Schema(SCHEMA.entity_types)
    assert make_head(bare, pair_pooling="dependency").parser is None
