"""Documents as tables for people: coloured on a terminal, plain in a file or with NO_COLOR."""

from __future__ import annotations

import sys
import unicodedata

from rich.console import Console
from rich.table import Table
from rich.text import Text

from extract.interfaces.io.writers import Writer
from extract.structures import Document, Entity, Removed, Triple

_PLAIN_WIDTH = 100  # columns where there is no terminal to ask
_MAX_TITLE = 60


class TableWriter(Writer):
    """A table of triples, qualifiers indented below theirs, then the entities, then what was removed."""

    def __init__(self, *, terminal: bool | None = None, width: int | None = None) -> None:
        is_terminal = sys.stdout.isatty() if terminal is None else terminal
        self._console = Console(
            file=sys.stdout,
            force_terminal=is_terminal,
            width=width if width is not None or is_terminal else _PLAIN_WIDTH,
            highlight=False,
            emoji=False,
        )

    def render(self, document: Document) -> str:
        """The document's tables and one empty line."""
        with self._console.capture() as capture:
            title = visible(document.text[: _MAX_TITLE + 1])
            if len(title) > _MAX_TITLE:
                title = title[:_MAX_TITLE] + "…"
            self._console.print(Text.assemble((f"{document.id}  ", "bold"), (title, "dim")))
            triples = list(document.triples)
            if triples:
                self._console.print(_triple_table(triples))
            else:
                self._console.print(Text("No triples found.", style="italic"))
            entities = list(document.entities)
            if entities:
                self._console.print()
                self._console.print(_entity_table(entities))
            if removed := document.removed:
                self._console.print()
                self._console.print(_removed_table(removed))
            self._console.print()
        return capture.get()


def visible(text: str) -> str:
    """The text with white space as blanks and control characters made visible.

    Control characters of a document would otherwise move the cursor or change the terminal.
    """
    return "".join(map(_visible_character, text))


def _visible_character(character: str) -> str:
    if character.isspace():
        return " "
    if unicodedata.category(character) != "Cc":
        return character
    # U+2400.. are the pictures of the control characters 0-31; DEL and the C1 range have none.
    return chr(0x2400 + ord(character)) if character < " " else "\ufffd"


def _mention(entity: Entity) -> Text:
    return Text.assemble(visible(entity.text), (f" {entity.start_char}-{entity.end_char}", "dim"))


def _triple_table(triples: list[Triple]) -> Table:
    table = Table(box=None, pad_edge=False, header_style="bold")
    for name in ("subject", "relation", "object"):
        table.add_column(name, overflow="fold")
    table.add_column("score", justify="right", no_wrap=True)
    for triple in triples:
        table.add_row(
            _mention(triple.subject),
            Text(visible(triple.relation), style="green"),
            _mention(triple.object),
            f"{triple.score:.2f}",
        )
        for qualifier in triple.qualifiers:
            label = Text(f"  {visible(qualifier.label)}", style="yellow")
            table.add_row("", label, _mention(qualifier.value), f"{qualifier.score:.2f}")
    return table


def _entity_table(entities: list[Entity]) -> Table:
    table = Table(box=None, pad_edge=False, header_style="bold")
    table.add_column("entity", overflow="fold")
    table.add_column("type", style="cyan")
    table.add_column("characters", style="dim", no_wrap=True)
    table.add_column("score", justify="right", no_wrap=True)
    for entity in entities:
        offsets = f"{entity.start_char}-{entity.end_char}"
        table.add_row(
            Text(visible(entity.text)), Text(visible(entity.label)), offsets, f"{entity.score:.2f}"
        )
    return table


def _removed_table(removed: list[Removed]) -> Table:
    table = Table(box=None, pad_edge=False, header_style="bold")
    table.add_column("removed", overflow="fold")
    table.add_column("score", justify="right", no_wrap=True)
    table.add_column("constraint", style="yellow", overflow="fold")
    table.add_column("in favour of", overflow="fold")
    for one in removed:
        table.add_row(
            _fact(one.what),
            f"{one.score:.2f}",
            Text(visible(one.constraint)),
            Text("\n").join(map(_fact, one.in_favour_of)),
        )
    return table


def _fact(fact: Entity | Triple) -> Text:
    if isinstance(fact, Entity):
        return Text.assemble(_mention(fact), (f" {visible(fact.label)}", "cyan"))
    text = Text.assemble(
        _mention(fact.subject), " ", (visible(fact.relation), "green"), " ", _mention(fact.object)
    )
    for qualifier in fact.qualifiers:
        text.append(", ").append(visible(qualifier.label), "yellow")
        text.append(" ").append_text(_mention(qualifier.value))
    return text
