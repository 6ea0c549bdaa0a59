"""A graph as the plain values that its page reads (`assets/model.js`)."""

from __future__ import annotations

from typing import Any

from extract.kg.structures import Fact, Graph, Mention, Statement, Value


def graph_data(graph: Graph, most: int) -> dict[str, Any]:
    """Nodes, sentences and the `most` best-scored statements, which refer to both by number.

    Spans count characters (code points) of the sentence. Literals are nodes of their own, one a value.
    Nodes without a statement are left out.
    """
    ranked = sorted(graph.statements.values(), key=lambda statement: -statement.score)
    numbers = _Numbers(graph)
    statements = [numbers.statement(statement) for statement in ranked[:most]]
    return {
        "nodes": numbers.nodes,
        "passages": numbers.passages,
        "statements": statements,
        "models": sorted({f.model for s in ranked[:most] for f in s.evidence if f.model}),
        "left_out": len(ranked) - len(statements),
    }


class _Numbers:
    """Numbers nodes and sentences in the order in which statements name them."""

    def __init__(self, graph: Graph) -> None:
        self._graph = graph
        self._node_numbers: dict[str | Value, int] = {}
        self._passage_numbers: dict[tuple[str, int, int], int] = {}
        self.nodes: list[dict[str, Any]] = []
        self.passages: list[dict[str, Any]] = []

    def statement(self, statement: Statement) -> dict[str, Any]:
        return {
            "subject": self.node(statement.subject, None),
            "relation": statement.relation,
            "relation_id": statement.relation_id,
            "object": self.node(statement.object, statement.evidence[0].object),
            "score": round(statement.score, 4),
            "qualifiers": [
                {
                    "label": qualifier.label,
                    "value": self._graph.label(qualifier.value),
                    "score": round(qualifier.score, 4),
                }
                for qualifier in statement.qualifiers
            ],
            "evidence": [self.evidence(fact) for fact in statement.evidence],
        }

    def evidence(self, fact: Fact) -> dict[str, Any]:
        start = fact.sentence[0]
        return {
            "passage": self.passage(fact),
            "score": round(fact.score, 4),
            "subject": _span(fact.subject, start),
            "object": _span(fact.object, start),
            "qualifiers": [
                {
                    "label": qualifier.label,
                    "start": qualifier.value.start - start,
                    "end": qualifier.value.end - start,
                    "type": qualifier.value.type,
                }
                for qualifier in fact.qualifiers
            ],
        }

    def node(self, of: str | Value, mention: Mention | None) -> int:
        """The number of a node or literal; a literal has the type of the mention it was read from."""
        if of not in self._node_numbers:
            self._node_numbers[of] = len(self.nodes)
            self.nodes.append(self._described(of, mention))
        return self._node_numbers[of]

    def _described(self, of: str | Value, mention: Mention | None) -> dict[str, Any]:
        if isinstance(of, Value):
            kind = mention.type if mention is not None else None
            return {"label": of.text, "type": kind, "literal": of.datatype, "aliases": []}
        node = self._graph.nodes[of]
        return {"label": node.label, "type": node.type, "aliases": list(node.aliases)}

    def passage(self, fact: Fact) -> int:
        key = (fact.document, *fact.sentence)
        if key not in self._passage_numbers:
            self._passage_numbers[key] = len(self.passages)
            self.passages.append({"document": fact.document, "text": fact.sentence_text})
        return self._passage_numbers[key]


def _span(mention: Mention, start: int) -> list[int]:
    return [mention.start - start, mention.end - start]
