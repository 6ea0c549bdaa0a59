"""`tripack graph rules`: Horn rules of a graph, counted on it."""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING, Annotated, Any

import typer

from extract.errors import one_of
from extract.interfaces.cli.graph.shared import Json, Store, note_if_behind, open_store, wants_json
from extract.interfaces.cli.options import Threads
from extract.interfaces.cli.printing import as_json, columns

if TYPE_CHECKING:
    from extract.kg.indexed import IndexedGraph
    from extract.kg.rules import Body, Rule

_VECTORS = ["distmult", "complex", "rotate"]  # models whose vectors compose by products


def _check_model(value: str | None) -> str | None:
    if value is not None and value not in _VECTORS:
        raise typer.BadParameter(one_of("model to suggest rules", value, _VECTORS))
    return value


def rules(
    store: Store,
    min_support: Annotated[
        int, typer.Option(min=1, help="Least number of statements that a rule gives rightly.")
    ] = 3,
    min_confidence: Annotated[
        float, typer.Option(min=0, max=1, help="Least PCA confidence.")
    ] = 0.5,
    head: Annotated[
        str | None, typer.Option(metavar="RELATION", help="Only rules that imply this relation.")
    ] = None,
    most: Annotated[
        int | None, typer.Option("--most", min=1, help="Print at most so many.")
    ] = None,
    suggested_by: Annotated[
        str | None,
        typer.Option(
            callback=_check_model,
            metavar="MODEL",
            help="Count only rules that a model's relation vectors suggest: distmult, complex, rotate.",
        ),
    ] = None,
    per_head: Annotated[
        int, typer.Option(min=1, help="Bodies it suggests for each relation.")
    ] = 20,
    seed: Annotated[int, typer.Option(help="Seed of that model.")] = 0,
    threads: Threads = None,
    json_: Json = False,
) -> None:
    """Mine Horn rules of one or two statements: support, confidence, PCA confidence."""
    with open_store(store) as opened:
        note_if_behind(opened)
        graph = opened.graph()
    from extract.kg.indexed import IndexedGraph
    from extract.kg.rules import mine

    indexed = IndexedGraph.of(graph)
    bodies = None
    if suggested_by is not None:
        bodies = _suggested(indexed, suggested_by, per_head, seed, threads)
    found = mine(indexed, min_support=min_support, min_confidence=min_confidence, bodies=bodies)
    found = [rule for rule in found if head is None or rule.head == head][:most]
    print(
        as_json([_plain(rule) for rule in found]) if wants_json(json_) else _table(found, indexed)
    )


def _suggested(
    graph: IndexedGraph, model: str, per_head: int, seed: int, threads: int | None
) -> list[Body]:
    from extract.kg.learners import learn
    from extract.kg.rule_candidates import suggest

    return suggest(learn(model, graph, seed=seed, threads=threads).vectors, per_head)


def _plain(rule: Rule) -> dict[str, Any]:
    body = [{"relation": relation, "inverse": inverse} for relation, inverse in rule.body]
    return {"rule": str(rule), **asdict(rule), "body": body}


def _table(rules: list[Rule], graph: IndexedGraph) -> str:
    if not rules:
        return (
            f"No rules in {len(graph.triples)} statements between {graph.n_nodes} nodes. "
            "Lower --min-support or --min-confidence, or add documents."
        )
    rows = [
        (r.support, f"{r.confidence:.2f}", f"{r.pca_confidence:.2f}", f"{r.head_coverage:.2f}", r)
        for r in rules
    ]
    return columns([("support", "confidence", "PCA", "coverage", "rule"), *rows])
