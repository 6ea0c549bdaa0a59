"""Head-then-tail tagging: several heads at once as one at a time; candidates and losses by brute force."""

from __future__ import annotations

import math
from dataclasses import replace

import pytest
import torch

from extract.heads import WordStates, build_head
from extract.heads.boundaries import Boundaries, BoundaryTagger
from extract.heads.boundary_losses import boundary_loss
from extract.heads.head_then_tail import HeadThenTail, HeadThenTailConfig, relative_positions
from extract.heads.spans import training_spans
from tests.extract.heads.cases import (
    GOLD,
    HIDDEN,
    SCHEMA,
    Span,
    as_dict,
    make_states,
    same,
    trained_on_annotated_labels_alone,
    unread_padding,
)

CONFIG = HeadThenTailConfig(name="head_then_tail", width=8, dropout=0.0, max_spans=30)
N_TYPES, N_RELATIONS = 3, 5


def make_head(config: HeadThenTailConfig = CONFIG) -> HeadThenTail:
    torch.manual_seed(0)
    head = build_head(config, SCHEMA, HIDDEN)
    assert isinstance(head, HeadThenTail)
    with torch.no_grad():
        for parameter in head.parameters():  # scores of a size that matters
            parameter.copy_(torch.randn(parameter.shape) * 0.7)
    return head.eval()


# Conditioning on heads


def test_positions_count_from_the_ends_of_the_head_and_are_one_inside() -> None:
    heads = torch.tensor([[0, 2, 4], [1, 0, 1]])
    assert (relative_positions(heads, 7) - 24).tolist() == [
        [-2, -1, 0, 0, 1, 2, 3],
        [0, 1, 2, 3, 4, 5, 6],
    ]
    far = relative_positions(torch.tensor([[0, 30, 31]]), 61)
    assert (far[0, 0], far[0, 6], far[0, 7], far[0, 60]) == (0, 0, 1, 48)


def test_words_read_the_head_their_position_and_what_stands_between() -> None:
    head, words = make_head(), make_states([9, 9], seed=-3).relations
    heads = torch.tensor([[1, 2, 5], [0, 0, 1]])
    about = head.about_head(words, heads)
    assert about.shape == (2, 9, 8)
    for row, (window, start, end) in enumerate(heads.tolist()):
        for word in range(9):
            place = min(word - start, 0) + max(word - end + 1, 0)
            between = [*range(end, word), *range(word + 1, start)]
            strongest = torch.zeros(head.about_head.between.in_features)
            if between:
                strongest = head.about_head.words(words[window, between]).max(dim=0).values
            expected = (
                head.about_head.first.weight @ words[window, start]
                + head.about_head.last.weight @ words[window, end - 1]
                + head.about_head.position.weight[24 + place]
                + head.about_head.between(strongest)
            )
            torch.testing.assert_close(about[row, word], expected)


def test_several_heads_at_once_are_tagged_as_one_at_a_time() -> None:
    head, states = make_head(), make_states([7, 4, 6], seed=-3)
    heads = torch.tensor([[0, 0, 2], [0, 3, 6], [1, 1, 4], [2, 5, 6], [2, 0, 1], [0, 3, 4]])
    together = head._tail_tags(states.relations, states.mask, heads)
    for row, one in enumerate(heads):
        window, n_words = int(one[0]), int(states.mask[one[0]].sum())
        alone = head._tail_tags(
            states.relations[window : window + 1, :n_words],
            states.mask[window : window + 1, :n_words],
            one.unsqueeze(0) * torch.tensor([0, 1, 1]),
        )
        torch.testing.assert_close(together.start[row, :n_words], alone.start[0])
        cells = torch.tensor([[s, w] for s in range(n_words) for w in range(s, n_words)])
        in_row = [torch.cat([torch.full((len(cells), 1), at), cells], dim=1) for at in (row, 0)]
        torch.testing.assert_close(
            head.tail.ends(together, in_row[0]), head.tail.ends(alone, in_row[1])
        )


# Inference


def chance(tagger: BoundaryTagger, tags: Boundaries, row: int, span: Span) -> torch.Tensor:
    """Probabilities (labels,) that a span has each label, tag by tag."""
    start, end = span
    product = tags.start[row, start].double().sigmoid()
    for word in range(start, end):
        scores = tagger.ends(tags, torch.tensor([[row, start, word]]))[0].double()
        product = product * (scores if word == end - 1 else -scores).sigmoid()
    return product


def brute_force(head: HeadThenTail, states: WordStates, row: int) -> dict[object, float]:
    """Candidates of one window, span by span and head by head, nothing left out early."""
    n = int(states.mask[row].sum())
    mask = torch.ones(1, n, dtype=torch.bool)
    entities, relations = states.entities[row : row + 1, :n], states.relations[row : row + 1, :n]
    config, scores = head.config, {}
    tags = head.entity(entities, mask)
    found = {
        (s, e): chance(head.entity, tags, 0, (s, e)).logit()
        for s in range(n)
        for e in range(s + 1, n + 1)
    }
    kept = sorted(found, key=lambda s: -float(found[s].max()))[: max(config.max_spans, n)]
    kept = [s for s in kept if float(found[s].max()) > config.span_floor]
    for span in kept:
        scores |= {(span, label): float(found[span][label]) for label in range(N_TYPES)}
    head_tags = head.head(relations, mask)
    for subject in kept:
        of_head = chance(head.head, head_tags, 0, subject)
        tags = head._tail_tags(relations, mask, torch.tensor([[0, *subject]]))
        for object_ in kept:
            both = of_head * chance(head.tail, tags, 0, object_)
            for relation in range(N_RELATIONS) if subject != object_ else ():
                score = float(both[relation].logit())
                if score > config.triple_floor:
                    scores[(subject, relation, object_)] = score
    return scores


@pytest.mark.parametrize(("max_spans", "floor"), [(4, -6.0), (30, -5.0), (12, -1e3)])
@torch.no_grad()
def test_candidates_equal_brute_force(max_spans: int, floor: float) -> None:
    config = CONFIG.model_copy(
        update={"max_spans": max_spans, "span_floor": floor, "triple_floor": floor}
    )
    head, states = make_head(config), make_states([5, 8, 2])
    n_triples = []
    for row, found in enumerate(head.candidates(states)):
        expected, got = brute_force(head, states, row), as_dict(found)
        assert got.keys() == expected.keys()
        for name, score in expected.items():
            assert got[name] == pytest.approx(score, abs=1e-3)
        n_triples.append(len(found.triples))
    assert n_triples[1] > 0


def test_candidates_do_not_depend_on_the_batch() -> None:
    # Fewer spans kept than there are, and windows of many lengths: the cap must be each window's own.
    config = CONFIG.model_copy(update={"max_spans": 8, "span_floor": -50.0, "triple_floor": -9.0})
    head, lengths = make_head(config), [3, 20, 7, 1, 12]
    with torch.inference_mode():
        alone = [head.candidates(make_states([n]))[0] for n in lengths]
        together = head.candidates(make_states(lengths))
        other_way = head.candidates(make_states(lengths[::-1], width=25))[::-1]
    assert [len(c.spans) for c in alone] == [6, 20, 8, 1, 12]
    assert sum(len(c.triples) for c in alone)
    for one, two, three in zip(alone, together, other_way, strict=True):
        same(one, two)
        same(one, three)


@pytest.mark.parametrize("floor", ["span_floor", "triple_floor"])
def test_nothing_above_a_floor_gives_no_triples(floor: str) -> None:
    with torch.inference_mode():
        windows = make_head(CONFIG.model_copy(update={floor: 1e6})).candidates(make_states([7, 3]))
    assert len(windows) == 2
    for found in windows:
        assert found.triples.shape == found.qualifiers.shape == (0, 3)
        assert bool(len(found.spans)) == (floor == "triple_floor")


# Training


def test_training_finds_overlapping_pairs_and_nothing_else() -> None:
    torch.manual_seed(0)
    head = build_head(CONFIG.model_copy(update={"width": 32}), SCHEMA, HIDDEN).train()
    states = make_states([7])
    optimizer = torch.optim.Adam(head.parameters(), lr=0.02)
    for _ in range(60):
        optimizer.zero_grad()
        torch.stack(list(head.loss(states, [GOLD]).values())).sum().backward()
        optimizer.step()
    with torch.no_grad():
        found = as_dict(head.eval().candidates(states)[0])
    # Nested spans, two relations of one pair, a subject of many triples, a span at either end.
    triples = {((s, e), r, (o, f)) for s, e, r, o, f in GOLD.triples}
    expected = {((s, e), label) for s, e, label in GOLD.entities} | triples
    assert {name for name, score in found.items() if score > 0} == expected


def test_losses_are_those_of_each_tagger_alone_and_tails_of_each_head_alone() -> None:
    head = make_head(CONFIG.model_copy(update={"span_floor": -1e3}))
    states = make_states([8, 7], seed=-5)
    bare = replace(GOLD, entities=((1, 2, 0),), triples=(), qualifiers=())
    gold = [GOLD, bare]
    losses = head.loss(states, gold)
    n_words = 15
    counted = torch.ones(2, N_RELATIONS, dtype=torch.bool)
    tags = head.head(states.relations, states.mask)
    subjects = [(0, s, e, r) for s, e, r, _, _ in GOLD.triples]
    expected = boundary_loss(head.head, tags, subjects, counted, CONFIG.triple_floor) / n_words
    torch.testing.assert_close(losses["heads"], expected)

    likely = head._entity_scores(head.entity(states.entities, states.mask))
    spans = training_spans(likely, states.mask, head.config, gold)
    own = [(s, e) for s, e, _ in GOLD.entities]
    assert spans[0][:3] == own
    assert spans[1][0] == (1, 2)
    assert len(spans[1]) > 1  # false heads
    total, n_heads = torch.zeros(()), 0
    for row, heads in enumerate(spans):
        for s, e in heads:
            tags = head._tail_tags(states.relations, states.mask, torch.tensor([[row, s, e]]))
            tails = [(0, o, f, r) for a, b, r, o, f in gold[row].triples if (a, b) == (s, e)]
            total += boundary_loss(head.tail, tags, tails, counted[:1], CONFIG.triple_floor)
            n_heads += 1
    torch.testing.assert_close(losses["tails"], 0.2 * total / n_heads)


def test_training_spans_are_gold_ones_and_the_best_that_share_no_word_with_them() -> None:
    scores = torch.full((1, 7, 7, 2), -20.0)
    for at, (start, end) in enumerate([(0, 1), (1, 3), (2, 3), (3, 6), (5, 6), (6, 7)]):
        scores[0, start, end - 1, at % 2] = 5.0 - at
    mask = torch.ones(1, 7, dtype=torch.bool)
    gold = replace(GOLD, entities=((3, 5, 0),), triples=(), qualifiers=())
    (rows,) = training_spans(scores, mask, CONFIG, [gold])
    assert rows == [(3, 5), (0, 1), (1, 3), (2, 3), (5, 6), (6, 7)]
    (rows,) = training_spans(scores, mask, CONFIG.model_copy(update={"span_floor": 2.5}), [gold])
    assert rows == [(3, 5), (0, 1), (1, 3), (2, 3)]


def test_loss_does_not_read_padding() -> None:
    assert unread_padding(make_head()) == {"entities", "heads", "tails"}


@pytest.mark.parametrize("kind", ["entity_types", "relations"])
def test_label_that_no_corpus_annotates_is_never_trained(kind: str) -> None:
    assert trained_on_annotated_labels_alone(make_head(), kind) == (
        4 if kind == "entity_types" else 8
    )


def test_corpus_without_relations_leaves_heads_and_tails_alone() -> None:
    head, states = make_head().train(), make_states([7])
    gold = replace(GOLD, triples=(), qualifiers=(), relations=frozenset())
    losses = head.loss(states, [gold])
    assert losses["heads"].item() == losses["tails"].item() == 0
    torch.stack(list(losses.values())).sum().backward()
    for tagger in (head.head, head.tail, head.about_head):
        assert all(p.grad is None or bool(p.grad.eq(0).all()) for p in tagger.parameters())


def test_spans_of_unknown_type_teach_where_spans_are() -> None:
    torch.manual_seed(0)
    head = build_head(CONFIG.model_copy(update={"width": 32}), SCHEMA, HIDDEN).train()
    assert isinstance(head, HeadThenTail)
    states = make_states([7])
    gold = replace(
        GOLD,
        entities=((0, 2, -1), (3, 6, -1)),
        triples=(),
        qualifiers=(),
        entity_types=frozenset(),
        relations=frozenset(),
    )
    optimizer = torch.optim.Adam(head.parameters(), lr=0.02)
    for _ in range(60):
        optimizer.zero_grad()
        head.loss(states, [gold])["entities"].backward()
        optimizer.step()
    with torch.no_grad():
        scores = head._entity_scores(head.eval().entity(states.entities, states.mask))
    best = scores.amax(dim=-1)[0]
    assert {(s, e + 1) for s, e in (best[:6, :6] > 0).nonzero().tolist()} == {(0, 2), (3, 6)}


def test_an_entity_outside_the_schema_gives_no_type_but_may_be_a_head() -> None:
    head, states = make_head(), make_states([7])
    gold = replace(
        GOLD, entities=((0, 2, -1), (3, 6, 1)), triples=((0, 2, 1, 3, 6),), qualifiers=()
    )
    without = replace(gold, entities=((3, 6, 1),))
    found, expected = head.loss(states, [gold]), head.loss(states, [without])
    torch.testing.assert_close(found["entities"], expected["entities"])
    assert math.isfinite(found["heads"].item())
    torch.testing.assert_close(found["tails"], expected["tails"])
