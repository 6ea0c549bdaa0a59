"""GraphML, for Gephi, Cytoscape, yEd and networkx.

Brandes, Eiglsperger, Herman, Himsolt, Marshall 2002, GraphML Progress Report: Structural Layer Proposal.
Attributes are scalars, so lists are JSON arrays. An edge's `id` is its statement's.
"""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import IO
from xml.sax.saxutils import escape, quoteattr

from extract.kg.export.property_graph import (
    EDGE_PROPERTIES,
    NODE_PROPERTIES,
    Property,
    edges,
    nodes,
    qualifier_keys,
)
from extract.kg.export.registry import Exporter, RdfSettings
from extract.kg.structures import Graph

_TYPES = {"double": "double", "long": "long"}  # all others are strings
# What XML 1.0 has no way to write, not even as a character reference (its production 2, Char).
_NO_XML = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
# A parser reads a bare carriage return as a line feed.
_ENTITIES = {"\r": "&#13;"}
_HEAD = """<?xml version="1.0" encoding="UTF-8"?>
<graphml xmlns="http://graphml.graphdrawing.org/xmlns" xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance"
 xsi:schemaLocation="http://graphml.graphdrawing.org/xmlns http://graphml.graphdrawing.org/xmlns/1.0/graphml.xsd">
"""


class GraphMLExporter(Exporter):
    """One directed graph; parallel edges where two nodes have several statements.

    A character that XML cannot hold is written as U+FFFD; the string as it was is then in the
    attribute NAME_exact, as JSON.
    """

    def write(self, graph: Graph, path: Path, rdf: RdfSettings) -> None:
        """Write the file, item by item."""
        keys = _keys(graph)
        with open(path, "w", encoding="utf-8", newline="\n") as stream:
            stream.write(_HEAD)
            for (of, name), (id, type) in keys.items():
                stream.write(
                    f'<key id="{id}" for="{of}" attr.name={quoteattr(name)} attr.type="{type}"/>\n'
                )
            stream.write('<graph id="G" edgedefault="directed">\n')
            for node in nodes(graph):
                stream.write(f"<node id={quoteattr(node.id)}>")
                _write_data(stream, "node", node.properties, keys)
                stream.write("</node>\n")
            for edge in edges(graph):
                ends = f"source={quoteattr(edge.start)} target={quoteattr(edge.end)}"
                stream.write(f"<edge id={quoteattr(edge.id)} {ends}>")
                _write_data(stream, "edge", edge.properties, keys)
                stream.write("</edge>\n")
            stream.write("</graph>\n</graphml>\n")


def _keys(graph: Graph) -> dict[tuple[str, str], tuple[str, str]]:
    """The attributes of nodes and edges: their keys' identifiers and GraphML types."""
    named = [("node", name, type) for name, type in NODE_PROPERTIES.items()]
    named += [("edge", name, type) for name, type in EDGE_PROPERTIES.items()]
    named += [("edge", name, "string[]") for name in qualifier_keys(graph)]
    named += [(of, f"{name}_exact", "string") for of, name, type in named if type == "string"]
    return {
        (of, name): (f"k{i}", _TYPES.get(type, "string"))
        for i, (of, name, type) in enumerate(named)
    }


def _write_data(
    stream: IO[str],
    of: str,
    properties: dict[str, Property],
    keys: dict[tuple[str, str], tuple[str, str]],
) -> None:
    for name, value in _texts(properties):
        stream.write(f'<data key="{keys[of, name][0]}">{escape(value, _ENTITIES)}</data>')


def _texts(properties: dict[str, Property]) -> list[tuple[str, str]]:
    """What is written for each property that has a value."""
    texts = []
    for name, value in properties.items():
        if value is None or value == []:
            continue
        if isinstance(value, str):
            texts.append((name, _NO_XML.sub("\ufffd", value)))
            if _NO_XML.search(value):
                texts.append((f"{name}_exact", json.dumps(value)))
        elif isinstance(value, list):
            texts.append((name, _array(name, value)))
        else:
            texts.append((name, repr(value)))
    return texts


def _array(name: str, items: list[str]) -> str:
    """A JSON array; what is JSON itself is an object in it, not a string of JSON."""
    if name in ("mentions", "qualifiers", "evidence"):
        return "[" + ",".join(items) + "]"
    plain = json.dumps(items, ensure_ascii=False)
    return json.dumps(items) if _NO_XML.search(plain) else plain
