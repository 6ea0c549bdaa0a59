"""Documents of the JSON Lines output, made from texts with marked mentions."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any

from extract.kg.builder import build_graph
from extract.kg.facts import facts_of
from extract.kg.resolve import Resolution, ResolutionConfig, resolve
from extract.kg.structures import DocumentFacts, Graph, Mention, Node

_MARKED = re.compile(r"\[([^\]|]+)(?:\|(\w*))?\]")
Triple = tuple[Any, ...]  # what `_triple` takes


def document(id: str, marked: str, triples: Sequence[Triple] = ()) -> dict[str, Any]:
    """`[John Smith|PER] was born in [1967|TIME]`; a mention without `|` has no type.

    Triples name mentions by their number in the text; qualifiers are (label, mention, score).
    """
    text, entities = "", []
    last = 0
    for found in _MARKED.finditer(marked):
        text += marked[last : found.start()]
        start, last = len(text), found.end()
        text += found[1]
        entities.append(
            {"text": found[1], "start": start, "end": len(text), "label": found[2] or None}
        )
    text += marked[last:]
    return {
        "id": id,
        "text": text,
        "entities": entities,
        "triples": [_triple(entities, text, *triple) for triple in triples],
        "model": "test 1",
    }


def _triple(
    entities: list[dict[str, Any]],
    text: str,
    subject: int,
    relation: str,
    object_: int,
    score: float = 0.5,
    qualifiers: Sequence[tuple[str, int, float]] = (),
) -> dict[str, Any]:
    return {
        "subject": entities[subject],
        "relation": relation,
        "relation_id": None,
        "object": entities[object_],
        "qualifiers": [
            {"label": label, "label_id": None, "value": entities[value], "score": own}
            for label, value, own in qualifiers
        ],
        "score": score,
        "sentence": [0, len(text)],
    }


def facts(*documents: dict[str, Any]) -> list[DocumentFacts]:
    """The facts of some documents."""
    return [facts_of(one) for one in documents]


def graph(*documents: dict[str, Any], **settings: Any) -> Graph:
    """The graph of some documents."""
    return build_graph(facts(*documents), **settings)


def node(graph: Graph, text: str) -> Node:
    """The one node that has a mention of this text."""
    (found,) = {
        n.id: n for n in graph.nodes.values() for m in n.mentions if m.text == text
    }.values()
    return found


def resolved(config: ResolutionConfig | None = None, **texts: str) -> Resolution:
    """The resolution of the mentions of marked texts, by document."""
    mentions = [m for id, text in texts.items() for m in facts_of(document(id, text)).mentions]
    return resolve(mentions, config)


def groups(resolution: Resolution) -> set[frozenset[str]]:
    """The texts that were resolved to one entity; those in a document of their own as "text@document"."""
    found: dict[str, set[str]] = {}
    for base in resolution.bases.values():
        names = {_name(base.document, mention) for mention in base.mentions}
        found.setdefault(resolution.canonical[base.id], set()).update(names)
    return {frozenset(names) for names in found.values()}


def _name(document: str | None, mention: Mention) -> str:
    return mention.text if document is None else f"{mention.text}@{document}"
