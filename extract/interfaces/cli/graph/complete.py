"""`tripack graph complete`: models compared, links proposed, statements judged."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from extract.interfaces.cli.graph.shared import Json, Store, note_if_behind, open_store, wants_json
from extract.interfaces.cli.options import Threads
from extract.interfaces.cli.printing import as_json, columns
from extract.interfaces.io.target import Target

if TYPE_CHECKING:
    from extract.kg.completion import Completion
    from extract.kg.structures import Graph

_SHOWN = 10  # least plausible statements on a terminal


def complete(
    store: Store,
    model: Annotated[
        list[str] | None,
        typer.Option(
            "--model",
            "-m",
            help="distmult, complex, transe, transf, rotate, rgcn, or none for counts and rules alone; may "
            "be given several times. Default: transe.",
        ),
    ] = None,
    schema: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help="Propose only links that this schema admits."),
    ] = None,
    links: Annotated[int, typer.Option(min=0, help="Links to propose.")] = 20,
    share: Annotated[
        float, typer.Option(help="Share of the statements held out to compare models.")
    ] = 0.1,
    folds: Annotated[
        int, typer.Option(min=2, help="Parts, each judged by what was learned from the others.")
    ] = 3,
    epochs: Annotated[
        int | None, typer.Option(min=1, help="Passes over the graph; default: the model's own.")
    ] = None,
    seed: Annotated[int, typer.Option(help="Seed of splits and models.")] = 0,
    threads: Threads = None,
    output: Annotated[
        Path | None, typer.Option("--output", "-o", help="Write all of it to this JSON file.")
    ] = None,
    force: Annotated[bool, typer.Option("--force", help="Replace an existing output.")] = False,
    json_: Json = False,
) -> None:
    """Rank models on held-out statements, judge all statements, propose those that are missing."""
    with Target(output, force=force) as target:
        with open_store(store) as opened:
            note_if_behind(opened)
            graph = opened.graph()
        from extract.kg.completion import CompletionSettings
        from extract.kg.completion import complete as complete_graph
        from extract.schemas.read import read_schema

        settings = CompletionSettings(
            models=tuple(name for name in dict.fromkeys(model or ["transe"]) if name != "none"),
            share=share,
            n_folds=folds,
            n_links=links,
            seed=seed,
            threads=threads,
            epochs=epochs,
        )
        found = complete_graph(graph, None if schema is None else read_schema(schema), settings)
        if output is not None:
            target.write(as_json(found.to_dict()) + "\n")
    print(as_json(found.to_dict()) if wants_json(json_) else _table(found, graph))


def _table(found: Completion, graph: Graph) -> str:
    head = (
        f"{found.n_statements} statements between {found.n_nodes} nodes, {found.n_relations} relations; "
        f"{found.n_held_out} held out"
    )
    names = ("MRR", "hits@1", "hits@3", "hits@10")
    rows = [("", *(f"ends {n}" for n in names), "relations MRR", "hits@1")]
    for name, ranked in found.ranked.items():
        ends, relations = ranked.ends, ranked.relations
        figures = (ends.mrr, ends.hits_at_1, ends.hits_at_3, ends.hits_at_10)
        rows.append((name, *(f"{f:.3f}" for f in (*figures, relations.mrr, relations.hits_at_1))))
    with_model = "" if found.model is None else f" and {found.model}"
    judged = (
        f"Plausibility, by counts, rules{with_model}: tells statements from random ones in "
        f"{100 * found.auc:.1f} % of pairs, calibration error {found.calibration_error:.3f}; "
        f"{len(found.judged_by_types_alone)} statements are judged by types alone"
    )
    parts = [head, columns(rows), judged]
    if found.links:
        shown = [
            (
                f"{link.score:.3f}",
                f"{graph.label(link.subject)} | {link.relation} | {graph.label(link.object)}",
                link.because or "",
            )
            for link in found.links
        ]
        parts.append(columns([("score", "likely and not stated", "because"), *shown]))
    least = sorted(found.plausibility.items(), key=lambda item: (item[1], item[0]))[:_SHOWN]
    doubtful = []
    for id, score in least:
        s = graph.statements[id]
        said = f"{graph.label(s.subject)} | {s.relation} | {graph.label(s.object)}"
        doubtful.append((f"{score:.3f}", said))
    parts.append(columns([("plausibility", "least plausible statements"), *doubtful]))
    return "\n\n".join(parts)
