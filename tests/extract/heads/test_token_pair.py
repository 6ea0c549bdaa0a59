"""The handshaking head: scores by brute force, gradients, tags read back, memory."""

from __future__ import annotations

from dataclasses import replace
from itertools import product

import pytest
import torch
from torch.profiler import ProfilerActivity, profile

from extract.decode.candidates import Candidates
from extract.heads import GoldWindow, WordStates, build_head
from extract.heads.handshaking import link_targets, upper_cells
from extract.heads.token_pair import TokenPairConfig, TokenPairHead, WordPairScorer
from extract.schema import EntityType, Relation, Schema
from tests.extract.heads.cases import ALL, GOLD, HIDDEN, SCHEMA, as_dict, make_states, same

OPEN = {"name": "token_pair", "width": 8, "dropout": 0.0, "max_spans": 30}
CONFIGS = [
    TokenPairConfig.model_validate({**OPEN, "tagging": tagging, "scorer": scorer})
    for tagging, scorer in product(["softmax", "multi_label"], ["concat", "low_rank"])
]
EVERY_CONFIG = pytest.mark.parametrize("config", CONFIGS, ids=lambda c: f"{c.tagging}-{c.scorer}")


def make_head(
    config: TokenPairConfig, schema: Schema = SCHEMA, hidden: int = HIDDEN
) -> TokenPairHead:
    torch.manual_seed(0)
    head = build_head(config, schema, hidden)
    assert isinstance(head, TokenPairHead)
    with torch.no_grad():
        for parameter in head.parameters():  # scores of a size that matters
            parameter.copy_(torch.randn(parameter.shape) * 0.7)
    return head.eval()


# Training


@EVERY_CONFIG
def test_losses_do_not_read_padding_or_qualifier_states(config: TokenPairConfig) -> None:
    head = make_head(config)
    short, padded = make_states([6, 3]), make_states([6, 3], width=9)
    padded = replace(padded, qualifiers=torch.full_like(padded.qualifiers, torch.nan))
    bare = replace(GOLD, entities=(), triples=(), qualifiers=())
    one, other = head.loss(short, [GOLD, bare]), head.loss(padded, [GOLD, bare])
    assert set(one) == {"entities", "relations"}
    for task, loss in one.items():
        torch.testing.assert_close(loss, other[task])


@EVERY_CONFIG
def test_gradient_reaches_every_parameter_and_every_word(config: TokenPairConfig) -> None:
    head, states = make_head(config).train(), make_states([7, 6])
    tensors = [t.requires_grad_() for t in (states.entities, states.relations)]
    sum(head.loss(states, [GOLD, GOLD]).values()).backward()
    for name, parameter in head.named_parameters():
        assert parameter.grad is not None, name
        assert bool(parameter.grad.abs().sum() > 0), name
    for tensor in tensors:
        assert tensor.grad is not None
        assert tensor.grad.abs().sum(-1).gt(0).equal(states.mask)


@EVERY_CONFIG
@pytest.mark.parametrize(
    ("kind", "scorer"), [("entity_types", "entity_scorer"), ("relations", "link_scorer")]
)
def test_label_that_no_corpus_annotates_is_never_trained(
    config: TokenPairConfig, kind: str, scorer: str
) -> None:
    head, states = make_head(config).train(), make_states([7, 7])
    gold = GoldWindow(
        entities=((0, 2, 0), (4, 5, 2)),
        triples=((4, 5, 0, 0, 2),),
        qualifiers=(),
        **{**ALL, kind: ALL[kind] - {1}},
    )
    sum(head.loss(states, [gold, gold]).values()).backward()
    tags = head.get_submodule(scorer)
    assert isinstance(tags, WordPairScorer)
    assert tags.weight.grad is not None
    assert tags.bias.grad is not None
    trained = tags.weight.grad.ne(0).any(-1)
    assert trained.equal(tags.bias.grad.ne(0))
    expected = [label != 1 for label in range(len(ALL[kind]))]
    assert trained.view(-1, len(expected)).tolist() == [expected] * (
        4 if kind == "relations" else 1
    )


@EVERY_CONFIG
def test_training_lowers_the_loss_to_a_right_answer(config: TokenPairConfig) -> None:
    torch.manual_seed(0)
    head, states = build_head(config, SCHEMA, HIDDEN).train(), make_states([7])
    optimizer = torch.optim.Adam(head.parameters(), lr=0.02)
    for _ in range(300):
        optimizer.zero_grad()
        torch.stack(list(head.loss(states, [GOLD]).values())).sum().backward()
        optimizer.step()
    with torch.no_grad():
        found = as_dict(head.eval().candidates(states)[0])
    positive = {name for name, score in found.items() if score > 0}
    # Nested spans, two relations of one pair, a subject of many triples, a reversed pair.
    expected = {((s, e), label) for s, e, label in GOLD.entities}
    expected |= {((s, e), r, (o, f)) for s, e, r, o, f in GOLD.triples}
    assert positive == expected


# Inference


def brute_force(head: TokenPairHead, states: WordStates, row: int) -> dict[object, float]:
    """Candidates of one window, word pair by word pair, from the formulas of the papers."""
    n, config = int(states.mask[row].sum()), head.config

    def tags(scorer: WordPairScorer, words: torch.Tensor, i: int, j: int) -> torch.Tensor:
        left = scorer.first.weight @ words[i] + scorer.first.bias
        right = scorer.last.weight @ words[j]
        if config.scorer == "low_rank":
            pair = left * (right + scorer.last.bias)
        else:
            assert scorer.last.bias is None
            pair = torch.tanh(left + right)
        return config.width**0.5 * scorer.weight @ pair + scorer.bias

    def link(relation: int, end: int, one: int, other: int) -> float:
        scores = tags(head.link_scorer, states.relations[row], min(one, other), max(one, other))
        direction, own = int(one > other), scores[end, :, relation]
        if config.tagging == "multi_label":
            return float(own[direction])
        others = torch.stack([torch.tensor(0.0), own[1 - direction]])  # none, and the other way
        return float(own[direction] - others.logsumexp(0))

    cells = {
        (i, j + 1): tags(head.entity_scorer, states.entities[row], i, j).tolist()
        for i in range(n)
        for j in range(i, n)
    }
    best = sorted(cells, key=lambda s: -max(cells[s]))[: max(config.max_spans, n)]
    best = [s for s in best if max(cells[s]) > config.span_floor]
    scores: dict[object, float] = {(s, t): x for s in best for t, x in enumerate(cells[s])}
    for s, o in product(best, best):
        for r in range(head.n_relations) if s != o else ():
            score = min(link(r, 0, s[0], o[0]), link(r, 1, s[1] - 1, o[1] - 1))
            if score > config.triple_floor:
                scores[s, r, o] = score
    return scores


@EVERY_CONFIG
@pytest.mark.parametrize("max_spans", [4, 10])
def test_candidates_equal_brute_force_over_word_pairs(
    config: TokenPairConfig, max_spans: int
) -> None:
    changes = {"max_spans": max_spans, "span_floor": -0.5, "triple_floor": -1.0}
    head, states = make_head(config.model_copy(update=changes)), make_states([5, 7, 2])
    n_triples = 0
    with torch.inference_mode():
        for row, found in enumerate(head.candidates(states)):
            expected, got = brute_force(head, states, row), as_dict(found)
            assert got.keys() == expected.keys()
            for name, score in expected.items():
                assert got[name] == pytest.approx(score, abs=1e-3)
            n_triples += len(found.triples)
            assert len(found.qualifiers) == 0
    assert n_triples > 20


@EVERY_CONFIG
def test_candidates_do_not_depend_on_the_batch(config: TokenPairConfig) -> None:
    changes = {"max_spans": 8, "span_floor": -50.0, "triple_floor": -1.0}
    head, lengths = make_head(config.model_copy(update=changes)), [3, 20, 7, 1, 12]
    with torch.inference_mode():
        alone = [head.candidates(make_states([n]))[0] for n in lengths]
        together = head.candidates(make_states(lengths))
        other_way = head.candidates(make_states(lengths[::-1], width=25))[::-1]
    assert [len(c.spans) for c in alone] == [6, 20, 8, 1, 12]
    for one, two, three in zip(alone, together, other_way, strict=True):
        same(one, two)
        same(one, three)


@EVERY_CONFIG
def test_nothing_above_the_floors_gives_no_candidates(config: TokenPairConfig) -> None:
    head = make_head(config.model_copy(update={"span_floor": 1e6}))
    with torch.inference_mode():
        windows = head.candidates(make_states([7, 3]))
    assert [found.spans.shape for found in windows] == [(0, 2)] * 2
    assert [found.triples.shape for found in windows] == [(0, 3)] * 2


@EVERY_CONFIG
def test_certain_gold_tags_give_exactly_the_gold_of_each_window(
    config: TokenPairConfig, monkeypatch: pytest.MonkeyPatch
) -> None:
    head, states = make_head(config), make_states([7, 4])
    other = replace(GOLD, entities=((1, 2, 0), (1, 4, 1)), triples=((1, 4, 3, 1, 2),))
    gold = [GOLD, replace(other, qualifiers=())]
    cells, sure = upper_cells(states.mask), 20.0
    place = {tuple(cell): row for row, cell in enumerate(cells.tolist())}
    spans = torch.full((len(cells), head.n_entity_types), -sure)
    for row, window in enumerate(gold):
        for start, end, label in window.entities:
            spans[place[row, start, end - 1], label] = sure
    links = link_targets(cells, 7, gold, 5, one_tag=config.tagging == "softmax")

    def certain(
        self: WordPairScorer, states: torch.Tensor, asked: torch.Tensor, tags: slice = slice(None)
    ) -> torch.Tensor:
        rows = [place[tuple(cell)] for cell in asked.tolist()]
        return (
            spans[rows] if self is head.entity_scorer else sure * (2.0 * links[rows][:, tags] - 1)
        )

    monkeypatch.setattr(WordPairScorer, "forward", certain)
    for window, found in zip(gold, head.candidates(states), strict=True):
        assert facts(found) == set(window.entities) | set(window.triples)


def facts(found: Candidates) -> set[tuple[int, ...]]:
    """Entities and triples as a gold window writes them."""
    spans = [tuple(span) for span in found.spans.tolist()]
    entities = {
        (*spans[row], label)
        for row, scores in enumerate(found.entity_scores.tolist())
        for label, score in enumerate(scores)
        if score > 0
    }
    return entities | {(*spans[s], r, *spans[o]) for s, r, o in found.triples.tolist()}


# Memory


@pytest.mark.parametrize(("tagging", "hidden"), [("multi_label", 1024), ("softmax", 384)])
def test_training_on_171_relations_and_100_words_stays_within_a_gigabyte(
    tagging: str, hidden: int
) -> None:
    """What a step holds at most, forward, loss and backward: a quarter of 4 GiB, whatever the encoder."""
    n_words, batch, n_relations = 100, 8, 171
    schema = Schema((EntityType("E"),), tuple(Relation(f"r{i}") for i in range(n_relations)))
    head = build_head(TokenPairConfig(name="token_pair", tagging=tagging), schema, hidden).train()
    tensors = [torch.randn(batch, n_words, hidden, requires_grad=True) for _ in range(3)]
    states = WordStates(*tensors, torch.ones(batch, n_words, dtype=torch.bool))
    gold = GoldWindow(
        ((0, 2, 0), (90, 95, 0)), ((90, 95, 170, 0, 2),), (),
        frozenset({0}), frozenset(range(n_relations)), frozenset(),
    )  # fmt: skip
    with profile(activities=[ProfilerActivity.CPU], profile_memory=True) as run:
        torch.stack(list(head.loss(states, [gold] * batch).values())).sum().backward()
    held = peak = 0
    for event in run.profiler.kineto_results.events():
        if event.name() == "[memory]":
            held += event.nbytes()
            peak = max(peak, held)
    scores = 4 * batch * (n_words * (n_words + 1) // 2) * 4 * n_relations
    assert 2 * scores < peak < 2**30  # scores and their gradient are there at the end of the loss
