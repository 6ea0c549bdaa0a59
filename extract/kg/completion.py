"""What a graph lacks and what of it is doubtful: models compared, links proposed, statements judged.

Models (`learners.RECIPES`), mined rules and the counts of `baselines` rank a held-out part of the graph in
one table. The best model, the rules and the counts together then judge each statement (`plausibility`) and
the links that the graph does not have.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np

from extract.errors import InputError
from extract.kg.baselines import CountScorer, count
from extract.kg.indexed import Floats, IndexedGraph, Ints
from extract.kg.learners import Learner, learn
from extract.kg.links import Link, propose
from extract.kg.plausibility import TripleScorer, Weighing, judge
from extract.kg.ranking import Ranked, Scorer, rank
from extract.kg.rule_scorer import RuleScorer, apply_rules
from extract.kg.rules import mine
from extract.kg.splits import hold_out
from extract.kg.structures import Graph
from extract.schema import Schema

LEAST_STATEMENTS, LEAST_HELD_OUT = 100, 10
COUNTS = ("type prior", "frequency")


@dataclass(frozen=True, slots=True)
class CompletionSettings:
    """How a graph is completed.

    Args:
        models: names of `learners.RECIPES`; the one that ranks ends best judges. None: counts and rules only.
        share: of the statements between nodes, held out to compare models.
        n_folds: the graph is cut into, to judge each statement by the others.
        n_links: proposed at most.
        min_support: of rules.
        min_confidence: of rules, PCA.
        seed: of splits and models.
        threads: of the CPU; None leaves PyTorch's setting.
        epochs: instead of the recipes'.
    """

    models: tuple[str, ...] = ("transe",)
    share: float = 0.1
    n_folds: int = 3
    n_links: int = 100
    min_support: int = 2
    min_confidence: float = 0.05
    seed: int = 0
    threads: int | None = None
    epochs: int | None = None

    def __post_init__(self) -> None:
        if not 0 < self.share < 1:
            raise InputError(f"Expected a share to hold out between 0 and 1, got {self.share}.")
        if self.n_folds < 2:
            raise InputError(f"Expected at least 2 folds, got {self.n_folds}.")


@dataclass(frozen=True)
class Completion:
    """What was found out about a graph.

    `ranked` are the scorers by name, on `n_held_out` statements. `plausibility` is by statement
    identifier; statements with a literal have none. `links` are the likeliest that the graph lacks.
    """

    n_statements: int
    n_nodes: int
    n_relations: int
    n_held_out: int
    ranked: dict[str, Ranked]
    model: str | None
    plausibility: dict[str, float]
    judged_by_types_alone: tuple[str, ...]
    auc: float
    calibration_error: float
    links: tuple[Link, ...] = field(default=())

    def to_dict(self) -> dict[str, Any]:
        """Everything as plain values."""
        return {
            "statements": self.n_statements,
            "nodes": self.n_nodes,
            "relations": self.n_relations,
            "held_out": self.n_held_out,
            "ranked": {name: ranked.to_dict() for name, ranked in self.ranked.items()},
            "model": self.model,
            "auc": round(self.auc, 4),
            "calibration_error": round(self.calibration_error, 4),
            "links": [link.to_dict() for link in self.links],
            "plausibility": {id: round(score, 4) for id, score in self.plausibility.items()},
            "judged_by_types_alone": list(self.judged_by_types_alone),
        }


def complete(
    graph: Graph, schema: Schema | None = None, settings: CompletionSettings | None = None
) -> Completion:
    """Compare models on a graph, judge its statements, propose what it lacks.

    A schema keeps out links that its domains, ranges and functional relations do not admit.

    Raises `InputError` if the graph is too small, a model is unknown, or PyKEEN is not installed.
    """
    settings = settings if settings is not None else CompletionSettings()
    indexed = IndexedGraph.of(graph)
    ranked, n_held_out = compare(indexed, settings)
    learned = [name for name in settings.models if name in ranked]
    best = max(learned, key=lambda name: ranked[name].ends.mrr, default=None)
    judged = judge(
        indexed,
        lambda graph, rows: Experts.of(graph, rows, best, settings).scorers(),
        count(indexed, np.arange(len(indexed.triples)), by_node=False).triples,
        n_folds=settings.n_folds,
        seed=settings.seed,
    )
    found: tuple[Link, ...] = ()
    if settings.n_links:
        experts = Experts.of(indexed, np.arange(len(indexed.triples)), best, settings)
        found = links(indexed, experts, judged.weigh, schema, settings.n_links)
    plausibility = judged.plausibility
    by_triple = dict(zip(map(indexed.named, indexed.triples), plausibility.scores, strict=True))
    alone = {indexed.named(triple) for triple in indexed.triples[plausibility.judged == 0]}
    keys = {
        id: (s.subject, s.relation, s.object)
        for id, s in graph.statements.items()
        if isinstance(s.object, str)
    }
    return Completion(
        len(indexed.triples),
        indexed.n_nodes,
        indexed.n_relations,
        n_held_out,
        ranked,
        best,
        {id: float(by_triple[key]) for id, key in keys.items() if key in by_triple},
        tuple(id for id, key in keys.items() if key in alone),
        plausibility.auc,
        plausibility.calibration_error,
        found,
    )


def check_size(graph: IndexedGraph, held_out: Ints) -> None:
    """Raise `InputError` unless the graph has enough statements to learn from and to hold out."""
    if len(graph.triples) >= LEAST_STATEMENTS and len(held_out) >= LEAST_HELD_OUT:
        return
    raise InputError(
        f"The graph is too small to complete: {len(graph.triples)} statements between {graph.n_nodes} "
        f"nodes ({graph.n_literals} more have a literal), of which {len(held_out)} can be held out while "
        f"every node stays known. Expected at least {LEAST_STATEMENTS}, and {LEAST_HELD_OUT} to hold out: "
        "add documents, or merge nodes so that statements share them."
    )


def compare(graph: IndexedGraph, settings: CompletionSettings) -> tuple[dict[str, Ranked], int]:
    """How every scorer ranks the held-out part, and how many statements that is."""
    held_out = hold_out(graph.triples, settings.share, settings.seed)
    check_size(graph, held_out)
    rows = np.setdiff1d(np.arange(len(graph.triples)), held_out)
    scorers: dict[str, Scorer] = {
        COUNTS[0]: count(graph, rows, by_node=False),
        COUNTS[1]: count(graph, rows, by_node=True),
        "rules": mined(graph, rows, settings),
    }
    for name in settings.models:
        scorers[name] = learned_by(name, graph, rows, settings)
    true = graph.triples[held_out]
    ranked = {name: rank(scorer, true, graph.triples) for name, scorer in scorers.items()}
    return ranked, len(held_out)


def mined(graph: IndexedGraph, rows: Ints, settings: CompletionSettings) -> RuleScorer:
    """The rules of the triples `rows`, and what they imply."""
    part = IndexedGraph(graph.nodes, graph.types, graph.relations, graph.triples[rows])
    rules = mine(part, min_support=settings.min_support, min_confidence=settings.min_confidence)
    return apply_rules(part, rules)


def learned_by(name: str, graph: IndexedGraph, rows: Ints, settings: CompletionSettings) -> Learner:
    """A model of the triples `rows`."""
    return learn(
        name, graph, rows, seed=settings.seed, threads=settings.threads, epochs=settings.epochs
    )


@dataclass(frozen=True, slots=True)
class Experts:
    """What judges triples: counts of types, counts of nodes, rules, and a model if there is one."""

    types: CountScorer
    nodes: CountScorer
    rules: RuleScorer
    model: Learner | None

    @classmethod
    def of(
        cls, graph: IndexedGraph, rows: Ints, model: str | None, settings: CompletionSettings
    ) -> Experts:
        """Those that know the graph's triples `rows`."""
        return cls(
            count(graph, rows, by_node=False),
            count(graph, rows, by_node=True),
            mined(graph, rows, settings),
            None if model is None else learned_by(model, graph, rows, settings),
        )

    def scorers(self) -> list[TripleScorer]:
        """Their scores of triples; the first knows types only."""
        models = [] if self.model is None else [self.model.triples]
        return [self.types.triples, self.nodes.triples, self.rules.triples, *models]


def links(
    graph: IndexedGraph, experts: Experts, weigh: Weighing, schema: Schema | None, n_links: int
) -> tuple[Link, ...]:
    """The likeliest links that the graph lacks, by experts that know all of it."""
    scorers = experts.scorers()

    def score(triples: Ints) -> Floats:
        return weigh(np.stack([scorer(triples) for scorer in scorers], axis=1))

    ranks = experts.nodes if experts.model is None else experts.model
    return propose(graph, score, experts.rules, ranks, schema, n_links)
