"""The formats by name, and the one function that writes any of them."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from typing import ClassVar

from extract.errors import OutputError, one_of
from extract.kg.export.atomic import replacing
from extract.kg.export.whole import whole_characters
from extract.kg.structures import Graph

STYLES = ("rdf12", "wikidata", "reification")


@dataclass(frozen=True, slots=True)
class RdfSettings:
    """How RDF is written: the style of statements, and what the graph's own IRIs start with.

    `style` is None for the formats that are not RDF; `namespace` None is the mapping's default.
    """

    style: str | None = None
    namespace: str | None = None


class Exporter(ABC):
    """Writes a graph in one format: a file, or a folder of the files named in `files`.

    `styles` are the ways of writing RDF that the format can hold, the default first; formats that
    are not RDF have none.
    """

    files: ClassVar[tuple[str, ...]] = ()
    styles: ClassVar[tuple[str, ...]] = ()

    @abstractmethod
    def write(self, graph: Graph, path: Path, rdf: RdfSettings) -> None:
        """Write to `path`: a new file's name, or an empty folder if the format has `files`."""


# Modules are imported when their format is asked for: each has libraries of its own.
EXPORTERS: dict[str, str] = {
    "turtle": "extract.kg.export.turtle:TurtleExporter",
    "nquads": "extract.kg.export.nquads:NQuadsExporter",
    "jsonld": "extract.kg.export.jsonld:JsonLdExporter",
    "graphml": "extract.kg.export.graphml:GraphMLExporter",
    "neo4j-csv": "extract.kg.export.neo4j_csv:Neo4jCsvExporter",
    "cypher": "extract.kg.export.cypher:CypherExporter",
    "parquet": "extract.kg.export.parquet:ParquetExporter",
}


def exporter(format: str) -> Exporter:
    """The exporter of a format. Raises `OutputError` listing the formats for an unknown name."""
    if format not in EXPORTERS:
        raise OutputError(one_of("export format", format, list(EXPORTERS)))
    module, name = EXPORTERS[format].split(":")
    made: Callable[[], Exporter] = getattr(import_module(module), name)
    return made()


def export_graph(
    graph: Graph,
    format: str,
    target: Path | str,
    *,
    style: str | None = None,
    namespace: str | None = None,
    force: bool = False,
) -> None:
    """Write a graph to a file, or to a folder for the formats that are several files.

    The target appears when it is complete: an error or an interrupt leaves what was there.

    Args:
        style: how RDF says statements about statements: "rdf12" (default where a format can hold it),
            "wikidata" or "reification".
        namespace: what the graph's own IRIs start with in RDF.
        force: replace the target if it exists; a folder only if it holds nothing but this format's files.

    Raises `OutputError` for an unknown format, a style that the format has not, and a target that exists
    or cannot be written.
    """
    writer = exporter(format)
    rdf = RdfSettings(_style(format, writer, style), namespace)
    with replacing(Path(target), folder_of=writer.files, force=force) as path:
        writer.write(whole_characters(graph), path, rdf)


def _style(format: str, writer: Exporter, style: str | None) -> str | None:
    if style is None:
        return writer.styles[0] if writer.styles else None
    if style not in STYLES:
        raise OutputError(one_of("style", style, list(STYLES)))
    if not writer.styles:
        raise OutputError(
            f"The format {format} is not RDF and has no styles, got {style!r}. Leave it out."
        )
    if style not in writer.styles:
        raise OutputError(
            f"The format {format} cannot hold style {style!r}. Expected one of: {', '.join(writer.styles)}."
        )
    return style
