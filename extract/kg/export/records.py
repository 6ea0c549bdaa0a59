"""Mentions, qualifiers and evidence as plain values, the same in every format that is not RDF."""

from __future__ import annotations

import json
from typing import Any

from extract.kg.structures import Fact, Mention, StatementQualifier, Value

Record = dict[str, Any]


def mention_record(mention: Mention) -> Record:
    """Where an entity stands: characters `start` up to `end` of the document's text."""
    return {
        "document": mention.document,
        "start": mention.start,
        "end": mention.end,
        "text": mention.text,
        "type": mention.type,
    }


def value_record(value: str | Value) -> Record:
    """A node's identifier or a literal; the keys of the other are None."""
    if isinstance(value, str):
        return {"node": value, "lexical": None, "datatype": None, "text": None}
    return {
        "node": None,
        "lexical": value.lexical,
        "datatype": value.datatype,
        "text": value.text,
    }


def qualifier_record(qualifier: StatementQualifier) -> Record:
    """A qualifier of a statement, with its value's record."""
    return {
        "label": qualifier.label,
        "label_id": qualifier.label_id,
        **value_record(qualifier.value),
        "score": qualifier.score,
    }


def evidence_record(fact: Fact) -> Record:
    """One place that states the statement: its sentence, and the mentions of all its parts."""
    return {
        "document": fact.document,
        "sentence_start": fact.sentence[0],
        "sentence_end": fact.sentence[1],
        "sentence_text": fact.sentence_text,
        "subject": mention_record(fact.subject),
        "relation": fact.relation,
        "relation_id": fact.relation_id,
        "object": mention_record(fact.object),
        "qualifiers": [
            {
                "label": qualifier.label,
                "label_id": qualifier.label_id,
                "value": mention_record(qualifier.value),
                "score": qualifier.score,
            }
            for qualifier in fact.qualifiers
        ],
        "score": fact.score,
        "model": fact.model,
    }


def as_json(record: Any) -> str:
    """JSON in ASCII, on one line: no control character of a text is left in it, and none is lost."""
    return json.dumps(record, separators=(",", ":"))
