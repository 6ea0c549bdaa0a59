"""Cypher read by a grammar of others: that of openCypher, by ANTLR."""

from __future__ import annotations

from functools import lru_cache
from typing import Any

from antlr4 import CommonTokenStream, InputStream
from antlr4.error.ErrorListener import ErrorListener
from antlr4_cypher import CypherLexer, CypherParser

_CLAUSES = {
    "CreateSt",
    "DeleteSt",
    "MatchSt",
    "MergeSt",
    "RemoveSt",
    "ReturnSt",
    "SetSt",
    "UnwindSt",
}


class _Refusal(ErrorListener):  # type: ignore[misc]
    """Makes of the parser's complaints an error."""

    def syntaxError(
        self, recognizer: Any, symbol: Any, line: int, column: int, message: str, error: Any
    ) -> None:
        raise ValueError(f"line {line}, column {column}: {message}")


@lru_cache(maxsize=1024)
def clauses(statement: str) -> tuple[str, ...]:
    """The clauses of a statement, in order. Raises `ValueError` if it is none."""
    lexer = CypherLexer(InputStream(statement))
    parser = CypherParser(CommonTokenStream(lexer))
    for part in (lexer, parser):
        part.removeErrorListeners()
        part.addErrorListener(_Refusal())
    found: list[str] = []
    _walk(parser.script(), found)
    return tuple(found)


def _walk(tree: Any, found: list[str]) -> None:
    name = type(tree).__name__.removesuffix("Context")
    if name in _CLAUSES:
        found.append(name.removesuffix("St").lower())
    for child in getattr(tree, "children", None) or ():
        _walk(child, found)
