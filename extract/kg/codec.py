"""The facts of a document as JSON and back, losing nothing."""

from __future__ import annotations

import json
from typing import Any

from extract.kg.structures import DocumentFacts, Fact, FactQualifier, Mention


def to_json(facts: DocumentFacts) -> str:
    """The facts as one line of JSON; mentions as [start, end, text, type] of the one document."""
    return json.dumps(
        {
            "document": facts.document,
            "digest": facts.digest,
            "model": facts.model,
            "mentions": [_plain(mention) for mention in facts.mentions],
            "facts": [_plain_fact(fact) for fact in facts.facts],
        },
        # ASCII: a lone surrogate of the text survives as an escape.
        ensure_ascii=True,
        separators=(",", ":"),
    )


def from_json(line: str) -> DocumentFacts:
    """The facts that `to_json` wrote."""
    record = json.loads(line)
    document = record["document"]
    return DocumentFacts(
        document,
        record["digest"],
        record["model"],
        tuple(Mention(document, *mention) for mention in record["mentions"]),
        tuple(_fact(fact, document) for fact in record["facts"]),
    )


def _plain(mention: Mention) -> list[Any]:
    return [mention.start, mention.end, mention.text, mention.type]


def _plain_fact(fact: Fact) -> dict[str, Any]:
    return {
        "subject": _plain(fact.subject),
        "relation": [fact.relation, fact.relation_id],
        "object": _plain(fact.object),
        "qualifiers": [[q.label, q.label_id, _plain(q.value), q.score] for q in fact.qualifiers],
        "score": fact.score,
        "sentence": [*fact.sentence, fact.sentence_text],
        "model": fact.model,
    }


def _fact(plain: dict[str, Any], document: str) -> Fact:
    start, end, text = plain["sentence"]
    relation, relation_id = plain["relation"]
    return Fact(
        Mention(document, *plain["subject"]),
        relation,
        relation_id,
        Mention(document, *plain["object"]),
        tuple(
            FactQualifier(label, id, Mention(document, *value), score)
            for label, id, value, score in plain["qualifiers"]
        ),
        plain["score"],
        (start, end),
        text,
        plain["model"],
    )
