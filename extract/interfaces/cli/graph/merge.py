"""`tripack graph merge`, `unmerge`, `merges`, `explain`: which names are one entity, and why."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Annotated, Any

import typer

from extract.errors import InputError
from extract.interfaces.cli.graph.shared import Json, Store, open_store, wants_json
from extract.interfaces.cli.printing import as_json, columns

if TYPE_CHECKING:
    from extract.kg.lookup import Lookup
    from extract.kg.structures import Merge, Node

First = Annotated[str, typer.Argument(metavar="A", help="A label, an alias or an identifier.")]
Second = Annotated[str, typer.Argument(metavar="B", help="Another.")]
Because = Annotated[str, typer.Option("--because", help="Why; kept with the verdict.")]


def merge(
    first: First, second: Second, store: Store, because: Because = "", json_: Json = False
) -> None:
    """Say that two entities are one. `unmerge` takes it back."""
    with open_store(store, write=True) as opened:
        from extract.kg.lookup import Lookup
        from extract.kg.structures import Merge

        types = opened.settings.resolution.types
        known = Lookup(opened.graph(), types)
        one, other = known.node(first), known.node(second)
        if one.id == other.id:
            raise InputError(
                f"{first[:80]!r} and {second[:80]!r} are one entity already, {one.label[:80]!r}. "
                "`tripack graph explain` says why."
            )
        why = because or f"a user joined {one.label!r} and {other.label!r}"
        graph = opened.decide(Merge(one.id, other.id, "same", "user", why, 1.0))
        opened.derive(graph)
        after = Lookup(graph, types)
        _print_explained([after.node_of(one.id)], after, json_)


def unmerge(
    first: First, second: Second, store: Store, because: Because = "", json_: Json = False
) -> None:
    """Say that two names that were merged are two entities. `merge` takes it back."""
    with open_store(store, write=True) as opened:
        from extract.kg.lookup import Lookup
        from extract.kg.structures import Merge

        types = opened.settings.resolution.types
        one, other = Lookup(opened.graph(), types).joined_pair(first, second)
        why = because or f"a user told {one.base.texts[0]!r} and {other.base.texts[0]!r} apart"
        graph = opened.decide(Merge(one.base.id, other.base.id, "different", "user", why, 1.0))
        opened.derive(graph)
        after = Lookup(graph, types)
        _print_explained([after.node_of(m.base.id) for m in (one, other)], after, json_)


def explain(
    name: Annotated[str, typer.Argument(metavar="A", help="A label, an alias or an identifier.")],
    store: Store,
    json_: Json = False,
) -> None:
    """Explain an entity: the names merged into it, by which rule, and what users decided."""
    with open_store(store) as opened:
        from extract.kg.lookup import Lookup

        known = Lookup(opened.graph(), opened.settings.resolution.types)
        _print_explained(known.nodes(name), known, json_)


def merges(
    store: Store,
    rule: Annotated[
        str | None, typer.Option("--rule", help="Only those of this rule, such as user.")
    ] = None,
    json_: Json = False,
) -> None:
    """List all merges of a graph: which names were joined or kept apart, by which rule and why."""
    with open_store(store) as opened:
        from extract.kg.lookup import Lookup

        graph = opened.graph()
        known = Lookup(graph, opened.settings.resolution.types)
        chosen = [one for one in graph.merges if rule in (None, one.rule)]
        if rule is not None and not chosen:
            rules = sorted({one.rule for one in graph.merges})
            print(
                f"tripack: note: no merge is by rule {rule!r}; rules here: {', '.join(rules) or 'none'}",
                file=sys.stderr,
            )
        rows = _merges(chosen, known)
    print(as_json(rows) if wants_json(json_) else _merge_table(rows))


def _print_explained(nodes: list[Node], known: Lookup, json_: bool) -> None:
    found = [_explained(node, known) for node in {node.id: node for node in nodes}.values()]
    print(as_json(found) if wants_json(json_) else "\n\n".join(map(_text, found)))


def _explained(node: Node, known: Lookup) -> dict[str, Any]:
    own = set(node.members)
    touching = [one for one in known.graph.merges if own & {one.left, one.right}]
    return {
        "id": node.id,
        "label": node.label,
        "type": node.type,
        "aliases": list(node.aliases),
        "mentions": len(node.mentions),
        "members": [
            {
                "id": member.base.id,
                "texts": list(member.base.texts),
                "type": member.base.type,
                "mentions": len(member.base.mentions),
                "documents": list(member.base.documents),
            }
            for member in known.members(node)
        ],
        "merges": _merges(touching, known),
    }


def _merges(found: list[Merge], known: Lookup) -> list[dict[str, Any]]:
    ends = {known.node_of(end).id for merge in found for end in (merge.left, merge.right)}
    members = (member for id in ends for member in known.members(known.graph.nodes[id]))
    labels = {member.base.id: member.base.texts[0] for member in members}
    return [
        {
            "left": {"id": one.left, "text": labels[one.left]},
            "right": {"id": one.right, "text": labels[one.right]},
            "verdict": one.verdict,
            "rule": one.rule,
            "because": one.because,
            "score": round(one.score, 4),
        }
        for one in found
    ]


def _text(found: dict[str, Any]) -> str:
    from extract.interfaces.io.table import visible

    members = [
        (
            m["id"],
            visible(", ".join(m["texts"])),
            m["type"] or "",
            m["mentions"],
            len(m["documents"]),
        )
        for m in found["members"]
    ]
    parts = [
        f"{visible(found['label'])} ({found['type'] or 'no type'}), {found['id']}",
        columns([("merged", "texts", "type", "mentions", "documents"), *members]),
    ]
    if found["merges"]:
        parts.append(_merge_table(found["merges"]))
    return "\n".join(parts)


def _merge_table(rows: list[dict[str, Any]]) -> str:
    from extract.interfaces.io.table import visible

    if not rows:
        return "No merges."
    cells = [
        (
            visible(row["left"]["text"]),
            visible(row["right"]["text"]),
            row["verdict"],
            row["rule"],
            f"{row['score']:.2f}",
            visible(row["because"]),
        )
        for row in rows
    ]
    return columns([("one", "other", "verdict", "rule", "score", "because"), *cells])
