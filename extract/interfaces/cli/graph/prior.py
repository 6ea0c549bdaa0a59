"""`tripack graph prior`: how frequent relations are between entity types, for `extract --relation-prior`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from extract.interfaces.cli.exits import UsageError
from extract.interfaces.cli.graph.shared import note_if_behind, open_store
from extract.interfaces.cli.printing import as_json
from extract.interfaces.io.target import Target


def prior(
    output: Annotated[Path, typer.Argument(metavar="OUT.json", help="JSON file to write.")],
    store: Annotated[
        Path | None,
        typer.Option("--store", metavar="FOLDER", help="Count this graph's statements."),
    ] = None,
    corpus: Annotated[
        str | None, typer.Option("--corpus", "-c", help="Count the gold triples of this corpus.")
    ] = None,
    split: Annotated[str, typer.Option(help="Split of the corpus.")] = "train",
    path: Annotated[
        Path | None,
        typer.Option("--path", help="The corpus's folder; default: in $TRIPACK_CORPORA."),
    ] = None,
    strength: Annotated[
        float,
        typer.Option(min=1e-6, help="Occasions that the shares of all types together count for."),
    ] = 10.0,
    force: Annotated[bool, typer.Option("--force", help="Replace an existing output.")] = False,
) -> None:
    """Count relations by the types they join, in a graph or a corpus."""
    if (store is None) == (corpus is None):
        got = "neither" if store is None else "both"
        raise UsageError(f"Expected one of --store and --corpus, got {got}.")
    from extract.kg.prior import RelationPrior

    with Target(output, force=force) as target:
        if store is not None:
            with open_store(store) as opened:
                note_if_behind(opened)
                found = RelationPrior.of_graph(opened.graph(), strength)
        else:
            from extract.interfaces.cli.gold import read_gold

            examples = read_gold(str(corpus), split, None, path, None, 0)
            found = RelationPrior.of_sentences((e.sentence for e in examples), strength)
        target.write(as_json(found.to_dict()) + "\n")
