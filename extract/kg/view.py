"""Documents and graphs as one HTML file that needs no network: text with arcs, graph, list of statements.

A page is `head` and then a block of data for each document, or one for a graph; its scripts show what they
find when the file ends. So documents are written as they come, and a file cut off between two of them is
a whole page. The end tags of HTML's body are optional, and nothing follows the blocks.

The data never becomes markup: blocks are JSON in which `<` is escaped, and the scripts set text as text.
Besides, the page's Content Security Policy admits its own script and style by their hashes and nothing else.
"""

from __future__ import annotations

import base64
import hashlib
import json
from collections.abc import Iterable
from functools import cache
from html import escape
from importlib import resources
from typing import Any

from extract.kg.structures import Graph
from extract.kg.view_data import graph_data
from extract.structures import Document

_LICENCES = ("vendor/cytoscape.LICENSE", "vendor/d3.LICENSE")
_VENDORED = ("cytoscape", "d3-dispatch", "d3-quadtree", "d3-timer", "d3-force")
_OWN = (
    *("dom", "model", "state", "text", "arcs", "statements", "inspector", "filters"),
    *("layout", "graph", "page"),
)


def script() -> str:
    """The page's scripts, vendored ones first: one text to stand in a `script` element.

    Apart from showing the page's data blocks it defines `tripackView`, so that another page can show
    documents: `tripackView.showModel(element, tripackView.modelOfDocuments([document, ...]))`, where
    a document is what `Document.to_dict` gives.
    """
    licences = "\n".join(f"/*!\n{_asset(name)}\n*/" for name in _LICENCES)
    vendored = "\n".join(_asset(f"vendor/{name}.min.js") for name in _VENDORED)
    own = "\n".join(_asset(f"{name}.js") for name in _OWN)
    return f'{licences}\n{vendored}\n(() => {{\n"use strict";\n{own}}})();\n'


def style() -> str:
    """The page's style sheet."""
    return _asset("page.css")


@cache
def head(title: str) -> str:
    """The page up to its data."""
    scripts, styles = script(), style()
    policy = (
        f"default-src 'none'; script-src {_hash(scripts)}; style-src {_hash(styles)}; "
        "base-uri 'none'; form-action 'none'"
    )
    # Cytoscape.js adds no style of its own where an element has this id.
    return (
        '<!DOCTYPE html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n'
        f'<meta http-equiv="Content-Security-Policy" content="{policy}">\n'
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        f"<title>{escape(title)}</title>\n"
        f'<style id="__________cytoscape_stylesheet">{styles}</style>\n'
        f"<script>{scripts}</script>\n</head>\n<body>\n"
        '<div id="tripack-view"></div>\n'
        "<noscript><p>This page shows its data by its own script, which needs JavaScript.</p></noscript>\n"
    )


def document_block(document: Document) -> str:
    """A document as a block of data, to follow `head`."""
    return _block("document", document.to_dict())


def documents_page(documents: Iterable[Document], title: str = "tripack") -> str:
    """A page of documents: each triple a statement, mentions with one spelling and type a node."""
    return head(title) + "".join(map(document_block, documents))


def graph_page(graph: Graph, title: str = "tripack", *, most: int = 20_000) -> str:
    """A page of a graph, with the sentences of its evidence.

    Of more than `most` statements those of the highest scores are taken, and the page says so.
    """
    return head(title) + _block("graph", graph_data(graph, most))


def _block(name: str, data: dict[str, Any]) -> str:
    # Lone surrogates cannot be written as UTF-8; as escapes in JSON they can.
    text = json.dumps(data, ensure_ascii=False, separators=(",", ":")).replace("<", "\\u003c")
    safe = "".join(f"\\u{ord(c):04x}" if "\ud800" <= c <= "\udfff" else c for c in text)
    return f'<script type="application/json" data-tripack="{name}">{safe}</script>\n'


def _hash(text: str) -> str:
    digest = hashlib.sha256(text.encode("utf-8")).digest()
    return f"'sha256-{base64.b64encode(digest).decode('ascii')}'"


@cache
def _asset(name: str) -> str:
    return resources.files("extract.kg").joinpath("assets", name).read_text(encoding="utf-8")
