"""Packed markers: scores against one pair at a time, targets by hand, directions, what is annotated."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch

from extract.encoder.markers import MarkerLayout, marker_states
from extract.encoder.text import word_ends
from extract.errors import RecipeError
from extract.heads import GoldWindow, WordStates
from extract.heads.cube import TrainingSpans
from extract.heads.packed_markers import PackedMarkersHead
from extract.model import ExtractionModel, ModelConfig
from extract.predict import Predictor, windower_of
from extract.schema import Schema
from extract.structures import Sentence
from tests.extract.cases import sentence_of
from tests.extract.heads.cases import as_dict, same
from tests.extract.heads.marked_cases import GOLD, SCHEMA, SENTENCES, WIDE_OPEN
from tests.tiny import write_other_encoder

Make = Callable[..., ExtractionModel]


@pytest.fixture
def make(tiny_encoder: Path, tiny_mpnet: Path) -> Make:
    def model(
        kind: str = "bert", schema: Schema = SCHEMA, encoder: Path | None = None, **settings: Any
    ) -> ExtractionModel:
        path = encoder or {"bert": tiny_encoder, "mpnet": tiny_mpnet}[kind]
        head = {"name": "packed_markers", "dropout": 0.0, "width": 16, "hidden": 24, **settings}
        torch.manual_seed(0)
        made = ExtractionModel(
            ModelConfig.model_validate(
                {"encoder": {"name": str(path), "dropout": 0.0}, "head": head}
            ),
            schema,
        )
        with torch.no_grad():
            for parameter in made.head.parameters():  # scores of a size that matters
                parameter.copy_(torch.randn(parameter.shape) * 0.4)
        return made.eval()

    return model


def states_of(model: ExtractionModel, sentences: list[Sentence]) -> WordStates:
    windower = windower_of(model)
    return model.word_states(windower.batch(windower.windows(sentences)))


def head_of(model: ExtractionModel) -> PackedMarkersHead:
    assert isinstance(model.head, PackedMarkersHead)
    return model.head


def ends_of(states: WordStates, row: int, span: tuple[int, int]) -> list[int]:
    assert states.text is not None
    first, last = word_ends(states.text.batch.word_of_piece, states.mask.shape[1])
    return [int(first[row, span[0]]), int(last[row, span[1] - 1])]


def brute_force(model: ExtractionModel, sentence: Sentence) -> dict[object, float]:
    """All candidates of a sentence, each span and each pair with markers of its own alone."""
    head, states = head_of(model), states_of(model, [sentence])
    assert states.text is not None
    n, config, scores = len(sentence.tokens), head.config, {}
    window, one = torch.tensor([0]), torch.tensor([[True]])
    likely = head.filter(states)[0]
    spans = sorted(
        ((i, j + 1) for i in range(n) for j in range(i, n)),
        key=lambda s: -float(likely[s[0], s[1] - 1].max()),
    )[: max(config.max_spans, n)]
    typed = {}
    for span in spans:
        pairs = torch.tensor([[ends_of(states, 0, span)]])
        layout = MarkerLayout(window, pairs, one)
        pair = marker_states(states.text, layout, head.span_markers, "entities")[1][0, 0]
        words = states.entities[0, [span[0], span[1] - 1]]
        typed[span] = head.span_score(head.span(torch.cat([*pair, *words])))
        scores |= {(span, label): float(x) for label, x in enumerate(typed[span])}
    likeliest = sorted(spans, key=lambda s: -float(typed[s].max()))
    both: dict[tuple[Any, Any], tuple[torch.Tensor, torch.Tensor]] = {}
    for s in likeliest[: max(config.max_subjects, n // 4)]:
        for o in likeliest[: max(config.max_subjects, n // 4)]:
            if s == o:
                continue
            layout = MarkerLayout(
                window,
                torch.tensor([[ends_of(states, 0, o)]]),
                one,
                torch.tensor([[ends_of(states, 0, s)]]),
            )
            solid, levitated = marker_states(states.text, layout, head.pair_markers, "relations")
            read = head.pair(torch.cat([*solid[0], *levitated[0, 0]]))
            both[s, o] = head.relation_score(read), head.inverse_score(read)
    for (s, o), (relation, _) in both.items():
        turned, inverse = both[o, s]
        scores[s, 0, o] = float(relation[0] + inverse[0]) / 2
        scores[s, 1, o] = float(relation[1] + turned[1]) / 2  # symmetric: it has no inverse
        scores[s, 2, o] = float(relation[2] + inverse[2]) / 2
    return scores


@torch.no_grad()
@pytest.mark.parametrize("kind", ["bert", "mpnet"])
@pytest.mark.parametrize("max_pairs", [1, 3, 64])
def test_candidates_equal_those_of_one_pair_of_markers_at_a_time(
    make: Make, kind: str, max_pairs: int
) -> None:
    model = make(kind, max_pairs=max_pairs, max_subjects=4, **WIDE_OPEN)
    together = Predictor(model, windower_of(model)).candidates(SENTENCES, batch_size=4)
    for sentence, found in zip(SENTENCES, together, strict=True):
        expected, got = brute_force(model, sentence), as_dict(found)
        assert got.keys() == expected.keys()
        for name, score in expected.items():
            assert got[name] == pytest.approx(score, abs=1e-4)


@torch.no_grad()
def test_symmetric_relation_has_one_score_both_ways(make: Make) -> None:
    model = make(**WIDE_OPEN)
    found = as_dict(Predictor(model, windower_of(model)).candidates(SENTENCES[2:3])[0])
    triples = [name for name in found if isinstance(name, tuple) and len(name) == 3]
    assert any(relation == 1 for _, relation, _ in triples)
    for s, relation, o in triples:
        alike = found[s, relation, o] == pytest.approx(found[o, relation, s], abs=1e-5)
        assert alike == (relation == 1)


@torch.no_grad()
def test_all_short_spans_are_read_where_asked(make: Make) -> None:
    model = make(proposals="all", max_width=2, **{**WIDE_OPEN, "max_spans": 100})
    assert not hasattr(model.head, "filter")
    found = Predictor(model, windower_of(model)).candidates(SENTENCES)
    for sentence, one in zip(SENTENCES, found, strict=True):
        n = len(sentence.tokens)
        expected = {(i, j) for i in range(n) for j in (i + 1, i + 2) if j <= n}
        assert set(map(tuple, one.spans.tolist())) == expected


def test_all_short_spans_and_longer_gold_ones_are_trained_where_asked(make: Make) -> None:
    model = make(proposals="all", max_width=1)
    head, states = head_of(model), states_of(model, SENTENCES[:1])
    cells = []
    head._span_scores, scored = (  # type: ignore[method-assign]
        lambda states, chosen, fill: (cells.append(chosen), scored(states, chosen, fill))[1],
        head._span_scores,
    )
    losses = head.loss(states, [GOLD])
    assert set(losses) == {"spans", "pairs"}
    words = {(0, i, i) for i in range(len(SENTENCES[0].tokens))}
    assert set(map(tuple, cells[0].nonzero().tolist())) == words | {(0, 0, 1), (0, 3, 4)}


# Training


def pair_targets(
    make: Make, gold: GoldWindow, subjects: list[bool]
) -> dict[tuple[int, int], list[float]]:
    """By (subject, object), the gradient's sign at each relation, then at each inverse."""
    head, states = head_of(make()), states_of(make(), SENTENCES[:1])
    spans = TrainingSpans.of([[(0, 2), (3, 5), (4, 5)]], states.mask.device)
    scored, kept = head._pair_scores, []

    def keep(*args: Any) -> Any:
        pairs, *scores = scored(*args)
        kept.append((pairs, [s.detach().requires_grad_() for s in scores]))
        return pairs, *kept[0][1]

    head._pair_scores = keep  # type: ignore[method-assign]
    head._pair_loss(states, spans, torch.tensor([subjects]), [gold]).backward()
    pairs, scores = kept[0]
    signs = torch.cat([s.grad for s in scores], dim=1).sign()
    return {
        (s, o): row.int().tolist() for (_, s, o), row in zip(pairs.tolist(), signs, strict=True)
    }


def test_each_triple_is_a_target_of_its_pair_and_of_the_pair_turned_round(make: Make) -> None:
    # Spans 0 (0, 2), 1 (3, 5), 2 (4, 5); r1 is symmetric, so its inverse is never counted.
    assert pair_targets(make, GOLD, [True] * 3) == {
        (0, 1): [-1, 1, 1, 1, 0, 1],  # r0
        (1, 0): [1, 1, 1, -1, 0, 1],  # inverse of r0
        (1, 2): [1, -1, 1, 1, 0, 1],  # r1
        (2, 1): [1, -1, 1, 1, 0, 1],  # r1, though the annotation has one direction only
        (2, 0): [1, 1, -1, 1, 0, 1],  # r2
        (0, 2): [1, 1, 1, 1, 0, -1],  # inverse of r2
    }


def test_span_that_is_no_subject_is_an_object_only(make: Make) -> None:
    found = pair_targets(make, GOLD, [True, False, False])
    assert found == {(0, 1): [-1, 1, 1, 1, 0, 1], (0, 2): [1, 1, 1, 1, 0, -1]}


def test_relation_that_is_not_annotated_counts_in_neither_direction(make: Make) -> None:
    gold = replace(GOLD, triples=GOLD.triples[1:2], relations=frozenset({1, 2}))
    found = pair_targets(make, gold, [True] * 3)
    assert {(row[0], row[3], row[4]) for row in found.values()} == {(0, 0, 0)}
    assert {row[5] for row in found.values()} == {1}
    assert [pair for pair, row in found.items() if row[1] == -1] == [(1, 2), (2, 1)]


@pytest.mark.parametrize("kind", ["relations", "entity_types"])
def test_label_that_no_corpus_annotates_is_never_trained(make: Make, kind: str) -> None:
    model = make()
    head, states = head_of(model), states_of(model, SENTENCES[:1])
    gold = replace(
        GOLD,
        entities=tuple(e for e in GOLD.entities if kind != "entity_types" or e[2] != 2),
        triples=tuple(t for t in GOLD.triples if kind != "relations" or t[2] != 2),
        **{kind: frozenset({0, 1})},
    )
    torch.stack(list(head.loss(states, [gold]).values())).sum().backward()
    scorers = (
        [head.relation_score, head.inverse_score] if kind == "relations" else [head.span_score]
    )
    for scorer in scorers:
        assert scorer.weight.grad is not None
        assert scorer.bias.grad is not None
        assert bool(scorer.weight.grad[2].eq(0).all())
        assert scorer.bias.grad[2] == 0
        assert bool(scorer.weight.grad[0].ne(0).any())
    if kind == "entity_types":
        grad = head.filter.scorer.weight.grad
        assert grad is not None
        assert bool(grad[:, 2].eq(0).all())


def test_spans_without_types_speak_for_some_type_and_against_what_crosses_them(make: Make) -> None:
    model = make(proposals="all", max_width=3)
    head, states = head_of(model), states_of(model, SENTENCES[:1])
    kept: list[torch.Tensor] = []
    scored = head._span_scores

    def keep(*args: Any) -> torch.Tensor:
        kept.append(scored(*args))
        kept[0].retain_grad()
        return kept[0]

    head._span_scores = keep  # type: ignore[method-assign]
    gold = GoldWindow(((1, 3, -1),), (), (), frozenset(), frozenset(), frozenset())
    head.loss(states, [gold])["spans"].backward()
    grad = kept[0].grad
    assert grad is not None
    n = len(SENTENCES[0].tokens)
    for first in range(n):
        for last in range(n):
            crosses = first <= last < first + 3 and first < 3 and last >= 1
            sign = -1 if (first, last) == (1, 2) else 1 if crosses else 0
            assert bool((grad[0, first, last].sign() == sign).all()), (first, last)


def test_ends_in_training_are_those_of_triples_then_other_gold_then_likely_false_ones(
    make: Make,
) -> None:
    head = head_of(make(max_subjects=3, span_floor=0.0))
    gold = replace(GOLD, entities=((6, 7, 0), (0, 2, 0), (3, 5, 1)), triples=((3, 5, 0, 0, 2),))
    scores = torch.full((1, 9, 9, 3), -1.0)
    for (start, end), score in {
        (0, 1): 9.0, (8, 9): 3.0, (2, 3): 4.0, (7, 8): 2.0, (5, 6): -0.5
    }.items():  # fmt: skip
        scores[0, start, end - 1, 1] = score
    spans, subjects = head._training_ends(scores, torch.ones(1, 9, dtype=torch.bool), [gold])
    # (0, 1) shares a word with a gold span; of the others the two likeliest are taken.
    assert spans.spans[0].tolist() == [[0, 2], [3, 5], [6, 7], [2, 3], [8, 9]]
    assert subjects[0].tolist() == [True, True, True, False, False]
    given = [replace(gold, given=True)]
    spans, _ = head._training_ends(scores, torch.ones(1, 9, dtype=torch.bool), given)
    assert spans.spans[0].tolist() == [[0, 2], [3, 5], [6, 7]]


def test_windows_leave_room_for_solid_markers_and_a_full_one_is_read(
    make: Make, tiny_encoder: Path
) -> None:
    model = make(**{**WIDE_OPEN, "max_spans": 4})
    windower = windower_of(model)
    assert windower.room == 192 - 2 - 2
    long = sentence_of(" ".join(["in"] * 300))
    windows = windower.windows([long])
    assert max(len(window.piece_ids) for window in windows) <= 190
    found = Predictor(model, windower).candidates([long])
    assert len(found[0].triples)


@pytest.mark.parametrize("kind", ["bert", "mpnet"])
def test_markers_start_as_the_mask_embedding_and_learn(
    make: Make, kind: str, tiny_encoder: Path, tiny_mpnet: Path
) -> None:
    path = {"bert": tiny_encoder, "mpnet": tiny_mpnet}[kind]
    model = ExtractionModel(
        ModelConfig.model_validate(
            {"encoder": {"name": str(path)}, "head": {"name": "packed_markers"}}
        ),
        SCHEMA,
    )
    head, vector = head_of(model), model.encoder.mask_embedding()
    assert torch.equal(head.span_markers.data, vector.expand(2, -1))
    assert torch.equal(head.pair_markers.data, vector.expand(4, -1))
    losses = head.loss(states_of(model.train(), SENTENCES[:1]), [GOLD])
    torch.stack(list(losses.values())).sum().backward()
    for markers in (head.span_markers, head.pair_markers):
        assert markers.grad is not None
        assert bool(markers.grad.abs().sum(dim=1).gt(0).all())


def test_encoder_of_relative_positions_is_refused(tiny_encoder: Path, tmp_path: Path) -> None:
    from transformers import DebertaV2Config

    config = DebertaV2Config(
        hidden_size=40, num_hidden_layers=1, num_attention_heads=4, intermediate_size=40
    )
    path = write_other_encoder(tmp_path / "deberta", tiny_encoder, config)
    settings = {"encoder": {"name": str(path)}, "head": {"name": "packed_markers"}}
    with pytest.raises(RecipeError, match="'packed_markers' ties positions, which encoder"):
        ExtractionModel(ModelConfig.model_validate(settings), SCHEMA)


def test_fusion_by_which_markers_would_see_each_other_is_refused(tiny_encoder: Path) -> None:
    settings = {
        "encoder": {"name": str(tiny_encoder)},
        "head": {"name": "packed_markers"},
        "fusion": {"name": "optimal_transport"},
    }
    with pytest.raises(RecipeError, match="one piece at a time, got OptimalTransport"):
        ExtractionModel(ModelConfig.model_validate(settings), SCHEMA)


def test_word_states_without_their_text_say_so(make: Make) -> None:
    model = make()
    states = replace(states_of(model, SENTENCES[:1]), text=None)
    with pytest.raises(ValueError, match="expected word states with `text`, got None"):
        model.head.candidates(states)


@torch.no_grad()
def test_nothing_above_the_floors_gives_no_candidates(make: Make) -> None:
    for settings in ({"span_floor": 1e6}, {"span_floor": 1e6, "proposals": "all"}):
        model = make(**settings)
        for found in Predictor(model, windower_of(model)).candidates(SENTENCES):
            assert found.spans.shape == (0, 2)
            assert found.triples.shape == found.qualifiers.shape == (0, 3)


@torch.no_grad()
def test_candidates_do_not_depend_on_how_many_pairs_share_a_text(make: Make) -> None:
    settings = {**WIDE_OPEN, "proposals": "all", "max_width": 3, "max_spans": 20}
    found = []
    for max_pairs in (2, 7, 200):
        model = make(max_pairs=max_pairs, **settings)
        found.append(Predictor(model, windower_of(model)).candidates(SENTENCES))
    for few, more, all_ in zip(*found, strict=True):
        same(few, all_)
        same(more, all_)
