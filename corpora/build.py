"""From tokens, spans and surface strings to an Example: the steps every reader shares."""

from __future__ import annotations

import re
from bisect import bisect_right
from collections.abc import Iterable, Sequence

from corpora.base import Changes, Example
from corpora.files import Place
from extract.structures import Entity, Qualifier, Sentence, Span, Token, Triple

CONTEXT_WORDS = 150
_WORD = re.compile(r"\S+")

Ends = tuple[int, int]


class Draft:
    """A sentence in the making: tokens first, then entities and triples over them.

    Spans are given as half-open offsets into the tokens as the file has them. Blank tokens are
    left out of the sentence and spans moved to match. Equal entities are kept once; equal triples
    are merged and their qualifiers united. What changed is counted in the example's `changes`.
    """

    def __init__(self, text: str, tokens: Sequence[Token], place: Place) -> None:
        if not tokens:
            raise place.error("expected at least one word, got none.")
        self.text, self.tokens, self.place = text, tuple(tokens), place
        self._new = list(range(len(tokens) + 1))  # old token offset -> offset in the sentence
        self._entities: dict[tuple[Span, str], Entity] = {}
        self._triples: dict[tuple[Span, str, Span], Triple] = {}
        self._unaligned: list[tuple[str, str, str]] = []
        self._counts = dict.fromkeys(Changes.__dataclass_fields__, 0)

    @classmethod
    def of_tokens(cls, words: Sequence[str], place: Place) -> Draft:
        """A draft whose text is the words joined by one space."""
        tokens, new, at = [], [0], 0
        for word in words:
            if word.strip():
                tokens.append(Token(word, at, at + len(word)))
                at += len(word) + 1
            new.append(len(tokens))
        draft = cls(" ".join(token.text for token in tokens), tokens, place)
        draft._new = new
        draft._counts["dropped_tokens"] = len(words) - len(tokens)
        return draft

    @classmethod
    def of_spaced_text(cls, text: str, place: Place) -> Draft:
        """A draft whose words are the stretches of `text` between white space."""
        tokens = [Token(match.group(), *match.span()) for match in _WORD.finditer(text)]
        return cls(text, tokens, place)

    def entity(self, start: int, end: int, label: str) -> Entity | None:
        """Add the entity of the tokens `start` up to, not including, `end`.

        None if all its tokens are blank. Raises `CorpusError` for a span outside the sentence.
        """
        if not 0 <= start < end < len(self._new):
            raise self.place.error(
                f"expected a span within the {len(self._new) - 1} tokens of the sentence, "
                f"got tokens {start} to {end} (end not included)."
            )
        if not label:
            raise self.place.error(f"expected a label for tokens {start} to {end}, got ''.")
        start, end = self._new[start], self._new[end]
        if start == end:
            self._counts["dropped_entities"] += 1
            return None
        span = Span(start, end)
        if (span, label) in self._entities:
            self._counts["merged_entities"] += 1
        else:
            chars = self.tokens[start].start_char, self.tokens[end - 1].end_char
            entity = Entity(span, *chars, self.text[slice(*chars)], label)
            self._entities[span, label] = entity
        return self._entities[span, label]

    def entity_of_chars(self, start: int, end: int, label: str) -> Entity | None:
        """Add the entity of these characters, expanded to whole words; None if it holds no word.

        For texts cut into words here, by `split_words`. Raises `CorpusError` for a span that is
        empty or ends outside the text.
        """
        if not 0 <= start < end <= len(self.text):
            raise self.place.error(
                f"expected a span within the {len(self.text)} characters of the text, "
                f"got {start} to {end} (end not included)."
            )
        words = words_of_chars(self.tokens, start, end)
        if words is None:
            self._counts["dropped_entities"] += 1
            return None
        n_merged = self._counts["merged_entities"]
        entity = self.entity(*words, label)
        known = self._counts["merged_entities"] > n_merged
        if entity is not None and not known:
            inner = self.text[start:end].strip()
            self._counts["expanded_entities"] += len(entity.text) > len(inner)
        return entity

    def known(self, start: int, end: int) -> Entity | None:
        """The first entity added for these tokens, whatever its label; None if there is none."""
        if not 0 <= start < end < len(self._new):
            return None
        span = self._new[start], self._new[end]
        for (other, _), entity in self._entities.items():
            if (other.start_word, other.end_word) == span:
                return entity
        return None

    def mention(self, start: int, end: int, label: str) -> Entity:
        """The entity a relation names by its tokens; added if the file does not list it."""
        entity = self.known(start, end) or self.entity(start, end, label)
        if entity is None:
            raise self.place.error(
                f"expected the ends of a relation to hold words, got blank tokens {start} to {end}."
            )
        return entity

    def mention_of_chars(self, start: int, end: int, label: str) -> Entity | None:
        """The entity a relation names by its characters and its label, added if none is listed there.

        Raises `CorpusError` if only others are.
        """
        words = words_of_chars(self.tokens, start, end)
        if words is None or (other := self.known(*words)) is None:
            return self.entity_of_chars(start, end, label)
        found = self._entities.get((other.span, label))
        if found is None:
            raise self.place.error(
                f"expected a label that {other.text[:60]!r} has among the entities, such as "
                f"{other.label!r}, got {label!r}."
            )
        return found

    def triple(
        self,
        subject: Entity,
        relation: str,
        object_: Entity,
        qualifiers: Iterable[Qualifier] = (),
        relation_id: str | None = None,
    ) -> None:
        """Add a triple; one with these spans and this relation takes up the qualifiers instead."""
        if not relation:
            raise self.place.error(f"expected a relation for {subject.text!r}, got ''.")
        key = subject.span, relation, object_.span
        known = self._triples.get(key)
        if known is not None:
            self._counts["merged_triples"] += 1
        old = known.qualifiers if known is not None else ()
        united = tuple(dict.fromkeys((*old, *qualifiers)))
        sentence = self.tokens[0].start_char, self.tokens[-1].end_char
        first = known or Triple(subject, relation, object_, (), relation_id, sentence)
        self._triples[key] = Triple(
            first.subject, relation, first.object, united, first.relation_id, sentence
        )

    def unaligned(self, subject: str, relation: str, object_: str) -> None:
        """Keep a triple whose ends do not both stand in the sentence."""
        self._unaligned.append((subject, relation, object_))

    def count(self, what: str, n: int = 1) -> None:
        """Add to one of the fields of `Changes`."""
        self._counts[what] += n

    def finish(
        self, id: str, doc_id: str = "", left: Sequence[str] = (), right: Sequence[str] = ()
    ) -> Example:
        """The example; a sentence without a document is a document of its own."""
        sentence = Sentence(
            tokens=self.tokens,
            entities=tuple(sorted(self._entities.values(), key=lambda e: (e.span, e.label))),
            triples=tuple(self._triples.values()),
            id=id,
            doc_id=doc_id or id,
            left_context=tuple(left),
            right_context=tuple(right),
        )
        return Example(self.text, sentence, tuple(self._unaligned), Changes(**self._counts))


def words_of_chars(tokens: Sequence[Token], start: int, end: int) -> Ends | None:
    """The words, half-open, that share a character with `start` up to `end`; None if none does."""
    first = bisect_right([token.end_char for token in tokens], start)
    last = first
    while last < len(tokens) and tokens[last].start_char < end:
        last += 1
    return (first, last) if last > first else None


def find_words(words: Sequence[str], wanted: Sequence[str]) -> Ends | None:
    """Where `wanted` first stands in `words`, half-open; None if nowhere."""
    n = len(wanted)
    for start in range(len(words) - n + 1 if n else 0):
        if words[start] == wanted[0] and list(words[start : start + n]) == list(wanted):
            return start, start + n
    return None


def contexts(
    sentences: Sequence[Sequence[str]], n_words: int = CONTEXT_WORDS
) -> list[tuple[list[str], list[str]]]:
    """For each sentence, up to `n_words` words before it and after it in the document."""
    words = [[word for word in sentence if word.strip()] for sentence in sentences]
    flat = [word for sentence in words for word in sentence]
    result, at = [], 0
    for sentence in words:
        end = at + len(sentence)
        result.append((flat[max(0, at - n_words) : at], flat[end : end + n_words]))
        at = end
    return result


class UniqueIds:
    """Gives back each id as it is, and with a number where it was given before."""

    def __init__(self) -> None:
        self._given: dict[str, int] = {}  # id -> how often it was asked for or given

    def __call__(self, id: str) -> str:
        unique = id
        while unique in self._given:
            self._given[id] += 1
            unique = f"{id}#{self._given[id]}"
        self._given[unique] = 1
        return unique
