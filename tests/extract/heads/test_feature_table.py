"""The table with features and convolutions: cells, blocks, evidence of types, what is trained and when."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
import torch

from extract.encoder.pooling import span_membership
from extract.encoder.shapes import SHAPES
from extract.heads import WordStates, build_head
from extract.heads.feature_table import FeatureTableConfig, FeatureTableHead
from extract.heads.spans import covering_scores
from extract.heads.table import TableConfig, TableHead
from extract.schema import Schema
from tests.extract.heads.cases import (
    ALL,
    GOLD,
    HIDDEN,
    SCHEMA,
    as_dict,
    make_states,
    make_text,
    same,
)

SETTINGS: dict[str, Any] = {
    "name": "feature_table",
    "width": 8,
    "cube_width": 9,
    "dropout": 0.0,
    "channels": 6,
    "max_spans": 30,
}


def make_head(**settings: Any) -> FeatureTableHead:
    torch.manual_seed(0)
    head = build_head(FeatureTableConfig(**{**SETTINGS, **settings}), SCHEMA, HIDDEN)
    assert isinstance(head, FeatureTableHead)
    with torch.no_grad():
        for parameter in head.parameters():  # scores of a size that matters
            parameter.copy_(torch.randn(parameter.shape) * 0.7)
    return head.eval()


def with_text(n_words: list[int], width: int | None = None) -> WordStates:
    """Random states whose words are a piece each, with a shape that depends on the word's place."""
    width = max(n_words) if width is None else width
    words = [[-1, *range(n), *[-1] * (width - n)] for n in n_words]
    shapes = [[0 if w < 0 else 1 + w % (len(SHAPES) - 1) for w in row] for row in words]
    return replace(make_states(n_words, width), text=make_text(words, shapes))


def test_pairs_are_scored_by_the_table_and_the_mean_over_their_block_of_cells() -> None:
    head, states = make_head(), with_text([7, 4])
    spans = torch.tensor([[[0, 2], [3, 6], [4, 5]], [[0, 1], [1, 4], [0, 0]]])
    real = torch.tensor([[True] * 3, [True, True, False]])
    member = span_membership(spans, 7, torch.float32)
    scores = head._span_scores(states.entities)
    with torch.inference_mode():
        cells = head._cell_states(states, states.relations, scores)
        pairs, found = head._pair_scores(states.relations, spans, member, real, cells=cells)
        _, plain = TableHead._pair_scores(head, states.relations, spans, member, real)
        added = cells.states @ head.cell_scorer.weight.T  # (batch, words, words, relations)
    assert len(pairs) == 8
    for (window, s, o), with_cells, without in zip(pairs.tolist(), found, plain, strict=True):
        (a, z), (c, e) = spans[window, s].tolist(), spans[window, o].tolist()
        total = sum(added[window, i, j] for i in range(a, z) for j in range(c, e))
        expected = without + total / ((z - a) * (e - c))
        torch.testing.assert_close(with_cells, expected)


def test_cell_before_the_convolution_is_roles_product_and_features() -> None:
    head, states = make_head(n_conv_layers=0), with_text([5])
    scores = head._span_scores(states.entities)
    with torch.inference_mode():
        found = head._cell_states(states, states.relations, scores).states[0]
        row = head.row(head.subject(states.relations))[0]
        column = head.column(head.object(states.relations))[0]
        types = torch.tensor(
            [
                [max(float(scores[0, i, j, t]) for i in range(w + 1) for j in range(w, 5)) for t in range(3)]
                for w in range(5)
            ]
        ).sigmoid()  # fmt: skip
        shapes = torch.arange(1, 6)
        known = head.features(types.unsqueeze(0), shapes.unsqueeze(0))[0]
        for i in range(5):
            for j in range(5):
                cell = row[i] + column[j] + row[i] * column[j] + known[i, j]
                torch.testing.assert_close(found[i, j], head.convolution.norms[0](cell))


def test_evidence_of_types_is_the_best_span_over_a_word_and_reads_no_padding() -> None:
    scores = torch.full((1, 4, 4, 2), -9.0)
    scores[0, 0, 1] = torch.tensor([3.0, -1.0])  # words 0 and 1
    scores[0, 1, 2] = torch.tensor([1.0, 2.0])  # words 1 and 2
    scores[0, 2, 0] = 50.0  # ends before it starts: no span
    scores[0, 2, 3] = 60.0  # ends in padding
    mask = torch.tensor([[True, True, True, False]])
    found = covering_scores(scores, mask)
    assert found[0, :3].tolist() == [[3.0, -1.0], [3.0, 2.0], [1.0, 2.0]]
    assert found[0, 3].sigmoid().tolist() == [0.0, 0.0]


def test_losses_on_relations_do_not_train_span_scores_through_the_features() -> None:
    head, states = make_head(cells=True).train(), with_text([7])
    losses = head.loss(states, [GOLD])
    (losses["pairs"] + losses["relations"]).backward()
    assert head.span_scorer.weight.grad is None
    weight = head.features.row_types.weight.grad
    assert weight is not None
    assert bool(weight.abs().sum(0).gt(0).all())  # and yet every type is read


def test_cells_of_words_are_trained_with_what_the_cells_add() -> None:
    head, states = make_head(cells=True), with_text([7])
    with torch.no_grad():
        with_cells = float(head.loss(states, [GOLD])["relations"])
        head.cell_scorer.weight.zero_()
        assert float(head.loss(states, [GOLD])["relations"]) != pytest.approx(with_cells, rel=1e-3)


def test_relation_that_no_corpus_annotates_is_never_trained_in_the_cells() -> None:
    head, states = make_head(cells=True).train(), with_text([7])
    gold = replace(
        GOLD, triples=((4, 5, 0, 0, 2),), qualifiers=(), relations=ALL["relations"] - {1}
    )
    torch.stack(list(head.loss(states, [gold]).values())).sum().backward()
    grad = head.cell_scorer.weight.grad
    assert grad is not None
    assert grad.ne(0).any(1).tolist() == [True, False, True, True, True]


def test_training_starts_as_the_plain_table() -> None:
    states = with_text([7, 5])
    torch.manual_seed(0)
    head = build_head(FeatureTableConfig(**SETTINGS), SCHEMA, HIDDEN).eval()
    own = {k: v for k, v in SETTINGS.items() if k not in ("name", "channels")}
    plain = build_head(TableConfig(**own), SCHEMA, HIDDEN).eval()
    with torch.no_grad():
        for parameter in (p for n, p in head.named_parameters() if n != "cell_scorer.weight"):
            parameter.copy_(torch.randn(parameter.shape) * 0.7)
    missing, extra = plain.load_state_dict(head.state_dict(), strict=False)
    assert not missing
    assert {name.partition(".")[0] for name in extra} == {
        "row", "column", "features", "convolution", "cell_scorer",
    }  # fmt: skip
    with torch.inference_mode():
        for one, other in zip(head.candidates(states), plain.candidates(states), strict=True):
            assert len(one.triples)
            same(one, other)


@pytest.mark.parametrize("settings", [{}, {"features": False}, {"n_conv_layers": 0}])
def test_candidates_do_not_depend_on_the_batch(settings: dict[str, Any]) -> None:
    head = make_head(**settings, max_spans=8, span_floor=-50.0, triple_floor=0.0)
    lengths = [3, 20, 7, 1, 12]
    with torch.inference_mode():
        alone = [head.candidates(with_text([n]))[0] for n in lengths]
        together = head.candidates(with_text(lengths))
        other_way = head.candidates(with_text(lengths[::-1], width=25))[::-1]
    assert sum(len(one.triples) for one in alone) > 20
    for one, two, three in zip(alone, together, other_way, strict=True):
        same(one, two)
        same(one, three)


def test_each_setting_changes_scores_and_what_is_there_to_train() -> None:
    states = with_text([7])
    whole, bare, flat = make_head(), make_head(features=False), make_head(n_conv_layers=0)
    assert not hasattr(bare, "features")
    assert len(flat.convolution.layers) == 0
    shared = whole.state_dict()
    with torch.inference_mode():
        found = [as_dict(whole.candidates(states)[0])]
        for head in (bare, flat):
            own = head.state_dict()
            head.load_state_dict({name: shared[name] for name in own})
            found.append(as_dict(head.candidates(states)[0]))
    triples = [{k: v for k, v in one.items() if len(k) == 3 and isinstance(k[1], int)} for one in found]  # type: ignore[arg-type]  # fmt: skip
    assert triples[0] != triples[1] != triples[2] != triples[0]


def test_features_without_a_text_are_refused_and_without_features_none_is_needed() -> None:
    with pytest.raises(
        ValueError, match=r"expected word states with `text`, got None\. Set features"
    ):
        make_head().candidates(make_states([7]))
    with torch.inference_mode():
        assert make_head(features=False).candidates(make_states([7]))[0].triples.size


def test_schema_without_relations_has_no_cells() -> None:
    head = build_head(FeatureTableConfig(**SETTINGS), Schema(SCHEMA.entity_types), HIDDEN)
    assert not hasattr(head, "convolution")
    assert not set(head.label_axes()) & {"cell_scorer.weight", "features.row_types.weight"}
