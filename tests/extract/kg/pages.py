"""Documents and graphs for pages: scripts of both directions, emoji, nesting, markup as text."""

from __future__ import annotations

from collections.abc import Sequence

from extract.kg.structures import (
    Fact,
    FactQualifier,
    Graph,
    Mention,
    Node,
    Statement,
    StatementQualifier,
    Value,
)
from extract.structures import Document, Entity, Qualifier, Sentence, Span, Token, Triple

ATTACK = "</script><script>alert(1)</script>"
IMAGE = '<img src=x onerror="alert(2)">'

Part = tuple[str, str]  # text, type


def document(
    id: str, *sentences: tuple[str, Sequence[Part], Sequence[tuple[int, str, int, float]]]
) -> Document:
    """A document of sentences, each a text, its entities, and triples of entity numbers.

    An entity stands where its text is found first, from 0 on; every entity gets a word of its own.
    """
    text, made = "", []
    for words, parts, triples in sentences:
        start = len(text)
        text += words + "\n"
        made.append(_sentence(words, start, parts, triples))
    return Document(text, tuple(made), id, "made-by-hand 1.0.0")


def _sentence(
    words: str, start: int, parts: Sequence[Part], triples: Sequence[tuple[int, str, int, float]]
) -> Sentence:
    entities = []
    for number, (surface, label) in enumerate(parts):
        at = start + words.index(surface)
        span = Span(number, number + 1)
        entities.append(Entity(span, at, at + len(surface), surface, label))
    tokens = tuple(Token(e.text, e.start_char, e.end_char) for e in entities)
    extent = (start, start + len(words))
    facts = [
        Triple(entities[s], relation, entities[o], (), None, extent, score)
        for s, relation, o, score in triples
    ]
    return Sentence(tokens, tuple(entities), tuple(facts))


def with_qualifier(found: Document, label: str, surface: str) -> Document:
    """The document with a qualifier at the first triple of its first sentence."""
    first = found.sentences[0]
    value = next(entity for entity in first.entities if entity.text == surface)
    head, *rest = first.triples
    qualified = Triple(
        *(head.subject, head.relation, head.object, (Qualifier(label, value, None, 0.8),)),
        *(head.relation_id, head.sentence, head.score),
    )
    changed = Sentence(first.tokens, first.entities, (qualified, *rest))
    return Document(found.text, (changed, *found.sentences[1:]), found.id, found.model)


def documents() -> list[Document]:
    """Three documents: plain, of hard scripts, and hostile."""
    plain = document(
        "plain",
        (
            "Ada Lind studied at Northern University of Oslo until 2004.",
            [
                ("Ada Lind", "PER"),
                ("Northern University of Oslo", "ORG"),
                ("Oslo", "LOC"),
                ("2004", "TIME"),
            ],
            [(0, "educated at", 1, 0.9), (1, "located in", 2, 0.6)],
        ),
        ("Nothing is said here.", [], []),
        (
            "Bo Berg leads Northwind.",
            [("Bo Berg", "PER"), ("Northwind", "ORG")],
            [(0, "leads", 1, 0.4)],
        ),
    )
    hard = document(
        "hard",
        (
            "😀👩‍🔬 Zoë 🧪 met 𝒳-Labs 🎉 in 𐍈town.",
            [("Zoë 🧪", "PER"), ("𝒳-Labs 🎉", "ORG"), ("𐍈town", "LOC")],
            [(0, "met", 1, 0.7), (1, "based in", 2, 0.5)],
        ),
        (
            "עברית 😀 נולד דוד בירושלים.",
            [("דוד", "PER"), ("ירושלים", "LOC")],
            [(0, "place of birth", 1, 0.8)],
        ),
    )
    hostile = document(
        ATTACK,
        (
            f"{ATTACK} owns {IMAGE} & <b>bold</b> \u202e evil.",
            [(ATTACK, "<i>PER</i>"), (IMAGE, 'ORG" onclick="alert(3)'), ("<b>bold</b>", "PER")],
            [(0, "owns <script>alert(4)</script>", 1, 0.55), (1, "'];alert(5);//", 2, 0.45)],
        ),
    )
    return [with_qualifier(plain, "end time", "2004"), hard, hostile]


def graph() -> Graph:
    """Two people, a place and a date; one statement has two sentences, one a qualifier."""
    nodes = {
        "a": Node("a", "Ada Lind", "PER", ("A. Lind",), ("a",), ()),
        "b": Node("b", "Bo Berg", "PER", (), ("b",), ()),
        "o": Node("o", "Oslo", "LOC", (), ("o",), ()),
    }
    born = Value("1980-05-01", "date", "1 May 1980")
    first = _fact(
        "d1", "😀 Ada Lind lives in Oslo since 2004.", "Ada Lind", "residence", "Oslo", 0.8
    )
    since = Mention("d1", 31, 35, "2004", "TIME")
    first = Fact(
        *(first.subject, first.relation, first.relation_id, first.object),
        *((FactQualifier("start time", None, since, 0.7),), first.score),
        *(first.sentence, first.sentence_text, first.model),
    )
    second = _fact("d2", "In Oslo, A. Lind is at home.", "A. Lind", "residence", "Oslo", 0.5)
    date = _fact("d1", "Bo Berg was born on 1 May 1980.", "Bo Berg", "born", "1 May 1980", 0.6, 40)
    statements = [
        Statement(
            *("s1", "a", "residence", "P551", "o"),
            *((StatementQualifier("start time", None, Value("2004", "gYear", "2004"), 0.7),), 0.9),
            (first, second),
        ),
        Statement("s2", "b", "born", None, born, (), 0.6, (date,)),
    ]
    return Graph(nodes, {statement.id: statement for statement in statements})


def _fact(
    document: str, text: str, subject: str, relation: str, object: str, score: float, start: int = 0
) -> Fact:
    """A fact of a sentence that starts at a character of its document."""

    def mention(surface: str) -> Mention:
        at = start + text.index(surface)
        return Mention(document, at, at + len(surface), surface, "THING")

    extent = (start, start + len(text))
    ends = (mention(subject), mention(object))
    return Fact(ends[0], relation, None, ends[1], (), score, extent, text, "made-by-hand 1.0.0")
