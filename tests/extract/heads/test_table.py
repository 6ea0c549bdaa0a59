"""The table head: losses, gradients, what is annotated; candidates against brute force."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch

from extract.encoder.pooling import span_membership
from extract.errors import RecipeError
from extract.heads import GoldWindow, WordStates, build_head
from extract.heads.base import register_head
from extract.heads.context import PairContext
from extract.heads.cube import TrainingSpans
from extract.heads.scorers import Biaffine, Triaffine
from extract.heads.spans import span_loss
from extract.heads.table import TableConfig, TableHead, word_scores
from extract.schema import Schema
from tests.extract.heads.cases import ALL, GOLD, HIDDEN, SCHEMA, Span, as_dict, make_states, same

CONFIG = TableConfig(width=8, cube_width=9, dropout=0.0, cells=True, cube_words=6, max_spans=30)
SPANS_ONLY = CONFIG.model_copy(update={"cells": False})


def make_head(config: TableConfig = CONFIG, schema: Schema = SCHEMA) -> TableHead:
    torch.manual_seed(0)
    head = build_head(config, schema, HIDDEN)
    assert isinstance(head, TableHead)
    with torch.no_grad():
        for parameter in head.parameters():  # scores of a size that matters
            parameter.copy_(torch.randn(parameter.shape) * 0.7)
    return head.eval()


# Registry


def test_unknown_head_lists_the_known_ones_and_taken_name_is_refused() -> None:
    with pytest.raises(RecipeError, match=r"Unknown head 'cubes'\. Expected one of: .*table"):
        build_head(CONFIG.model_copy(update={"name": "cubes"}), SCHEMA, HIDDEN)
    with pytest.raises(ValueError, match="'table' is taken by TableHead"):
        register_head("table")(TableHead)


# Training


def test_losses_are_finite_scalars_by_task() -> None:
    losses = make_head().loss(
        make_states([7, 7]), [GOLD, replace(GOLD, entities=(), triples=(), qualifiers=())]
    )
    assert set(losses) == {"entities", "relations", "pairs", "qualifiers", "values"}
    for loss in losses.values():
        assert loss.shape == ()
        assert bool(loss.isfinite())


def test_gradient_reaches_every_parameter_and_every_task_state() -> None:
    head, states = make_head().train(), make_states([7, 6])
    tensors = [t.requires_grad_() for t in (states.entities, states.relations, states.qualifiers)]
    sum(head.loss(states, [GOLD, GOLD]).values()).backward()
    for name, parameter in head.named_parameters():
        assert parameter.grad is not None, name
        assert bool(parameter.grad.abs().sum() > 0), name
    for tensor in tensors[:2]:  # every word is read; the cube reads some
        assert tensor.grad is not None
        assert bool(tensor.grad[states.mask].abs().sum(-1).gt(0).all())
    qualifiers = tensors[2].grad
    assert qualifiers is not None
    assert bool(qualifiers[0, [0, 1, 3, 4, 5]].abs().sum(-1).gt(0).all())


def test_loss_does_not_read_padding() -> None:
    head = make_head()
    short = head.loss(make_states([6]), [GOLD])
    padded = head.loss(make_states([6], width=9), [GOLD])
    for task in ("entities", "relations", "pairs"):
        torch.testing.assert_close(short[task], padded[task])


def test_relation_loss_is_the_sum_over_cells_by_brute_force() -> None:
    head, states = make_head(), make_states([7])
    table = head.relation_scorer(head.subject(states.relations), head.object(states.relations))[0]
    total = 0.0
    table = table.detach()
    for i in range(7):
        for j in range(7):
            gold = {r for s, e, r, o, f in GOLD.triples if s <= i < e and o <= j < f}
            negative = sum(float(table[i, j, r].exp()) for r in range(5) if r not in gold)
            positive = sum(float((-table[i, j, r]).exp()) for r in gold)
            total += float(np.log1p(negative) + np.log1p(positive))
    found = head.loss(states, [GOLD])["relations"]
    assert float(found) == pytest.approx(total / 7, rel=1e-4)


def test_without_cells_only_spans_are_trained() -> None:
    states = make_states([7])
    losses, all_losses = (make_head(c).loss(states, [GOLD]) for c in (SPANS_ONLY, CONFIG))
    assert set(losses) == {"entities", "pairs", "values"}
    for task, loss in losses.items():
        torch.testing.assert_close(loss, all_losses[task])


def test_value_loss_is_the_mean_over_gold_and_the_first_false_triples_by_brute_force() -> None:
    cube, states = make_head().cube, make_states([7]).qualifiers
    own = [(0, 2), (3, 6), (4, 5), (6, 7)]
    spans = TrainingSpans.of([own], states.device)
    # GOLD's triples and qualifiers, with spans as rows of `own`.
    values = {(0, 1, 1): {(2, 1)}, (0, 4, 1): set(), (2, 0, 0): {(1, 0)}, (0, 2, 2): set()}
    gold_pairs = {(s, o) for s, _, o in values}
    false = [(s, 3, o) for s in range(4) for o in range(4) if s != o and (s, o) not in gold_pairs]
    taken = false[: len(values) + 4]
    assert len(taken) < len(false)
    values |= {triple: set() for triple in taken}
    means = [
        torch.stack([part(states)[0, s:e].mean(dim=0) for s, e in own])
        for part in (cube.subject, cube.object, cube.value)
    ]
    total = 0.0
    for (subject, relation, object_), right in values.items():
        pair = (means[0][subject] * means[1][object_]).view(1, 1, -1)
        scores = cube.scorer(pair, means[2].unsqueeze(0))[0, 0]  # (values, labels)
        objects, of_value = cube.object(states)[0], cube.value(states)[0]
        beside = [
            context_of(cube.context, objects, of_value, states[0], own[object_], v) for v in own
        ]
        scores = scores + torch.stack(beside) + cube.by_relation.weight[relation]
        for value, row in enumerate(scores.tolist()):
            negative = sum(np.exp(x) for q, x in enumerate(row) if (value, q) not in right)
            positive = sum(np.exp(-x) for q, x in enumerate(row) if (value, q) in right)
            total += float(np.log1p(negative) + np.log1p(positive))
    found, _ = cube.scored_values(states, spans, [GOLD], [(0, *triple) for triple in false])
    assert found.item() == pytest.approx(total / len(values), rel=1e-4)


def test_false_triples_are_those_above_the_floor_the_likeliest_first() -> None:
    head, states = make_head(), make_states([7])
    own = [(0, 2), (3, 6), (4, 5), (6, 7)]
    spans = TrainingSpans.of([own], states.relations.device)
    pairs, scores = head._training_pairs(states.relations, spans, None, None)
    _, false = head._pair_loss(pairs, scores, spans, [GOLD])
    member = span_membership(spans.spans, 7, torch.float32)
    pairs, scores = head._pair_scores(states.relations, spans.spans, member, spans.real)
    best: dict[tuple[int, ...], float] = {}
    for (window, s, o), row in zip(pairs.tolist(), scores.tolist(), strict=True):
        if max(row) > CONFIG.triple_floor and (s, o) not in {(0, 1), (0, 2), (2, 0)}:
            best[window, s, row.index(max(row)), o] = max(row)
    assert false == sorted(best, key=lambda triple: -best[triple])


@pytest.mark.parametrize("config", [CONFIG, SPANS_ONLY])
def test_training_lowers_the_loss_to_a_right_answer(config: TableConfig) -> None:
    head, states = make_head(config).train(), make_states([7])
    optimizer = torch.optim.Adam(head.parameters(), lr=0.02)
    for _ in range(300):
        optimizer.zero_grad()
        loss = torch.stack(list(head.loss(states, [GOLD]).values())).sum()
        loss.backward()
        optimizer.step()
    with torch.no_grad():
        found = as_dict(head.eval().candidates(states)[0])
    positive = {name for name, score in found.items() if score > 0}
    # Nested spans, two relations of one pair, a subject of many triples, a span that is subject,
    # object and value: all there, and nothing else between gold spans.
    spans = [(s, e) for s, e, _ in GOLD.entities]
    triples = [((s, e), r, (o, f)) for s, e, r, o, f in GOLD.triples]
    expected = {((s, e), label) for s, e, label in GOLD.entities} | set(triples)
    expected |= {(triples[t], q, (s, e)) for t, q, s, e in GOLD.qualifiers}
    assert expected <= positive

    def in_gold(name: tuple[object, ...]) -> bool:
        return all(part in spans for part in name if isinstance(part, tuple) and len(part) == 2)

    assert {n for n in positive if len(n) == 3 and n[0] in spans and in_gold(n)} == set(triples)


@pytest.mark.parametrize(
    ("kind", "parameter"),
    [
        ("relations", "relation_scorer"),
        ("qualifier_labels", "cube.scorer"),
        ("entity_types", "span_scorer"),
    ],
)
def test_label_that_no_corpus_annotates_is_never_trained(kind: str, parameter: str) -> None:
    head, states = make_head().train(), make_states([7, 7])
    kept = ALL[kind] - {1}
    gold = GoldWindow(
        entities=tuple(e for e in GOLD.entities if kind != "entity_types" or e[2] != 1),
        triples=((4, 5, 0, 0, 2),),
        qualifiers=((0, 0, 3, 6),),
        **{**ALL, kind: kept},
    )
    sum(head.loss(states, [gold, gold]).values()).backward()
    scorer = head.get_submodule(parameter)
    assert isinstance(scorer, Biaffine | Triaffine)
    assert scorer.weight.grad is not None
    assert scorer.bias.grad is not None
    assert scorer.weight.grad[:, 1].eq(0).all()
    assert scorer.bias.grad[1] == 0
    for label in kept:
        assert bool(scorer.weight.grad[:, label].ne(0).any())
        assert scorer.bias.grad[label] != 0
    if kind == "relations":
        context = head.context.score.weight.grad
        assert context is not None
        assert context.ne(0).any(1).tolist() == [True, False, True, True, True]


def test_corpus_without_qualifiers_or_relations_leaves_their_scorers_alone() -> None:
    head, states = make_head().train(), make_states([7])
    gold = replace(
        GOLD, triples=(), qualifiers=(), relations=frozenset(), qualifier_labels=frozenset()
    )
    losses = head.loss(states, [gold])
    assert "qualifiers" not in losses
    sum(losses.values()).backward()
    assert head.cube.scorer.weight.grad is None
    grad = head.relation_scorer.weight.grad
    assert grad is not None
    assert grad.eq(0).all()


def test_mixed_batch_trains_each_label_on_its_own_corpus_only() -> None:
    head = make_head().train()
    states = make_states([7, 7], seed=-5)
    bare = replace(
        GOLD, triples=(), qualifiers=(), relations=frozenset(), qualifier_labels=frozenset()
    )
    sum(head.loss(states, [GOLD, bare]).values()).backward()
    both = head.relation_scorer.weight.grad.clone()
    head.zero_grad()
    alone = WordStates(
        *(t[:1] for t in (states.entities, states.relations, states.qualifiers, states.mask))
    )
    losses = head.loss(alone, [GOLD])
    losses["relations"].backward(retain_graph=True)
    table = head.relation_scorer.weight.grad.clone()
    # The second window adds words and spans to the divisors, and nothing else.
    assert bool(both.abs().sum() > 0)
    head.zero_grad()
    head.loss(states, [GOLD, bare])["relations"].backward()
    torch.testing.assert_close(head.relation_scorer.weight.grad * 2, table)


def test_spans_without_types_speak_for_some_type_and_against_what_crosses_them() -> None:
    head, states = make_head(), make_states([7])
    gold = GoldWindow(((1, 3, -1),), (), (), frozenset(), frozenset(), frozenset())
    scores = head._span_scores(states.entities).detach().requires_grad_()
    span_loss(scores, states.mask, [gold]).backward()
    grad = scores.grad[0]
    assert bool((grad[1, 2] < 0).all())  # raised
    for first in range(7):
        for last in range(7):
            if (first, last) == (1, 2):
                continue
            crosses = first <= last and first < 3 and last >= 1
            assert bool((grad[first, last] > 0).all()) == crosses
            assert bool((grad[first, last] == 0).all()) == (not crosses)


def test_cube_takes_gold_words_first_and_survives_more_of_them_than_it_holds() -> None:
    head, states = make_head(), make_states([7])
    likely = word_scores(head._span_scores(states.entities), states.mask)
    chosen, real = head.cube._choose(likely, states.mask, [GOLD])
    assert chosen.shape == (1, 6)
    gold_words = {0, 1, 3, 4, 5}  # of the triples that have qualifiers
    assert gold_words <= set(chosen[0].tolist())
    assert chosen[0].tolist() == sorted(chosen[0].tolist())
    assert real.all()
    every, _ = make_head(CONFIG.model_copy(update={"cube_words": 0})).cube._choose(
        likely, states.mask, [GOLD]
    )
    assert every.tolist() == [list(range(7))]
    tight = make_head(CONFIG.model_copy(update={"cube_words": 2}))
    loss = tight.loss(states, [GOLD])["qualifiers"]
    loss.backward()
    assert bool(loss.isfinite())
    assert bool(tight.cube.scorer.weight.grad.isfinite().all())


def test_cube_of_a_short_window_beside_a_long_one_counts_no_padding() -> None:
    head = make_head()
    states = make_states([7, 2])
    short = replace(GOLD, entities=((0, 1, 0),), triples=(), qualifiers=())
    likely = word_scores(head._span_scores(states.entities), states.mask)
    chosen, real = head.cube._choose(likely, states.mask, [GOLD, short])
    assert real.sum(1).tolist() == [6, 2]
    assert sorted(chosen[1][real[1]].tolist()) == [0, 1]


def test_schema_without_relations_or_qualifiers_trains_and_predicts() -> None:
    for schema in (Schema(SCHEMA.entity_types), Schema(SCHEMA.entity_types, SCHEMA.relations)):
        head, states = make_head(schema=schema), make_states([7])
        triples = GOLD.triples if schema.relations else ()
        gold = replace(
            GOLD, triples=triples, qualifiers=(), qualifier_labels=frozenset(),
            relations=frozenset(range(len(schema.relations))),
        )  # fmt: skip
        assert "qualifiers" not in head.loss(states, [gold])
        with torch.inference_mode():
            (found,) = head.candidates(states)
        assert len(found.spans)
        assert len(found.qualifiers) == 0


# Inference


def test_word_scores_are_the_best_of_any_span_over_the_word() -> None:
    spans = torch.randn(2, 7, 7, 3, generator=torch.Generator().manual_seed(0))
    lengths = (7, 4)
    mask = torch.arange(7) < torch.tensor(lengths).unsqueeze(1)
    found = word_scores(spans, mask)
    assert found.shape == (2, 7)
    assert found.isinf().equal(~mask)  # no span of words and padding says anything of a word
    for b, n in enumerate(lengths):
        for word in range(n):
            best = max(float(spans[b, i, j].max()) for i in range(word + 1) for j in range(word, n))
            assert float(found[b, word]) == best


def context_of(
    context: PairContext,
    left: torch.Tensor,
    right: torch.Tensor,
    states: torch.Tensor,
    s: Span,
    o: Span,
) -> torch.Tensor:
    """Scores (labels,) that the words between two spans add.

    `states` is (words, hidden); `left` and `right` are its projections for either span.
    """
    first, last = min(s[1], o[1]), max(s[0], o[0])
    between = torch.zeros(context.between.in_features)
    if first < last:
        between = context.words(states[first:last]).max(dim=0).values
    order = 2 if first > last else 0 if s[1] <= o[0] else 1
    pair = (
        context.subject(left[s[0] : s[1]].mean(0))
        + context.object(right[o[0] : o[1]].mean(0))
        + context.between(between)
        + context.order.weight[order]
    )
    return context.score(torch.nn.functional.gelu(pair))


def brute_force(head: TableHead, states: WordStates, row: int) -> dict[object, float]:
    """Candidates of one window from all cells of spans, table and cube, with no shortcut."""
    n = int(states.mask[row].sum())
    one = WordStates(
        *(t[row : row + 1, :n] for t in (states.entities, states.relations, states.qualifiers)),
        states.mask[row : row + 1, :n],
    )
    cells, cube_of = (
        head.span_scorer(head.start(one.entities), head.last(one.entities))[0],
        head.cube,
    )
    widths = head.span_width.weight
    words, left, right = one.relations[0], head.subject(one.relations), head.object(one.relations)
    table = head.relation_scorer(left, right)[0]
    subject, object_ = cube_of.subject(one.qualifiers)[0], cube_of.object(one.qualifiers)[0]
    value = cube_of.value(one.qualifiers)[0]
    with_one = torch.cat([value, torch.ones(n, 1)], dim=1)
    cube = torch.einsum("iw,jw,kv,vqw->ijkq", subject, object_, with_one, cube_of.scorer.weight)
    cube = cube + cube_of.scorer.bias
    config, scores = head.config, {}
    spans = {
        (i, j + 1): cells[i, j] + widths[min(j - i, 24)] for i in range(n) for j in range(i, n)
    }
    best = sorted(spans, key=lambda s: -float(spans[s].max()))[: max(config.max_spans, n)]
    best = [s for s in best if float(spans[s].max()) > config.span_floor]
    for s in best:
        scores |= {(s, label): float(spans[s][label]) for label in range(3)}
    for s in best:
        for o in best:
            block = table[s[0] : s[1], o[0] : o[1]].mean(dim=(0, 1))
            block = block + context_of(head.context, left[0], right[0], words, s, o)
            for r in range(5) if s != o else ():
                if float(block[r]) <= config.triple_floor:
                    continue
                scores[(s, r, o)] = float(block[r])
                for v in best:
                    part = cube[s[0] : s[1], o[0] : o[1], v[0] : v[1]].mean(dim=(0, 1, 2))
                    beside = (object_, value, one.qualifiers[0], o, v)
                    part = part + context_of(cube_of.context, *beside)
                    part = part + cube_of.by_relation.weight[r]
                    for q in range(2):
                        if float(part[q]) > config.triple_floor:
                            scores[((s, r, o), q, v)] = float(part[q])
    return scores


@pytest.mark.parametrize("max_spans", [4, 10])
def test_candidates_equal_brute_force_over_the_full_table_and_cube(max_spans: int) -> None:
    config = CONFIG.model_copy(
        update={"max_spans": max_spans, "span_floor": 1.0, "triple_floor": 0.5}
    )
    head, states = make_head(config), make_states([5, 7, 2])
    with torch.inference_mode():
        for row, found in enumerate(head.candidates(states)):
            expected, got = brute_force(head, states, row), as_dict(found)
            assert got.keys() == expected.keys()
            for name, score in expected.items():
                assert got[name] == pytest.approx(score, abs=1e-3)


def test_candidates_do_not_depend_on_the_batch() -> None:
    # Fewer spans kept than there are, and windows of many lengths: the cap must be each window's own.
    config = CONFIG.model_copy(update={"max_spans": 8, "span_floor": -50.0, "triple_floor": 2.0})
    head, lengths = make_head(config), [3, 20, 7, 1, 12]
    with torch.inference_mode():
        alone = [head.candidates(make_states([n]))[0] for n in lengths]
        together = head.candidates(make_states(lengths))
        other_way = head.candidates(make_states(lengths[::-1], width=25))[::-1]
    assert [len(c.spans) for c in alone] == [6, 20, 8, 1, 12]
    for one, two, three in zip(alone, together, other_way, strict=True):
        same(one, two)
        same(one, three)


def test_nothing_above_the_floors_gives_no_candidates() -> None:
    config = CONFIG.model_copy(update={"span_floor": 1e6})
    with torch.inference_mode():
        windows = make_head(config).candidates(make_states([7, 3]))
    assert len(windows) == 2
    for found in windows:
        assert found.spans.shape == (0, 2)
        assert found.entity_scores.shape == (0, 3)
        assert found.triples.shape == found.qualifiers.shape == (0, 3)
