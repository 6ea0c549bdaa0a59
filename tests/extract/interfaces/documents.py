"""A hand-made document with everything the output formats have to show."""

from __future__ import annotations

from extract.structures import Document, Entity, Qualifier, Sentence, Span, Token, Triple

TEXT = "Zoë Å. left\nthe \x1b[31mBank\x07 in 1967."


def _entity(text: str, label: str, word: int, score: float = 0.9) -> Entity:
    start = TEXT.index(text)
    return Entity(Span(word, word + 1), start, start + len(text), text, label, score)


def document(id: str = "doc-1") -> Document:
    """One sentence, three entities, one triple with one qualifier."""
    person, bank, year = (
        _entity("Zoë Å.", "PER", 0),
        _entity("Bank", "ORG", 1),
        _entity("1967", "TIME", 2),
    )
    triple = Triple(
        person,
        "left, then",
        bank,
        (Qualifier("end time", year, "P582", 0.81234),),
        "P1",
        (0, len(TEXT)),
        0.93456,
    )
    tokens = tuple(Token(e.text, e.start_char, e.end_char) for e in (person, bank, year))
    sentence = Sentence(tokens, (person, bank, year), (triple,))
    return Document(TEXT, (sentence,), id, "made-by-hand 1.0.0")
