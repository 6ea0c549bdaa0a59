"""What the commands of `tripack graph` share: their options, and opening the store."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from extract.errors import StoreError

if TYPE_CHECKING:
    from extract.kg.store import GraphStore

Store = Annotated[Path, typer.Option("--store", metavar="FOLDER", help="The graph's folder.")]
Json = Annotated[bool, typer.Option("--json", help="Print JSON, also on a terminal.")]


def open_store(folder: Path, *, write: bool = False, create: bool = False) -> GraphStore:
    """The store in a folder, to be used in a `with` block.

    Raises `StoreError` if what stores need is not installed.
    """
    require_graph()
    from extract.kg.store import GraphStore

    return GraphStore(folder, write=write, create=create)


def require_graph() -> None:
    """Raise `StoreError` unless the extra `graph` is installed."""
    try:
        import filelock  # noqa: F401
        import pyoxigraph  # noqa: F401
    except ImportError as error:
        raise StoreError(
            f"Graphs need the package {error.name}. Install it by: pip install 'tripack[graph]'."
        ) from error


def note_if_behind(store: GraphStore) -> None:
    """Say on standard error that a run was interrupted before the graph followed from its documents."""
    if not store.is_current:
        print(
            "tripack: note: the graph is behind its documents, since a run was interrupted or another "
            f"version made it; finish it by: tripack graph add --store {store.folder}",
            file=sys.stderr,
        )


def wants_json(json_: bool) -> bool:
    """Whether to print JSON: when asked, and into a pipe or file."""
    return json_ or not on_terminal()


def on_terminal() -> bool:
    """Whether a person reads standard output."""
    return sys.stdout.isatty()
