"""The pair filter: scores against the table cell by cell, targets, partial annotation, one relation alone."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch

from extract.errors import RecipeError
from extract.heads import GoldWindow, build_head
from extract.heads.losses import zlpr
from extract.heads.pair_filter import PairFilterConfig, PairFilterHead
from extract.schema import EntityType, Relation, Schema
from tests.extract.heads.cases import HIDDEN, SCHEMA, as_dict, make_states

ONE = Schema(tuple(EntityType(f"E{i}") for i in range(3)), (Relation("related"),))
CONFIG = PairFilterConfig(
    name="pair_filter", width=8, dropout=0.0, span_floor=-1e3, triple_floor=-1e3
)
GOLD = GoldWindow(
    entities=((0, 2, 0), (3, 4, 1), (4, 6, 2)),
    triples=((0, 2, 0, 4, 6), (4, 6, 0, 3, 4), (3, 4, 0, 3, 4)),
    qualifiers=(),
    entity_types=frozenset(range(3)),
    relations=frozenset((0,)),
    qualifier_labels=frozenset(),
    given=True,
)
# Cells (word of a subject, word of an object) of the three triples.
CELLS = [(0, 4), (0, 5), (1, 4), (1, 5), (4, 3), (5, 3), (3, 3)]


def make_head(config: PairFilterConfig = CONFIG) -> PairFilterHead:
    torch.manual_seed(0)
    head = build_head(config, ONE, HIDDEN)
    assert isinstance(head, PairFilterHead)
    with torch.no_grad():
        for parameter in head.parameters():  # scores of a size that matters
            parameter.copy_(torch.randn(parameter.shape) * 0.7)
    return head.eval()


def table_of(head: PairFilterHead, words: torch.Tensor) -> torch.Tensor:
    """Scores (words, words) of one window."""
    with torch.no_grad():
        one = words.unsqueeze(0)
        return head.scorer(head.subject(one), head.object(one))[0, :, :, 0]


def test_score_of_a_pair_is_the_mean_of_its_block_for_every_pair() -> None:
    head, states = make_head(), make_states([6, 4], width=8)
    given = [[(0, 2), (3, 4), (4, 6)], [(0, 1), (1, 4)]]
    with torch.inference_mode():
        windows = head.candidates(replace(states, given=given))
    for row, found in enumerate(windows):
        table, scores = table_of(head, states.relations[row]), as_dict(found)
        assert len(found.triples) == len(given[row]) * (len(given[row]) - 1)
        for s in given[row]:
            for o in given[row]:
                if s != o:
                    mean = table[s[0] : s[1], o[0] : o[1]].mean().item()
                    assert scores[s, 0, o] == pytest.approx(mean, abs=1e-4)


def test_cell_loss_has_the_words_of_subjects_and_objects_as_its_labels() -> None:
    head, states = make_head(), make_states([6], width=9)
    cells = table_of(head, states.relations[0])[:6, :6]
    target = torch.zeros(6, 6, dtype=torch.bool)
    for cell in CELLS:
        target[cell] = True
    expected = zlpr(cells.flatten().unsqueeze(0), target.flatten().unsqueeze(0)).item()
    assert head.loss(states, [GOLD])["cells"].item() == pytest.approx(expected, abs=1e-4)


def test_pair_loss_counts_ordered_pairs_and_no_span_with_itself() -> None:
    head, states = make_head(), make_states([6])
    table, spans = table_of(head, states.relations[0]), [(0, 2), (3, 4), (4, 6)]
    related = {((0, 2), (4, 6)), ((4, 6), (3, 4))}
    expected = 0.0
    for s in spans:
        for o in spans:
            if s != o:
                score = table[s[0] : s[1], o[0] : o[1]].mean()
                sign = -1 if (s, o) in related else 1
                expected += torch.nn.functional.softplus(sign * score).item()
    assert head.loss(states, [GOLD])["pairs"].item() == pytest.approx(expected / 3, abs=1e-4)


def test_window_whose_corpus_annotates_no_relation_teaches_entities_alone() -> None:
    head, states = make_head().train(), make_states([6])
    silent = replace(GOLD, triples=(), relations=frozenset())
    losses = head.loss(states, [silent])
    assert losses["cells"].item() == losses["pairs"].item() == 0.0
    torch.stack(list(losses.values())).sum().backward()
    assert head.scorer.weight.grad is not None
    assert not head.scorer.weight.grad.any()
    assert head.spans.scorer.weight.grad is not None
    assert head.spans.scorer.weight.grad.any()


def test_schema_of_several_relations_is_refused() -> None:
    with pytest.raises(RecipeError, match=r'expected one relation, got 5. Set relations = "one"'):
        build_head(CONFIG, SCHEMA, HIDDEN)
