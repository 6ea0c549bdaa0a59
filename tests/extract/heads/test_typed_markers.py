"""Typed markers: scores against one pair at a time, both modes, targets, what is annotated, limits."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch

from extract.encoder.text import word_ends
from extract.errors import RecipeError
from extract.heads import GoldWindow, WordStates
from extract.heads.cube import TrainingSpans
from extract.heads.marked_text import span_ends
from extract.heads.spans import span_pairs, top_spans
from extract.heads.typed_markers import UNKNOWN, TypedMarkersHead
from extract.model import ExtractionModel, ModelConfig
from extract.predict import Predictor, windower_of
from extract.schema import Schema
from extract.structures import Sentence
from tests.extract.heads.cases import as_dict, same
from tests.extract.heads.marked_cases import GOLD, SCHEMA, SENTENCES, WIDE_OPEN
from tests.tiny import write_other_encoder

AMONG_OTHERS = [
    replace(
        sentence,
        left_context=("the", "woman", "of", "the", "year"),
        right_context=("It", "was", "cold", "in", "Oslo", "then"),
    )
    for sentence in SENTENCES
]
BOTH_MODES = pytest.mark.parametrize("mode", ["tied", "inserted"])
Make = Callable[..., ExtractionModel]


@pytest.fixture
def make(tiny_encoder: Path, tiny_mpnet: Path) -> Make:
    def model(
        kind: str = "bert", context_words: int = 0, schema: Schema = SCHEMA, **settings: Any
    ) -> ExtractionModel:
        path = {"bert": tiny_encoder, "mpnet": tiny_mpnet}[kind]
        head = {"name": "typed_markers", "dropout": 0.0, "width": 16, "hidden": 24, **settings}
        encoder = {"name": str(path), "dropout": 0.0, "context_words": context_words}
        torch.manual_seed(0)
        made = ExtractionModel(
            ModelConfig.model_validate({"encoder": encoder, "head": head}), schema
        )
        with torch.no_grad():
            for parameter in made.head.parameters():  # scores of a size that matters
                parameter.copy_(torch.randn(parameter.shape) * 0.4)
            for parameter in made.encoder.parameters():  # states that tell positions apart
                if parameter.dim() > 1 and kind == "bert":
                    parameter.mul_(4)
        return made.eval()

    return model


def states_of(model: ExtractionModel, sentences: list[Sentence]) -> WordStates:
    windower = windower_of(model)
    return model.word_states(windower.batch(windower.windows(sentences)))


def head_of(model: ExtractionModel) -> TypedMarkersHead:
    assert isinstance(model.head, TypedMarkersHead)
    return model.head


def candidates_of(model: ExtractionModel, sentences: list[Sentence], batch_size: int = 32) -> Any:
    return Predictor(model, windower_of(model)).candidates(sentences, batch_size)


# Scores


def opening_states(
    model: ExtractionModel, states: WordStates, ends: list[list[int]], markers: torch.Tensor
) -> torch.Tensor:
    """States of the subject's and the object's opening marker, (2, hidden), of one pair of one window.

    ends: first and last piece of the subject, then of the object. markers: (4, embedding).
    """
    assert states.text is not None
    batch = states.text.batch
    pieces = model.encoder.embed(batch.piece_ids, batch.shape_of_piece)[0]
    n = len(pieces)
    if head_of(model).config.mode == "tied":
        mask = torch.ones(1, n + 4, n + 4, dtype=torch.bool)
        mask[:, :n, n:] = False
        positions = torch.tensor([[*range(n), *ends[0], *ends[1]]])
        layers = model.encoder.encode(torch.cat([pieces, markers])[None], mask, positions)
        opening = [n, n + 2]
    else:
        rows: list[torch.Tensor] = []
        opening = [0, 0]
        for at, piece in enumerate(pieces):
            for role in (0, 1):
                if ends[role][0] == at:
                    opening[role] = len(rows)
                    rows.append(markers[2 * role])
            rows.append(piece)
            rows += [markers[2 * role + 1] for role in (0, 1) if ends[role][1] == at]
        layers = model.encoder.encode(
            torch.stack(rows)[None], torch.ones(1, n + 4, dtype=torch.long)
        )
    return model.fusion(layers)[1][0][opening]


def brute_force(model: ExtractionModel, sentence: Sentence) -> dict[object, float]:
    """All candidates of a sentence, each pair read alone."""
    head, states = head_of(model), states_of(model, [sentence])
    assert states.text is not None
    first, last = word_ends(states.text.batch.word_of_piece, states.mask.shape[1])
    n, scores = len(sentence.tokens), {}
    typed = head.spans(states)[0]
    spans = sorted(
        ((i, j + 1) for i in range(n) for j in range(i, n)),
        key=lambda s: -float(typed[s[0], s[1] - 1].max()),
    )[: max(head.config.max_spans, n)]
    for s, e in spans:
        scores |= {((s, e), label): float(x) for label, x in enumerate(typed[s, e - 1])}
    both: dict[Any, torch.Tensor] = {}
    likeliest = spans[: max(head.config.max_ends, n // 4)]
    for s in likeliest:
        for o in likeliest:
            if s != o:
                ends = [[int(first[0, a]), int(last[0, b - 1])] for a, b in (s, o)]
                types = [int(typed[a, b - 1].argmax()) for a, b in (s, o)]
                markers = [head.type_markers[types[0], :2], head.type_markers[types[1], 2:]]
                read = opening_states(model, states, ends, torch.cat(markers))
                both[s, o] = head.relation_score(head.pair(read.flatten()))
    for (s, o), row in both.items():
        scores |= {(s, label, o): float(x) for label, x in enumerate(row)}
        scores[s, 1, o] = float(row[1] + both[o, s][1]) / 2  # symmetric
    return scores


@torch.no_grad()
@BOTH_MODES
@pytest.mark.parametrize("kind", ["bert", "mpnet"])
@pytest.mark.parametrize(
    ("max_pairs", "pieces_at_once", "context_words"), [(64, 4096, 0), (1, 64, 3), (5, 200, 4)]
)
def test_candidates_equal_those_of_one_pair_at_a_time(
    make: Make, mode: str, kind: str, max_pairs: int, pieces_at_once: int, context_words: int
) -> None:
    model = make(
        kind,
        context_words,
        mode=mode,
        max_pairs=max_pairs,
        pieces_at_once=pieces_at_once,
        max_ends=4,
        **WIDE_OPEN,
    )
    together = candidates_of(model, AMONG_OTHERS, batch_size=4)
    for sentence, found in zip(AMONG_OTHERS, together, strict=True):
        expected, got = brute_force(model, sentence), as_dict(found)
        assert got.keys() == expected.keys()
        for name, score in expected.items():
            assert got[name] == pytest.approx(score, abs=2e-4)


@torch.no_grad()
@BOTH_MODES
def test_context_is_read_but_holds_no_candidates(make: Make, mode: str) -> None:
    model = make(context_words=4, mode=mode, **WIDE_OPEN)
    within, bare = (candidates_of(model, given) for given in (AMONG_OTHERS, SENTENCES))
    for sentence, one, other in zip(SENTENCES, within, bare, strict=True):
        assert one.spans.max() <= len(sentence.tokens)
        left, right = as_dict(one), as_dict(other)
        shared = left.keys() & right.keys()
        assert shared
        assert all(abs(left[name] - right[name]) > 1e-6 for name in shared)


@torch.no_grad()
def test_text_is_the_same_bit_by_bit_with_and_without_tied_markers_alone(make: Make) -> None:
    spans = torch.tensor([[[0, 2], [3, 5], [4, 5]]]).repeat(2, 1, 1)
    pairs = span_pairs(torch.ones(2, 3, dtype=torch.bool))
    for mode in ("tied", "inserted"):
        model = make(mode=mode)
        states = states_of(model, [SENTENCES[0], SENTENCES[2]])
        text, ends = span_ends(states, spans)
        layout = head_of(model)._layout(ends, torch.tensor([[0, 1, UNKNOWN]] * 2), pairs)
        embedded = model.encoder.embed(text.batch.piece_ids, text.batch.shape_of_piece)
        n, mask = embedded.shape[1], layout.mask(text.batch.piece_mask)
        n_markers = mask.shape[1] - n
        found = []
        for seed in (0, 1):  # two sets of markers, then none that anything may see
            make_markers = torch.Generator().manual_seed(seed)
            markers = torch.randn(len(layout.window), n_markers, 40, generator=make_markers)
            found.append((torch.cat([embedded[layout.window], markers], dim=1), mask))
        found.append((found[0][0], mask & (torch.arange(n + n_markers) < n)))
        read = [
            model.encoder.encode(rows, sees, layout.positions(n)).layers[-1][:, :n]
            for rows, sees in found
        ]
        same_text = [torch.equal(read[0], other) for other in read[1:]]
        assert same_text == ([True, True] if mode == "tied" else [False, False])


@torch.no_grad()
@BOTH_MODES
def test_symmetric_relation_has_one_score_both_ways(make: Make, mode: str) -> None:
    found = as_dict(candidates_of(make(mode=mode, **WIDE_OPEN), SENTENCES[2:3])[0])
    triples = [name for name in found if isinstance(name, tuple) and len(name) == 3]
    assert any(relation == 1 for _, relation, _ in triples)
    for s, relation, o in triples:
        alike = found[s, relation, o] == pytest.approx(found[o, relation, s], abs=1e-6)
        assert alike == (relation == 1)


@torch.no_grad()
@BOTH_MODES
def test_markers_name_the_likeliest_type_and_their_roles(make: Make, mode: str) -> None:
    """Each row of markers is read by just the pairs whose subject or object is of its type."""
    model = make(mode=mode, **WIDE_OPEN)
    head, sentence = head_of(model), SENTENCES[2]
    before = as_dict(candidates_of(model, [sentence])[0])
    spans = {name[0] for name in before if isinstance(name, tuple) and len(name) == 2}
    kind = {span: max(range(3), key=lambda t: before[span, t]) for span in spans}
    assert len(set(kind.values())) > 1  # or the types would say nothing
    rows = head.type_markers.clone()
    for of_type in range(3):
        for role in range(4):
            drawn = []
            for _ in range(
                3
            ):  # a marker far from what is scored may by chance change no bit of a score
                head.type_markers[of_type, role] = torch.randn(40)
                drawn.append(as_dict(candidates_of(model, [sentence])[0]))
            head.type_markers.copy_(rows)
            for name, score in before.items():
                if isinstance(name, tuple) and len(name) == 3 and name[1] != 1:
                    end = name[0] if role < 2 else name[2]
                    # On the same shapes: what reads nothing new is the same to the last bit.
                    changed = any(after[name] != score for after in drawn)
                    assert changed == (kind[end] == of_type)


@torch.no_grad()
def test_modes_share_weights_and_windows_but_not_scores(make: Make) -> None:
    tied, inserted = make(mode="tied", **WIDE_OPEN), make(mode="inserted", **WIDE_OPEN)
    inserted.load_state_dict(tied.state_dict())
    assert windower_of(tied).room == windower_of(inserted).room == 192 - 4 - 2
    for one, other in zip(
        candidates_of(tied, SENTENCES), candidates_of(inserted, SENTENCES), strict=True
    ):
        assert as_dict(one).keys() == as_dict(other).keys()
        assert (one.entity_scores == other.entity_scores).all()
        assert not len(one.triples) or (abs(one.triple_scores - other.triple_scores) > 1e-6).all()


@torch.no_grad()
@BOTH_MODES
def test_pieces_of_a_pass_are_bounded_in_inference_and_training(
    make: Make, mode: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    model = make(mode=mode, pieces_at_once=120, max_pairs=4, **WIDE_OPEN)
    read: list[torch.Size] = []
    encode = model.encoder.encode

    def watched(embedded: torch.Tensor, *rest: Any) -> Any:
        if rest[1:]:  # a pass with markers, which has positions
            read.append(embedded.shape)
        return encode(embedded, *rest)

    monkeypatch.setattr(model.encoder, "encode", watched)
    candidates_of(model, SENTENCES[1:2])
    n_passes = len(read)
    assert n_passes > 1
    head_of(model).loss(states_of(model, SENTENCES[:1]), [GOLD])
    assert len(read) > n_passes
    assert all(rows * pieces <= 120 or rows == 1 for rows, pieces, _ in read)
    assert any(rows > 1 for rows, _, _ in read)


@torch.no_grad()
def test_likeliest_spans_enter_pairs_but_all_that_are_given(make: Make) -> None:
    model = make(max_ends=2, **{**WIDE_OPEN, "max_spans": 9})
    given = [[(i, i + 1) for i in range(5)]]
    predictor = Predictor(model, windower_of(model))
    (found,) = predictor.candidates(SENTENCES[1:2])
    assert (len(found.spans), len(set(map(tuple, found.triples[:, [0, 2]].tolist())))) == (9, 2)
    assert set(found.triples[:, 0].tolist()) == {0, 1}  # spans come the likeliest first
    (found,) = predictor.candidates(SENTENCES[1:2], given=given)
    assert len(set(map(tuple, found.triples[:, [0, 2]].tolist()))) == 5 * 4


@torch.no_grad()
@BOTH_MODES
def test_full_window_leaves_room_for_markers_and_is_read(make: Make, mode: str) -> None:
    model = make(mode=mode, context_words=300, max_ends=2, **{**WIDE_OPEN, "max_spans": 4})
    long = replace(SENTENCES[1], left_context=("in",) * 300, right_context=("of",) * 300)
    (window,) = windower_of(model).windows([long])
    assert len(window.piece_ids) == 192 - 4
    assert len(candidates_of(model, [long])[0].triples)


# Training


def spans_in_training(mask: torch.Tensor) -> TrainingSpans:
    return TrainingSpans.of([[(0, 2), (3, 5), (4, 5), (7, 8)]], mask.device)


def test_what_holds_between_spans_is_the_target_and_both_ways_if_symmetric(make: Make) -> None:
    target = head_of(make())._related(spans_in_training(torch.ones(1)), [GOLD])
    assert target.shape == (1, 4, 4, 3)
    # The last triple relates a span to itself, which no pair does.
    expected = {(0, 1, 0), (1, 2, 1), (2, 1, 1), (2, 0, 2), (0, 0, 0)}
    assert {tuple(row) for row in target[0].nonzero().tolist()} == expected


def test_pairs_in_training_are_bounded_and_related_ones_come_first(make: Make) -> None:
    spans = TrainingSpans.of(
        [[(i, i + 1) for i in range(5)], [(0, 1), (1, 2)], [(0, 1), (2, 3)], []],
        torch.device("cpu"),
    )
    gold = [
        replace(GOLD, entities=(), triples=((0, 1, 0, 1, 2), (3, 4, 2, 1, 2))),
        replace(GOLD, entities=(), triples=()),
        replace(GOLD, entities=(), triples=(), relations=frozenset()),
        replace(GOLD, entities=(), triples=()),
    ]
    related = {(0, 0, 1), (0, 1, 0), (0, 3, 1), (0, 1, 3)}
    others = {(1, 0, 1), (1, 1, 0)}  # nothing is annotated in the third window
    seen = set()
    for most, n_first in ((6, 6), (3, 3), (400, 20)):
        head = head_of(make(training_pairs=most))
        for _ in range(60):
            pairs = head._training_pairs(spans, head._related(spans, gold), gold)
            rows = [tuple(row) for row in pairs.tolist()]
            assert rows == sorted(set(rows))
            first = {row for row in rows if row[0] == 0}
            assert set(rows) - first == others
            assert len(first) == n_first
            assert first <= related if most == 3 else related <= first
            if most == 6:
                seen |= first
    assert len(seen) == 20  # in time every pair is trained


def test_markers_in_training_name_gold_types_and_else_the_likeliest(make: Make) -> None:
    # A type that is not known, a span of two types, an end that is no entity, a false span.
    gold = replace(GOLD, entities=((0, 2, -1), (3, 5, 1), (3, 5, -1)), triples=((3, 5, 0, 4, 5),))
    scores = torch.zeros(1, 9, 9, 3)
    scores[..., 2] = 1.0
    spans = spans_in_training(torch.ones(1))
    head = head_of(make(hidden_types=0.0))
    assert head._training_types(scores, spans, [gold]).tolist() == [[UNKNOWN, 1, UNKNOWN, 2]]
    head = head_of(make(hidden_types=1.0))
    assert head._training_types(scores, spans, [gold]).tolist() == [[UNKNOWN] * 4]


def test_ends_in_training_are_gold_spans_and_the_likeliest_false_ones(make: Make) -> None:
    head = head_of(make(span_floor=0.0))
    gold = replace(GOLD, entities=((6, 7, 0),), triples=((3, 5, 0, 0, 2),))
    scores = torch.full((1, 9, 9, 3), -1.0)
    for (start, end), score in {
        (0, 1): 9.0, (8, 9): 3.0, (2, 3): 4.0, (7, 8): 2.0, (5, 6): -0.5
    }.items():  # fmt: skip
        scores[0, start, end - 1, 1] = score
    spans = head._training_ends(scores, torch.ones(1, 9, dtype=torch.bool), [gold])
    # (0, 1) shares a word with a gold span; of the others the two likeliest are taken.
    assert spans.spans[0].tolist() == [[6, 7], [3, 5], [0, 2], [2, 3], [8, 9]]


def gradients(model: ExtractionModel, gold: GoldWindow) -> TypedMarkersHead:
    head = head_of(model)
    losses = head.loss(states_of(model, SENTENCES[:1]), [gold])
    torch.stack(list(losses.values())).sum().backward()
    return head


@BOTH_MODES
def test_markers_of_an_unknown_type_stand_where_no_type_is_annotated(make: Make, mode: str) -> None:
    settings = {"mode": mode, "hidden_types": 0.0, "span_floor": 1e3}  # no false spans
    head = gradients(make(**settings), GOLD)
    assert head.unknown_markers.grad is not None
    assert head.type_markers.grad is not None
    assert bool(head.unknown_markers.grad.eq(0).all())
    assert bool(head.type_markers.grad.abs().sum(dim=2).gt(0).all())
    untyped = replace(
        GOLD, entities=tuple((s, e, -1) for s, e, _ in GOLD.entities), entity_types=frozenset()
    )
    head = gradients(make(**settings), untyped)
    assert head.unknown_markers.grad is not None
    assert bool(head.unknown_markers.grad.abs().sum(dim=1).gt(0).all())
    assert head.type_markers.grad is not None
    assert bool(head.type_markers.grad.eq(0).all())


def test_relation_or_type_that_no_corpus_annotates_is_never_trained(make: Make) -> None:
    gold = replace(
        GOLD,
        triples=tuple(t for t in GOLD.triples if t[2] != 2),
        entities=tuple(e for e in GOLD.entities if e[2] != 2),
        relations=frozenset({0, 1}),
        entity_types=frozenset({0, 1}),
    )
    head = gradients(make(), gold)
    for grad in (head.relation_score.weight.grad, head.relation_score.bias.grad):
        assert grad is not None
        assert bool(grad[2].eq(0).all())
        assert bool(grad[:2].ne(0).any(dim=-1).all())
    grad = head.spans.scorer.weight.grad
    assert grad is not None
    assert bool(grad[:, 2].eq(0).all())
    assert bool(grad[:, :2].ne(0).any())


def test_corpus_without_relations_trains_entities_alone(make: Make) -> None:
    head, states = head_of(make()), states_of(make(), SENTENCES[:1])
    bare = replace(GOLD, triples=(), relations=frozenset())
    assert set(head.loss(states, [bare])) == {"entities"}
    assert set(head.loss(states, [GOLD])) == {"entities", "pairs"}


@BOTH_MODES
def test_loss_of_pairs_is_that_of_their_scores_in_inference(make: Make, mode: str) -> None:
    """Gold spans alone, all pairs, types that are the likeliest: as the decoder would see them."""
    model = make(mode=mode, hidden_types=0.0, span_floor=1e3)
    head, states = head_of(model), states_of(model, SENTENCES[:1])
    typed = head.spans(states)[0].detach()
    entities = tuple((s, e, int(typed[s, e - 1].argmax())) for s, e, _ in GOLD.entities)
    loss = head.loss(states, [replace(GOLD, entities=entities)])["pairs"].item()
    spans, real, scores = top_spans(
        head.spans(states), states.mask, head.config, given=[[e[:2] for e in entities]]
    )
    pairs = span_pairs(real)
    relations = head._pair_scores(states, spans, scores.argmax(dim=2), pairs).tolist()
    place, expected = spans[0].tolist(), torch.tensor(0.0)
    triples = {*GOLD.triples, (4, 5, 1, 3, 5)}  # and the symmetric one turned round
    for (_, s, o), row in zip(pairs.tolist(), relations, strict=True):
        gold = [(*place[s], label, *place[o]) in triples for label in range(3)]
        false = sum(
            torch.tensor(x).exp() for x, is_gold in zip(row, gold, strict=True) if not is_gold
        )
        true = sum(torch.tensor(-x).exp() for x, is_gold in zip(row, gold, strict=True) if is_gold)
        expected += torch.log(1 + torch.as_tensor(false)) + torch.log(1 + torch.as_tensor(true))
    assert loss == pytest.approx(expected.item() / 3, rel=1e-4)


# Limits


def test_markers_start_as_the_mask_embedding(tiny_mpnet: Path) -> None:
    settings = {"encoder": {"name": str(tiny_mpnet)}, "head": {"name": "typed_markers"}}
    model = ExtractionModel(ModelConfig.model_validate(settings), SCHEMA)
    head, vector = head_of(model), model.encoder.mask_embedding()
    assert torch.equal(head.type_markers.data, vector.expand(3, 4, -1))
    assert torch.equal(head.unknown_markers.data, vector.expand(4, -1))


def test_encoder_of_relative_positions_and_fusion_across_pieces_are_refused(
    tiny_encoder: Path, tmp_path: Path
) -> None:
    from transformers import DebertaV2Config

    config = DebertaV2Config(
        hidden_size=40, num_hidden_layers=1, num_attention_heads=4, intermediate_size=40
    )
    path = write_other_encoder(tmp_path / "deberta", tiny_encoder, config)
    settings: dict[str, Any] = {"encoder": {"name": str(path)}, "head": {"name": "typed_markers"}}
    with pytest.raises(RecipeError, match="'typed_markers' ties positions, which encoder"):
        ExtractionModel(ModelConfig.model_validate(settings), SCHEMA)
    settings |= {"encoder": {"name": str(tiny_encoder)}, "fusion": {"name": "optimal_transport"}}
    with pytest.raises(RecipeError, match=r"'typed_markers' needs .* got OptimalTransport"):
        ExtractionModel(ModelConfig.model_validate(settings), SCHEMA)


@torch.no_grad()
@BOTH_MODES
def test_nothing_above_the_floors_gives_no_candidates(make: Make, mode: str) -> None:
    model = make(mode=mode, span_floor=1e6)
    for found in candidates_of(model, SENTENCES):
        assert found.spans.shape == (0, 2)
        assert found.triples.shape == found.qualifiers.shape == (0, 3)


@torch.no_grad()
def test_candidates_do_not_depend_on_how_many_pairs_share_a_text(make: Make) -> None:
    found = [candidates_of(make(max_pairs=n, **WIDE_OPEN), SENTENCES) for n in (2, 7, 200)]
    for few, more, all_ in zip(*found, strict=True):
        same(few, all_)
        same(more, all_)
