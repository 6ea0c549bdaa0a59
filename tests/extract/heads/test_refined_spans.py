"""Refined spans: candidates and losses by brute force, what the filters keep, what is annotated."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
import torch
from pydantic import ValidationError
from torch import Tensor

from extract.heads import GoldWindow, WordStates, build_head
from extract.heads.base import head_config
from extract.heads.refined_spans import RefinedSpansConfig, RefinedSpansHead
from tests.extract.heads.cases import ALL, GOLD, HIDDEN, SCHEMA, Span, as_dict, make_states, same

CONFIG = RefinedSpansConfig(
    name="refined_spans", width=12, n_heads=3, span_layers=2, max_width=4, dropout=0.0,
    refine_dropout=0.0, max_spans=9, max_ends=8, max_pairs=5,
)  # fmt: skip
OPEN = CONFIG.model_copy(update={"span_floor": -1e3, "triple_floor": -1e3})
N_TYPES, N_RELATIONS = 3, 5
NONE: frozenset[int] = frozenset()


def make_head(config: RefinedSpansConfig = CONFIG) -> RefinedSpansHead:
    torch.manual_seed(0)
    head = build_head(config, SCHEMA, HIDDEN)
    assert isinstance(head, RefinedSpansHead)
    with torch.no_grad():
        for parameter in head.parameters():  # scores of a size that matters
            parameter.copy_(torch.randn(parameter.shape) * 0.7)
    return head.eval()


def one_window(states: WordStates, row: int) -> WordStates:
    n = int(states.mask[row].sum())
    tensors = (states.entities, states.relations, states.qualifiers, states.mask)
    return WordStates(*(t[row : row + 1, :n] for t in tensors))


def span_state(head: RefinedSpansHead, words: Tensor, span: Span) -> Tensor:
    """One span of words (words, hidden) before refinement: (width,)."""
    first, last = span[0], span[1] - 1
    hidden = head.span.left(words[first]) + head.span.right(words[last])
    hidden = hidden + head.span_width.weight[min(last - first, head.config.max_width)]
    return torch.nn.functional.gelu(hidden)


def pair_state(head: RefinedSpansHead, subject: Tensor, object_: Tensor) -> Tensor:
    hidden = head.pair.left(subject) + head.pair.right(object_)
    return torch.nn.functional.gelu(hidden)


def odds_of_any(scores: Tensor) -> float:
    return float(scores.double().exp().sum().log())


# Settings


def test_width_that_the_heads_cannot_share_is_refused() -> None:
    with pytest.raises(ValidationError, match="a width that 3 attention heads can share, got 256"):
        head_config({"name": "refined_spans", "n_heads": 3})


# Inference


def brute_force(head: RefinedSpansHead, states: WordStates) -> dict[object, float]:
    """Candidates of one window, with one span and one pair at a time up to where they meet."""
    config, n = head.config, states.mask.shape[1]
    everything = torch.ones(1, 1, dtype=torch.bool)

    def refined(refine: Any, items: list[Tensor], words: Tensor) -> Tensor:
        real = everything.expand(1, len(items))
        return refine(torch.stack(items).unsqueeze(0), real, words, states.mask)[0]

    short = [(i, j) for i in range(n) for j in range(i + 1, min(n, i + config.max_width) + 1)]
    unrefined = {span: span_state(head, states.entities[0], span) for span in short}
    kept = sorted(short, key=lambda s: -odds_of_any(head.span_filter(unrefined[s])))
    kept = kept[: max(config.max_spans, n)]
    vectors = refined(head.refine_spans, [unrefined[s] for s in kept], states.entities)
    found, scores = {}, {}
    for span, vector in zip(kept, vectors, strict=True):
        typed = head.span_score(vector).tolist()
        if max(typed) > config.span_floor:
            found[span] = vector
            scores |= {(span, label): score for label, score in enumerate(typed)}
    ends = sorted(found, key=lambda s: -max(scores[s, label] for label in range(N_TYPES)))
    ends = ends[: max(config.max_ends, n // 4)]
    pairs = {(s, o): pair_state(head, found[s], found[o]) for s in ends for o in ends if s != o}
    likely = sorted(pairs, key=lambda p: -odds_of_any(head.pair_filter(pairs[p])))
    likely = likely[: max(config.max_pairs, len(ends))]
    vectors = refined(head.refine_pairs, [pairs[p] for p in likely], states.relations)
    for (s, o), vector in zip(likely, vectors, strict=True):
        for relation, score in enumerate(head.relation_score(vector).tolist()):
            if score > config.triple_floor:
                scores[s, relation, o] = score
    return scores


@torch.no_grad()
@pytest.mark.parametrize("max_pairs", [5, 11, 500])
@pytest.mark.parametrize("floor", [-1e3, 0.0])
def test_candidates_equal_one_span_and_one_pair_at_a_time(max_pairs: int, floor: float) -> None:
    update = {"max_pairs": max_pairs, "span_floor": floor, "triple_floor": floor}
    head = make_head(CONFIG.model_copy(update=update))
    states = make_states([7, 4, 12, 36])
    for row, found in enumerate(head.candidates(states)):
        expected, got = brute_force(head, one_window(states, row)), as_dict(found)
        assert len(found.triples)
        assert got.keys() == expected.keys()
        for name, score in expected.items():
            assert got[name] == pytest.approx(score, abs=1e-4)


@torch.no_grad()
def test_candidates_do_not_depend_on_the_batch_or_on_padding() -> None:
    head, lengths = make_head(OPEN), [3, 20, 7, 1, 12]
    alone = [head.candidates(make_states([n]))[0] for n in lengths]
    together = head.candidates(make_states(lengths))
    other_way = head.candidates(make_states(lengths[::-1], width=25))[::-1]
    assert [len(c.spans) for c in alone] == [6, 20, 9, 1, 12]
    assert [len(c.triples) // N_RELATIONS for c in alone] == [6, 8, 8, 0, 8]
    for one, two, three in zip(alone, together, other_way, strict=True):
        same(one, two)
        same(one, three)


@torch.no_grad()
def test_no_span_is_longer_than_allowed() -> None:
    head = make_head(OPEN.model_copy(update={"max_width": 2, "max_spans": 100}))
    (found,) = head.candidates(make_states([7]))
    spans = set(map(tuple, found.spans.tolist()))
    assert spans == {(i, i + 1) for i in range(7)} | {(i, i + 2) for i in range(6)}


@torch.no_grad()
def test_nothing_above_the_floors_gives_no_candidates() -> None:
    head = make_head(CONFIG.model_copy(update={"span_floor": 1e6}))
    for found in head.candidates(make_states([7, 3])):
        assert found.spans.shape == (0, 2)
        assert found.triples.shape == (0, 3)
    head = make_head(CONFIG.model_copy(update={"span_floor": -1e3, "triple_floor": 1e6}))
    for found in head.candidates(make_states([7, 3])):
        assert len(found.spans)
        assert not len(found.triples)


@torch.no_grad()
def test_half_precision_gives_finite_scores_near_to_full_precision() -> None:
    head = make_head(OPEN.model_copy(update={"max_spans": 100, "max_pairs": 500}))
    states = make_states([5, 3])
    with torch.autocast("cpu", dtype=torch.bfloat16):
        rough = head.candidates(states)
    for found, exact in zip(rough, head.candidates(states), strict=True):
        found, exact = as_dict(found), as_dict(exact)
        assert found.keys() == exact.keys()
        assert max(abs(found[name] - exact[name]) for name in exact) < 0.5


# Filters in training


def against_gold(head: RefinedSpansHead, states: WordStates, gold: GoldWindow) -> None:
    """Turn the filters so that gold spans and pairs are the least likely."""
    with torch.no_grad():
        vectors = [span_state(head, states.entities[0], (s, e)) for s, e, _ in gold.entities]
        head.span_filter.weight.copy_(-torch.stack(vectors).mean(dim=0).expand(N_TYPES, -1) * 50)


def test_gold_spans_are_kept_in_training_whatever_the_filter_says() -> None:
    head, states = make_head(CONFIG.model_copy(update={"max_spans": 4})), make_states([14])
    gold = replace(GOLD, entities=(*GOLD.entities, (6, 13, 0)))  # one longer than `max_width`
    against_gold(head, states, gold)
    kept = []
    refine = head.refine_spans.forward
    head.refine_spans.forward = lambda items, *rest: (  # type: ignore[method-assign]
        kept.append(items), refine(items, *rest)
    )[1]  # fmt: skip
    losses = head.loss(states, [gold])
    with torch.no_grad():
        head.candidates(states)
    names = {(s, e): span_state(head, states.entities[0], (s, e)) for s, e, _ in gold.entities}
    for vector in names.values():
        assert bool((kept[0][0] - vector).abs().amax(-1).lt(1e-5).any())
    found = [bool((kept[1][0] - v).abs().amax(-1).lt(1e-5).any()) for v in names.values()]
    assert not all(found)  # in inference the filter decides
    assert kept[0].shape[1] == kept[1].shape[1] == 14
    assert bool(losses["entities"] > 10)  # and learns that it was wrong


def test_related_pairs_are_kept_in_training_whatever_the_filter_says() -> None:
    config = CONFIG.model_copy(update={"max_pairs": 1, "max_spans": 500})
    head, states = make_head(config), make_states([7])
    kept: list[Tensor] = []
    keep = head._keep_pairs

    def unlikely(pairs: Tensor, likely: Tensor, *rest: Any) -> Any:
        must = rest[-1]
        index, real = keep(pairs, likely.masked_fill(must.unsqueeze(1), -1e3), *rest)
        kept.append(must[index[real]])
        return index, real

    head._keep_pairs = unlikely  # type: ignore[method-assign]
    head.loss(states, [GOLD])
    assert kept[0].sum() == 3  # of four triples, two are of one pair
    assert len(kept[0]) == 5  # as many as spans: gold ones, and two that are clear of them


# Losses


def test_filter_of_spans_is_trained_on_all_short_spans_and_gold_ones_by_brute_force() -> None:
    head, states = make_head(), make_states([7, 5])
    gold = replace(GOLD, entities=((0, 6, 0), (4, 5, 2)), entity_types=frozenset({0, 2}))
    untyped = GoldWindow(((1, 3, -1),), (), (), NONE, NONE, NONE)
    total = 0.0
    with torch.no_grad():
        for row, n in enumerate((7, 5)):
            for span in [(i, j) for i in range(n) for j in range(i + 1, n + 1)]:
                scores = head.span_filter(span_state(head, states.entities[row], span))
                if row == 0:
                    any_, right = odds_of_any(scores[[0, 2]]), span in {(0, 6), (4, 5)}
                    said = span not in {(0, 2), (3, 6)}  # which triples name
                else:
                    any_, right = odds_of_any(scores), span == (1, 3)
                    said = span[0] < 3 and span[1] > 1
                if said and (right or span[1] - span[0] <= 4):
                    probability = torch.tensor(any_ if right else -any_).double()
                    total -= float(torch.nn.functional.logsigmoid(probability))
    found = head.loss(states, [gold, untyped])["entities"]
    assert found.item() == pytest.approx(total / 12, rel=1e-4)


def test_pair_losses_are_sums_over_pairs_by_brute_force() -> None:
    config = CONFIG.model_copy(update={"max_pairs": 500, "max_spans": 500})
    head, states = make_head(config), make_states([7])
    gold = replace(GOLD, relations=frozenset({0, 1, 2, 4}))
    with torch.no_grad():
        spans = [(0, 2), (3, 6), (4, 5), (2, 3), (6, 7)]  # gold, and what shares no word with it
        short = [(i, j) for i in range(7) for j in range(i + 1, min(7, i + 4) + 1)]
        items = torch.stack([span_state(head, states.entities[0], s) for s in short])
        real = torch.ones(1, len(short), dtype=torch.bool)
        refined = head.refine_spans(items.unsqueeze(0), real, states.entities, states.mask)[0]
        vector = dict(zip(short, refined, strict=True))
        pairs = [(s, o) for s in spans for o in spans if s != o]
        items = torch.stack([pair_state(head, vector[s], vector[o]) for s, o in pairs])
        real = torch.ones(1, len(pairs), dtype=torch.bool)
        refined = head.refine_pairs(items.unsqueeze(0), real, states.relations, states.mask)[0]
        related = pair = 0.0
        for at, (s, o) in enumerate(pairs):
            right = {r for a, b, r, c, d in GOLD.triples if ((a, b), (c, d)) == (s, o)}
            any_ = odds_of_any(head.pair_filter(items[at])[[0, 1, 2, 4]])
            related += float(torch.tensor(-any_ if right else any_).double().exp().log1p())
            scores = head.relation_score(refined[at]).double().tolist()
            false = [r for r in (0, 1, 2, 4) if r not in right]
            pair += float(torch.tensor([scores[r] for r in false]).exp().sum().log1p())
            pair += float(torch.tensor([-scores[r] for r in right]).exp().sum().log1p())
    losses = head.loss(states, [gold])
    assert losses["related"].item() == pytest.approx(related / 5, rel=1e-4)
    assert losses["pairs"].item() == pytest.approx(pair / 5, rel=1e-4)


def test_loss_does_not_read_padding_or_the_other_windows() -> None:
    head = make_head()
    gold = replace(GOLD, entities=((0, 2, 1),), triples=(), qualifiers=())
    short, padded = (head.loss(make_states([6], width=w), [GOLD]) for w in (6, 9))
    for task in head.tasks:
        torch.testing.assert_close(short[task], padded[task])
    one, two = head.loss(make_states([6]), [GOLD]), head.loss(make_states([3]), [gold])
    both = head.loss(make_states([6, 3]), [GOLD, gold])
    for task, sizes in {"entities": (6, 3), "spans": (6, 3), "related": (4, 2)}.items():
        expected = (one[task] * sizes[0] + two[task] * sizes[1]) / sum(sizes)
        torch.testing.assert_close(both[task], expected)


@pytest.mark.parametrize(
    ("kind", "parts"),
    [
        ("entity_types", ("span_filter", "span_score")),
        ("relations", ("pair_filter", "relation_score")),
    ],
)
def test_label_that_no_corpus_annotates_is_never_trained(kind: str, parts: tuple[str, ...]) -> None:
    head = make_head().train()
    kept = ALL[kind] - {1}
    gold = GoldWindow(
        entities=tuple(e for e in GOLD.entities if kind != "entity_types" or e[2] != 1),
        triples=((4, 5, 0, 0, 2),),
        qualifiers=(),
        **{**ALL, kind: kept},
    )
    sum(head.loss(make_states([7, 7]), [gold, gold]).values()).backward()
    for part in parts:
        scorer = head.get_submodule(part)
        assert isinstance(scorer, torch.nn.Linear)
        for grad in (scorer.weight.grad, scorer.bias.grad):
            assert grad is not None
            changed = grad.flatten(1).ne(0).any(1) if grad.dim() > 1 else grad.ne(0)
            assert changed.tolist() == [label in kept for label in range(len(ALL[kind]))]


def test_corpus_without_relations_trains_no_pairs() -> None:
    head = make_head().train()
    gold = replace(GOLD, triples=(), qualifiers=(), relations=NONE)
    sum(head.loss(make_states([7]), [gold]).values()).backward()
    for part in (head.pair_filter, head.relation_score):
        assert part.weight.grad is not None
        assert bool(part.weight.grad.eq(0).all())


def test_training_lowers_the_loss_to_a_right_answer() -> None:
    head, states = make_head(CONFIG.model_copy(update={"max_pairs": 64})), make_states([7])
    head.train()
    optimizer = torch.optim.Adam(head.parameters(), lr=0.01)
    for _ in range(200):
        optimizer.zero_grad()
        torch.stack(list(head.loss(states, [GOLD]).values())).sum().backward()
        optimizer.step()
    with torch.no_grad():
        found = as_dict(head.eval().candidates(states)[0])
    # Nested spans, two relations of one pair, triples that share spans, and nothing else.
    expected: set[object] = {((s, e), label) for s, e, label in GOLD.entities}
    expected |= {((s, e), r, (o, f)) for s, e, r, o, f in GOLD.triples}
    assert {name for name, score in found.items() if score > 0} == expected


def test_given_entities_train_no_pairs_with_other_spans() -> None:
    head = make_head(OPEN)
    mask = torch.ones(1, 9, dtype=torch.bool)
    scores = torch.randn(1, 9, 9, N_TYPES, generator=torch.Generator().manual_seed(0))
    own = {(s, e) for s, e, _ in GOLD.entities}
    assert set(head._training_ends(scores, mask, [GOLD]).rows[0]) > own
    assert set(head._training_ends(scores, mask, [replace(GOLD, given=True)]).rows[0]) == own
