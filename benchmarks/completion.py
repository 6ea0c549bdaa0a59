"""What completes the gold graph of Re-DocRED: models, rules and counts, ranked on what is held out.

    python -m benchmarks.completion --threads 1 --out benchmarks/results/completion-re_docred.json

The graph is built from the gold relations between gold mentions; statements with a date or number as object
take no part. All that joins two nodes is held out together. Then false statements are added to the graph,
gold ones with an end replaced by chance, and everything is judged: that says what a report of implausible
statements is worth. The split is another than the one that the models' settings were chosen on. Seconds are
the processor's.
"""

from __future__ import annotations

import argparse
import json
import time
from collections.abc import Callable, Sequence
from importlib.metadata import version
from pathlib import Path
from typing import Any, TypeVar

import numpy as np
from sklearn.metrics import roc_auc_score

from benchmarks.graph_resolution import as_facts
from corpora import locate
from corpora.re_docred import ReDocRed
from extract.kg.baselines import count
from extract.kg.builder import build_graph
from extract.kg.completion import CompletionSettings, Experts, mined
from extract.kg.indexed import IndexedGraph, Ints
from extract.kg.learners import RECIPES, Learner, learn
from extract.kg.plausibility import judge
from extract.kg.ranking import Scorer, rank
from extract.kg.rule_candidates import suggest
from extract.kg.rules import mine
from extract.kg.splits import hold_out
from extract.kg.structures import Graph
from extract.versions import environment

Found = TypeVar("Found")
SUGGESTED = (5, 20)  # rule bodies for each head
SURE = (0.5, 5)  # least PCA confidence and support of the rules that suggestions are compared by
FALSE = 0.05  # statements added, as a share of the graph's


def main(arguments: Sequence[str] | None = None) -> None:
    """Parse the arguments, measure, write the figures after each part."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--models", default=",".join(RECIPES))
    parser.add_argument("--judge", default="transe", help="the model that judges statements")
    parser.add_argument("--epochs", type=int, default=None, help="instead of the recipes'")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--file", type=Path, default=None, help="instead of the corpus's dev file")
    parser.add_argument("--out", type=Path, required=True)
    given = parser.parse_args(arguments)
    settings = CompletionSettings(seed=given.seed, threads=given.threads, epochs=given.epochs)
    reader = ReDocRed()
    path = given.file if given.file is not None else reader.files(locate(reader.name), "dev")[0]
    built = build_graph(as_facts(document)[0] for document in reader.documents(path))
    graph = IndexedGraph.of(built)
    result: dict[str, Any] = {
        "corpus": reader.name,
        "data": path.name,
        "graph": sizes(built, graph),
        "seed": given.seed,
    }

    def write() -> None:
        text = json.dumps(result | {"environment": environment()}, indent=1)
        given.out.write_text(text + "\n", encoding="utf-8")

    result["rules"] = rule_figures(graph)
    write()
    held_out = hold_out(graph.triples, settings.share, settings.seed)
    result |= {"pykeen": version("pykeen"), "held_out": len(held_out), "ranked": {}}
    result |= {"false statements": {}, "suggested rules": {}}

    def judge_false(name: str, model: str | None) -> None:
        result["false statements"][name] = false_statements(graph, model, settings)
        write()

    judge_false("counts and rules", None)
    for name, scorer, seconds in scorers(graph, held_out, given.models.split(","), settings):
        ranked, ranking = timed(lambda s=scorer: rank(s, graph.triples[held_out], graph.triples))
        figures = ranked.to_dict() | {"seconds": seconds, "ranking_seconds": ranking}
        result["ranked"][name] = figures
        print(name, json.dumps(figures), flush=True)
        if isinstance(scorer, Learner) and name in ("distmult", "complex", "rotate"):
            result["suggested rules"][name] = suggestion_figures(graph, scorer)
        write()
    judge_false(f"with {given.judge}", given.judge)


def sizes(built: Graph, graph: IndexedGraph) -> dict[str, int]:
    """What the graph holds, and what of it takes part."""
    return {
        "nodes": len(built.nodes),
        "statements": len(built.statements),
        "nodes joined": graph.n_nodes,
        "statements between nodes": len(graph.triples),
        "relations between nodes": graph.n_relations,
        "statements with a literal": graph.n_literals,
        "statements of a node and itself": graph.n_loops,
    }


def timed(work: Callable[[], Found]) -> tuple[Found, float]:
    """What some work gives, and the seconds of the processor that it took."""
    start = time.process_time()
    return work(), round(time.process_time() - start, 2)


def scorers(
    graph: IndexedGraph, held_out: Ints, models: Sequence[str], settings: CompletionSettings
) -> Any:
    """Each scorer by name, trained on what is not held out, and the seconds that took."""
    rows = np.setdiff1d(np.arange(len(graph.triples)), held_out)

    def of(name: str) -> Scorer:
        if name == "rules":
            return mined(graph, rows, settings)
        if name in RECIPES:
            own = {"seed": settings.seed, "threads": settings.threads, "epochs": settings.epochs}
            return learn(name, graph, rows, **own)  # type: ignore[arg-type]
        return count(graph, rows, by_node=name == "frequency")

    for name in ("type prior", "frequency", "rules", *models):
        scorer, seconds = timed(lambda name=name: of(name))  # type: ignore[misc]
        yield name, scorer, seconds


def rule_figures(graph: IndexedGraph) -> dict[str, Any]:
    """How many rules there are, and how long mining takes."""
    rules, seconds = timed(lambda: mine(graph, min_support=2, min_confidence=0.05))
    confidence, support = SURE
    sure = [r for r in rules if r.pca_confidence >= confidence and r.support >= support]
    return {
        "seconds": seconds,
        "rules": len(rules),
        "sure rules": len(sure),
        "of one statement": sum(len(r.body) == 1 for r in sure),
        "examples": [
            {
                "rule": str(r),
                "support": r.support,
                "confidence": round(r.confidence, 3),
                "pca_confidence": round(r.pca_confidence, 3),
            }
            for r in [r for r in sure if len(r.body) == 2][:10]
        ],
    }


def suggestion_figures(graph: IndexedGraph, learner: Learner) -> list[dict[str, Any]]:
    """Of the sure rules, those whose bodies a model's vectors suggest, by how many it may suggest."""
    confidence, support = SURE
    every = set(mine(graph, min_support=support, min_confidence=confidence))
    found = []
    for k in SUGGESTED:
        bodies = suggest(learner.vectors, k)
        rules = mine(graph, min_support=support, min_confidence=confidence, bodies=bodies)
        share = len(every & set(rules)) / max(1, len(every))
        found.append({"k": k, "bodies": len(bodies), "rules": len(rules), "share": round(share, 4)})
    return found


def false_statements(
    graph: IndexedGraph, model: str | None, settings: CompletionSettings
) -> dict[str, Any]:
    """How low false statements come among all, once they are part of the graph."""
    random = np.random.default_rng(settings.seed)
    n = int(FALSE * len(graph.triples))
    false = graph.triples[random.choice(len(graph.triples), n, replace=False)].copy()
    false[np.arange(n), random.choice([0, 2], n)] = random.integers(graph.n_nodes, size=n)
    new = ~np.isin(graph.keys(false), graph.keys(graph.triples)) & (false[:, 0] != false[:, 2])
    false = np.unique(false[new], axis=0)
    triples = np.concatenate([graph.triples, false])
    triples = triples[np.argsort(graph.keys(triples))]
    with_false = IndexedGraph(graph.nodes, graph.types, graph.relations, triples)
    is_false = np.isin(graph.keys(triples), graph.keys(false))
    judged, seconds = timed(
        lambda: judge(
            with_false,
            lambda graph, rows: Experts.of(graph, rows, model, settings).scorers(),
            count(with_false, np.arange(len(triples)), by_node=False).triples,
            n_folds=settings.n_folds,
            seed=settings.seed,
        )
    )
    scores = judged.plausibility.scores
    lowest = np.argsort(scores, kind="stable")[: len(false)]
    return {
        "statements": len(triples),
        "false": len(false),
        "false among as many lowest": round(float(is_false[lowest].mean()), 4),
        "false among the 100 lowest": round(float(is_false[lowest[:100]].mean()), 4),
        "auc against the false": round(float(roc_auc_score(~is_false, scores)), 4),
        "auc against random ones": round(judged.plausibility.auc, 4),
        "calibration error": round(judged.plausibility.calibration_error, 4),
        "judged by types alone": int((judged.plausibility.judged == 0).sum()),
        "seconds": seconds,
    }


if __name__ == "__main__":
    main()
