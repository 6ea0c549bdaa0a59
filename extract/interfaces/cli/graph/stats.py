"""`tripack graph stats`: how much a graph holds."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from extract.interfaces.cli.graph.shared import Json, Store, note_if_behind, open_store, wants_json
from extract.interfaces.cli.printing import as_json, columns

if TYPE_CHECKING:
    from extract.kg.store import GraphStore


def stats(store: Store, json_: Json = False) -> None:
    """Count what a graph holds: documents, entities before and after resolution, statements, size."""
    with open_store(store) as opened:
        note_if_behind(opened)
        found = _found(opened)
    print(as_json(found) if wants_json(json_) else _table(found))


def _found(store: GraphStore) -> dict[str, Any]:
    return store.counts().to_dict() | {
        "quads": len(store.rdf),
        "bytes": store.n_bytes,
        "verdicts": len(store.verdicts()),
        "style": store.settings.style,
        "namespace": store.settings.namespace,
        "current": store.is_current,
    }


def _table(found: dict[str, Any]) -> str:
    counts = [
        ("documents", found["documents"]),
        ("mentions", found["mentions"]),
        ("entities before resolution", found["names"]),
        ("entities", found["entities"]),
        ("statements", found["statements"]),
        ("evidence", found["evidence"]),
        ("qualifiers", found["qualifiers"]),
        ("verdicts of users", found["verdicts"]),
        ("RDF quads", f"{found['quads']} ({found['style']}, {found['namespace']})"),
        ("size on disk", f"{found['bytes'] / 1e6:.1f} MB"),
    ]
    parts = [columns(counts)]
    if found["types"]:
        types = [(name or "(none)", n) for name, n in found["types"]]
        parts.append(columns([("entity type", "entities"), *types]))
    if found["relations"]:
        parts.append(columns([("most frequent relation", "statements"), *found["relations"]]))
    return "\n\n".join(parts)
