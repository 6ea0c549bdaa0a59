"""The recurrent classifier: scores against a network run by hand, targets, what given spans change."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch

from extract.heads import GoldWindow, WordStates, build_head
from extract.heads.losses import zlpr
from extract.heads.recurrent import RecurrentConfig, RecurrentHead
from extract.heads.spans import training_spans
from tests.extract.heads.cases import ALL, GOLD, HIDDEN, SCHEMA, Span, as_dict, make_states, same

CONFIG = RecurrentConfig(
    name="recurrent", width=8, dropout=0.0, max_pairs=4, span_floor=-1e3, triple_floor=-1e3
)


def make_head(config: RecurrentConfig = CONFIG) -> RecurrentHead:
    torch.manual_seed(0)
    head = build_head(config, SCHEMA, HIDDEN)
    assert isinstance(head, RecurrentHead)
    with torch.no_grad():
        for parameter in head.parameters():  # scores of a size that matters
            parameter.copy_(torch.randn(parameter.shape) * 0.5)
    return head.eval()


def by_hand(head: RecurrentHead, words: torch.Tensor, first: Span, second: Span) -> torch.Tensor:
    """Scores (2 * relations,) of a pair in the words (words, hidden) of one window, without padding.

    The indicators are put into a list of words one by one; one direction of the network after the other.
    """
    rows: list[torch.Tensor] = []
    signs = head.indicators
    for place in range(len(words) + 1):
        rows += [signs[2 * n + 1] for n, s in enumerate((first, second)) if s[1] == place]
        rows += [signs[2 * n] for n, s in enumerate((first, second)) if s[0] == place]
        rows += [words[place]] if place < len(words) else []
    inputs = torch.stack(rows)
    states = []
    for suffix, sequence in (("", inputs), ("_reverse", inputs.flip(0))):
        alone = type(head.network)(HIDDEN, head.config.width, batch_first=True)
        alone.load_state_dict(
            {name: getattr(head.network, name + suffix) for name in alone.state_dict()}
        )
        states.append(alone(sequence.unsqueeze(0))[0][0])
    pooled = (states[0] + states[1].flip(0)).max(dim=0).values
    return torch.cat([head.relation_score(pooled), head.reversed_score(pooled)])


@pytest.mark.parametrize("cell", ["lstm", "rnn"])
def test_scores_equal_a_network_run_on_each_marked_window(cell: str) -> None:
    head = make_head(CONFIG.model_copy(update={"cell": cell}))
    # Spans that neither nest nor touch at the same end: `by_hand` knows no order of markers at one place.
    given = [[(4, 6), (0, 1), (2, 3)], [(1, 2)], [(1, 3), (0, 1)]]
    states = replace(make_states([7, 5, 3], width=9), given=given)
    with torch.inference_mode():
        found = head.candidates(states)
        for row, (one, n_words) in enumerate(zip(found, [7, 5, 3], strict=True)):
            scores = as_dict(one)
            ordered = sorted(given[row])
            pairs = [(a, b) for a in ordered for b in ordered if a < b]
            assert len(one.triples) == len(pairs) * 2 * 5
            for first, second in pairs:
                expected = by_hand(head, states.relations[row, :n_words], first, second)
                for label in range(5):
                    assert scores[first, label, second] == pytest.approx(
                        float(expected[label]), abs=1e-4
                    )
                    assert scores[second, label, first] == pytest.approx(
                        float(expected[5 + label]), abs=1e-4
                    )


def test_pairs_read_at_once_change_nothing() -> None:
    states = make_states([7, 6])
    few, many = make_head(), make_head(CONFIG.model_copy(update={"max_pairs": 1000}))
    with torch.inference_mode():
        for one, two in zip(few.candidates(states), many.candidates(states), strict=True):
            same(one, two)


def test_of_found_spans_only_the_likeliest_enter_pairs_and_of_given_ones_all() -> None:
    head = make_head(CONFIG.model_copy(update={"max_paired": 3, "max_spans": 10}))
    states = make_states([8, 20])
    with torch.inference_mode():
        found = head.candidates(states)
        best = [one.entity_scores.max(axis=1) for one in found]
        # Three spans, or one for every four words.
        for one, scores, n_paired in zip(found, best, (3, 5), strict=True):
            ends = {row for s, _, o in one.triples.tolist() for row in (s, o)}
            assert ends == set(range(n_paired))
            assert scores[:n_paired].min() >= scores[n_paired:].max()
        given = [[(i, i + 1) for i in range(6)], [(0, 1)]]
        first, second = head.candidates(replace(states, given=given))
    assert len(first.triples) == 6 * 5 * 5
    assert len(second.triples) == 0


def test_pair_loss_counts_each_pair_with_both_directions_and_annotated_relations_alone() -> None:
    head, states = make_head(), make_states([7])
    gold = replace(
        GOLD,
        triples=((0, 2, 1, 3, 6), (4, 5, 0, 0, 2), (0, 2, 2, 4, 5), (0, 2, 3, 0, 2)),
        qualifiers=(),
        relations=frozenset((0, 1, 2)),
        given=True,
    )
    # Pairs in the text's order, and their gold labels: relation, or 5 + relation where e2 is the subject.
    pairs: dict[tuple[Span, Span], list[int]] = {
        ((0, 2), (3, 6)): [1],
        ((0, 2), (4, 5)): [2, 5],
        ((3, 6), (4, 5)): [],
    }
    counted = torch.zeros(10, dtype=torch.bool)
    counted[[0, 1, 2, 5, 6, 7]] = True
    expected = 0.0
    for (first, second), labels in pairs.items():
        target = torch.zeros(10, dtype=torch.bool)
        target[labels] = True
        scores = by_hand(head, states.relations[0], first, second).unsqueeze(0)
        expected += zlpr(scores, target.unsqueeze(0), counted).item()
    assert head.loss(states, [gold])["pairs"].item() == pytest.approx(expected / 3, abs=1e-4)


def test_unannotated_relation_gets_no_gradient() -> None:
    head, states = make_head().train(), make_states([7])
    gold = replace(GOLD, triples=GOLD.triples[:1], relations=frozenset((1,)))
    head.loss(states, [gold])["pairs"].backward()
    for linear in (head.relation_score, head.reversed_score):
        gradient = linear.weight.grad
        assert gradient is not None
        assert gradient.abs().sum(dim=1).gt(0).tolist() == [False, True, False, False, False]


@pytest.mark.parametrize(("given", "n_false"), [(False, 2), (True, 0)])
def test_training_has_false_spans_unless_entities_are_given(given: bool, n_false: int) -> None:
    window = GoldWindow(((0, 1, 0), (2, 3, 1)), ((0, 1, 0, 2, 3),), (), **ALL, given=given)
    scores = torch.zeros(1, 9, 9, 3)
    scores[0, [4, 6, 7, 0], [4, 6, 8, 4]] = 1.0  # three clear of the entities, one not
    mask = torch.ones(1, 9, dtype=torch.bool)
    (row,) = training_spans(scores, mask, CONFIG, [window], 2)
    assert row[:2] == [(0, 1), (2, 3)]
    assert len(row) == 2 + n_false


def test_window_of_one_entity_has_no_pairs() -> None:
    head = make_head()
    gold = GoldWindow(((0, 1, 0),), (), (), **ALL, given=True)
    assert set(head.loss(make_states([3]), [gold])) == {"entities"}
    with torch.inference_mode():
        (found,) = head.candidates(replace(make_states([3]), given=[[(0, 1)]]))
    assert (len(found.spans), len(found.triples)) == (1, 0)


def test_states_of_half_precision_are_read_in_full() -> None:
    head, states = make_head(), make_states([6])
    half = WordStates(
        *(getattr(states, task).bfloat16() for task in ("entities", "relations", "qualifiers")),
        states.mask,
        given=[[(0, 1), (3, 5)]],
    )
    with torch.inference_mode(), torch.autocast("cpu", dtype=torch.bfloat16):
        (found,) = head.candidates(half)
    rounded = states.relations.bfloat16().float()[0]
    expected = by_hand(head, rounded, (0, 1), (3, 5))
    assert as_dict(found)[(0, 1), 0, (3, 5)] == pytest.approx(expected[0].item(), abs=1e-4)
