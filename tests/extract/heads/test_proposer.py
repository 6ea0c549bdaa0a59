"""The proposer: proposals and candidates by brute force, nested spans, what is annotated."""

from __future__ import annotations

import math
from dataclasses import replace

import pytest
import torch
from pydantic import ValidationError

from extract.decode.constraints import Constraints
from extract.decode.decoder import Decoder
from extract.decode.greedy import GreedySolver
from extract.encoder.pooling import span_membership
from extract.evaluation.metrics import entity_score, has_nested
from extract.heads import GoldWindow, WordStates, build_head
from extract.heads.boundary_pointer import best_spans
from extract.heads.matching import SpanTargets, set_losses
from extract.heads.proposer import Proposer, ProposerConfig
from extract.heads.spans import span_loss
from extract.schema import Schema
from tests.extract.cases import sentence_of
from tests.extract.heads.cases import (
    GOLD,
    HIDDEN,
    SCHEMA,
    as_dict,
    make_states,
    same,
    trained_on_annotated_labels_alone,
    unread_padding,
)

CONFIG = ProposerConfig(
    name="proposer", width=8, max_width=4, n_proposals=9, n_layers=2, n_heads=2,
    dropout=0.0, max_spans=30,
)  # fmt: skip
UNTYPED = replace(
    GOLD,
    entities=((0, 2, -1), (3, 6, -1)),
    triples=(),
    qualifiers=(),
    entity_types=frozenset(),
    relations=frozenset(),
)


def make_head(config: ProposerConfig = CONFIG, schema: Schema = SCHEMA) -> Proposer:
    torch.manual_seed(0)
    head = build_head(config, schema, HIDDEN)
    assert isinstance(head, Proposer)
    with torch.no_grad():
        for parameter in head.parameters():  # scores of a size that matters
            parameter.copy_(torch.randn(parameter.shape) * 0.5)
    return head.eval()


@torch.enable_grad()
def taught(gold: GoldWindow, config: ProposerConfig = CONFIG, steps: int = 60) -> Proposer:
    """A head that was trained on one window of 7 words."""
    torch.manual_seed(0)
    head = build_head(config.model_copy(update={"width": 32}), SCHEMA, HIDDEN).train()
    assert isinstance(head, Proposer)
    states = make_states([7])
    optimizer = torch.optim.Adam(head.parameters(), lr=0.01)
    for _ in range(steps):
        optimizer.zero_grad()
        torch.stack(list(head.loss(states, [gold]).values())).sum().backward()
        optimizer.step()
    return head.eval()


@pytest.fixture(scope="module")
def knowing() -> Proposer:
    """A head that knows `GOLD` by heart."""
    return taught(GOLD)


# Settings


@pytest.mark.parametrize("width", [30, 36])
def test_width_must_fit_heads_and_positions(width: int) -> None:
    with pytest.raises(ValidationError, match=rf"multiple of 4 and of n_heads \(8\), got {width}"):
        ProposerConfig(name="proposer", width=width, n_heads=8)


# Proposals


@pytest.mark.parametrize("n_proposals", [4, 100])
@torch.no_grad()
def test_proposals_are_the_best_short_spans_of_each_window(n_proposals: int) -> None:
    head = make_head(CONFIG.model_copy(update={"n_proposals": n_proposals}))
    states = make_states([5, 7, 2])
    proposals = head._propose(states.entities, states.mask)
    for row, n in enumerate((5, 7, 2)):
        alone = head.pyramid(states.entities[row : row + 1, :n])[0]
        scores = head.proposal(alone)
        spans = [(s, s + w) for w in range(1, min(4, n) + 1) for s in range(n - w + 1)]
        best = sorted(range(len(spans)), key=lambda at: -float(scores[at].max()))
        best = best[: max(n_proposals, n)]
        real = proposals.real[row]
        assert real.sum() == len(best)
        assert bool(real[: len(best)].all())
        found = list(map(tuple, proposals.spans[row, real].tolist()))
        assert found == [spans[at] for at in best]
        torch.testing.assert_close(proposals.types[row, real], scores[best])
        torch.testing.assert_close(proposals.features[row, real], alone[best])
        for at, (start, end) in enumerate(spans):
            torch.testing.assert_close(proposals.scores[row, start, end - 1], scores[at])
    first, last = torch.meshgrid(torch.arange(7), torch.arange(7), indexing="ij")
    assert torch.equal(proposals.among, (last >= first) & (last < first + 4))


# Inference


def brute_force(head: Proposer, states: WordStates, row: int) -> dict[object, float]:
    """Candidates of one window: each query's span and scores on its own, merged one by one."""
    n = int(states.mask[row].sum())
    mask = torch.ones(1, n, dtype=torch.bool)
    entities, relations = states.entities[row : row + 1, :n], states.relations[row : row + 1, :n]
    found = head._refine(entities, mask, head._propose(entities, mask))[-1]
    best: dict[tuple[int, int], list[float]] = {}
    for query in range(found.real.shape[1]):
        first, last = found.boundaries[0, query].double()
        chance, start, end = max(
            (float((first[s] + last[e]).exp()), s, e + 1) for s in range(n) for e in range(s, n)
        )
        odds = [float(type_.double().sigmoid()) * chance for type_ in found.types[0, query]]
        scores = [math.log(p / (1 - p)) for p in odds]
        known = best.get((start, end), scores)
        best[start, end] = [max(pair) for pair in zip(known, scores, strict=True)]
    config = head.config
    kept = sorted(best, key=lambda span: -max(best[span]))[: max(config.max_spans, n)]
    kept = [span for span in kept if max(best[span]) > config.span_floor]
    result: dict[object, float] = {}
    for span in kept:
        result |= {(span, label): score for label, score in enumerate(best[span])}
    spans = torch.tensor([kept])
    member = span_membership(spans, n, relations.dtype)
    subject, object_ = member @ head.subject(relations), member @ head.object(relations)
    table = head.relation_scorer(subject, object_)[0]
    for s, left in enumerate(kept):
        for o, right in enumerate(kept):
            if s == o:
                continue
            pair = torch.tensor([[0, s, o]])
            scores = table[s, o] + head.context(relations, spans, subject, object_, pair)[0]
            for label, score in enumerate(scores.tolist()):
                if score > config.triple_floor:
                    result[(left, label, right)] = score
    return result


@pytest.mark.parametrize(("max_spans", "floor"), [(4, -6.0), (30, -6.0), (30, -1e3)])
@torch.no_grad()
def test_candidates_equal_brute_force(max_spans: int, floor: float) -> None:
    head = make_head(
        CONFIG.model_copy(update={"max_spans": max_spans, "span_floor": floor, "n_proposals": 14})
    )
    states, merged = make_states([5, 8, 2]), 0
    for row, found in enumerate(head.candidates(states)):
        expected, got = brute_force(head, states, row), as_dict(found)
        assert got.keys() == expected.keys()
        for name, score in expected.items():
            assert got[name] == pytest.approx(score, abs=1e-3)
        merged += (len(found.spans) < 14) and floor == -1e3
        assert len(found.triples) or len(found.spans) < 2
    assert merged or floor != -1e3  # some queries gave one span together


def test_candidates_do_not_depend_on_the_batch() -> None:
    config = CONFIG.model_copy(update={"max_spans": 8, "span_floor": -50.0, "triple_floor": 0.0})
    head, lengths = make_head(config), [3, 20, 7, 1, 12]
    with torch.inference_mode():
        alone = [head.candidates(make_states([n]))[0] for n in lengths]
        together = head.candidates(make_states(lengths))
        other_way = head.candidates(make_states(lengths[::-1], width=25))[::-1]
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


@torch.no_grad()
def test_training_finds_nested_spans_and_their_relations_and_nothing_else(
    knowing: Proposer,
) -> None:
    found = knowing.candidates(make_states([7]))[0]
    triples = {((s, e), r, (o, f)) for s, e, r, o, f in GOLD.triples}
    spans = {((s, e), label) for s, e, label in GOLD.entities}  # one stands inside another
    assert {name for name, score in as_dict(found).items() if score > 0} == spans | triples
    kept = GreedySolver().solve(found, Constraints.from_schema(SCHEMA, nested=True))
    assert {(tuple(found.spans[row].tolist()), label) for row, label in kept.entities} == spans
    flat = GreedySolver().solve(found, Constraints.from_schema(SCHEMA, nested=False))
    assert len(flat.entities) == 2


@torch.no_grad()
def test_nested_candidates_are_decoded_and_scored_as_nested(knowing: Proposer) -> None:
    gold = sentence_of("a b c d e f g", [(s, e, f"E{label}") for s, e, label in GOLD.entities])
    bare, text = replace(gold, entities=()), "a b c d e f g"
    found = knowing.candidates(make_states([7]))[0]
    found = replace(found, triple_scores=found.triple_scores - 100)
    decoded = Decoder(SCHEMA, nested=True).decode(text, bare, found)
    assert has_nested([decoded])
    score = entity_score([gold], [decoded])
    assert (score.n_gold, score.n_pred, score.n_correct) == (3, 3, 3)
    decoded = Decoder(SCHEMA, nested=False).decode(text, bare, found)
    assert not has_nested([decoded])
    assert entity_score([gold], [decoded]).n_correct == 2


@torch.no_grad()
def test_a_span_longer_than_any_proposal_is_reached_by_refinement() -> None:
    config = CONFIG.model_copy(update={"max_width": 2})
    gold = replace(GOLD, entities=((1, 6, 0), (2, 3, 1)), triples=(), qualifiers=())
    head, states = taught(gold, config), make_states([7])
    proposals = head._propose(states.entities, states.mask)
    width = proposals.spans[..., 1] - proposals.spans[..., 0]
    assert int(width.max()) == 2
    found = as_dict(head.candidates(states)[0])
    assert {name for name, score in found.items() if score > 0} == {((1, 6), 0), ((2, 3), 1)}


@torch.no_grad()
def test_rounds_begin_where_the_last_one_moved_the_spans() -> None:
    head, states = make_head(), make_states([7, 5])
    proposals = head._propose(states.entities, states.mask)
    first, second = head._refine(states.entities, states.mask, proposals)
    assert torch.equal(first.before, proposals.spans)
    assert torch.equal(second.before, best_spans(first.boundaries)[0])
    assert not torch.equal(first.before, second.before)


def test_losses_are_means_of_their_parts() -> None:
    head, states = make_head(), make_states([8, 7], seed=-5)
    gold = [GOLD, replace(GOLD, entities=((1, 2, 0),), triples=(), qualifiers=())]
    losses = head.loss(states, gold)
    assert set(losses) == {"entities", "proposals", "boundaries", "pairs"}
    proposals = head._propose(states.entities, states.mask)
    targets = SpanTargets.of(gold, 3, states.mask.device)
    rounds = head._refine(states.entities, states.mask, proposals)
    parts = [set_losses(found, targets) for found in rounds]
    torch.testing.assert_close(losses["entities"], sum(p[0] for p in parts) / (15 * 2))
    torch.testing.assert_close(losses["boundaries"], sum(p[1] for p in parts) / (15 * 2))
    expected = span_loss(proposals.scores, states.mask, gold, proposals.among) / 15
    torch.testing.assert_close(losses["proposals"], expected)


@pytest.mark.parametrize("gold", [GOLD, UNTYPED], ids=["typed", "untyped"])
def test_a_gold_span_too_long_to_be_proposed_costs_the_proposer_nothing(gold: GoldWindow) -> None:
    head, states = make_head(CONFIG.model_copy(update={"max_width": 2})), make_states([7])
    losses = [
        head.loss(states, [replace(gold, entities=gold.entities[:n], triples=(), qualifiers=())])
        for n in (1, 2)
    ]
    assert gold.entities[1][:2] == (3, 6)
    assert all(loss.item() < 100 for one in losses for loss in one.values())
    if gold is GOLD:
        torch.testing.assert_close(losses[0]["proposals"], losses[1]["proposals"])


def test_loss_does_not_read_padding() -> None:
    assert unread_padding(make_head()) == {"entities", "proposals", "boundaries", "pairs"}


@pytest.mark.parametrize("kind", ["entity_types", "relations"])
def test_label_that_no_corpus_annotates_is_never_trained(kind: str) -> None:
    assert trained_on_annotated_labels_alone(make_head(), kind) == (4)


@torch.no_grad()
def test_spans_of_unknown_type_teach_where_spans_are() -> None:
    head, states = taught(UNTYPED), make_states([7])
    proposals = head._propose(states.entities, states.mask)
    best = proposals.scores.amax(dim=-1)[0]
    found = {(s, e + 1) for s, e in (best > 0).nonzero().tolist()}
    assert {(0, 2), (3, 6)} <= found
    # What shares no word with them is left open.
    assert all((s, e) in {(0, 2), (3, 6)} or s in (2, 6) for s, e in found)
    last = head._refine(states.entities, states.mask, proposals)[-1]
    scores = head._entity_scores(last).amax(dim=-1)[0]
    assert float(scores[0, 1]) > 0
    assert float(scores[3, 5]) > 0


def test_an_entity_outside_the_schema_is_none_of_its_types() -> None:
    head, states = make_head(), make_states([7])
    gold = replace(GOLD, entities=((0, 2, -1), (3, 6, 1)), triples=(), qualifiers=())
    found = head.loss(states, [gold])
    expected = head.loss(states, [replace(gold, entities=((3, 6, 1),))])
    for task in ("entities", "proposals", "boundaries"):
        torch.testing.assert_close(found[task], expected[task])
