"""What the probes of a corpus part are to tell: labels of words, of gold spans and of pairs of them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import permutations

import numpy as np
import numpy.typing as npt

from extract.layers.states import word_starts
from extract.structures import Sentence

OUTSIDE, BEGIN, INSIDE = "O", "B", "I"
NO_RELATION = "none"


@dataclass(frozen=True, slots=True)
class Labelled:
    """Examples of one probe: what each is made of, its label, and the sentence it stands in.

    rows: word (examples,), or span (examples, 2) as half-open rows of the part's words, or pair
    (examples, 2) as places in the spans. labels, sentences: (examples,).
    """

    rows: npt.NDArray[np.int64]
    labels: npt.NDArray[np.str_]
    sentences: npt.NDArray[np.int64]

    def __len__(self) -> int:
        return len(self.labels)


@dataclass(frozen=True, slots=True)
class Gold:
    """The examples of the three probes; `n_further_relations` counts those beyond a pair's first."""

    words: Labelled
    spans: Labelled
    pairs: Labelled
    n_further_relations: int


def gold_of(sentences: Sequence[Sentence]) -> Gold:
    """Words as B, I or O; every gold span once, with its first label; every ordered pair of two
    spans of a sentence with its first relation or `none`."""
    starts = word_starts(sentences)
    tags: list[str] = []
    spans: list[tuple[int, int, str, int]] = []
    pairs: list[tuple[int, int, str, int]] = []
    n_relations = 0
    for number, sentence in enumerate(sentences):
        tags += word_tags(sentence)
        labels = {entity.span: entity.label for entity in reversed(sentence.entities)}
        found = sorted(labels)
        place = {span: len(spans) + at for at, span in enumerate(found)}
        first = int(starts[number])
        spans += [(first + s.start_word, first + s.end_word, labels[s], number) for s in found]
        triples = {(t.subject.span, t.relation, t.object.span) for t in sentence.triples}
        n_relations += sum(subject != object_ for subject, _, object_ in triples)
        relation = {(t.subject.span, t.object.span): t.relation for t in reversed(sentence.triples)}
        pairs += [
            (place[a], place[b], relation.get((a, b), NO_RELATION), number)
            for a, b in permutations(found, 2)
        ]
    words = Labelled(
        np.arange(len(tags)),
        np.array(tags, dtype=np.str_),
        np.repeat(np.arange(len(sentences)), np.diff(starts)),
    )
    related = sum(label != NO_RELATION for _, _, label, _ in pairs)
    return Gold(words, _labelled(spans), _labelled(pairs), n_relations - related)


def word_tags(sentence: Sentence) -> list[str]:
    """Each word as B (an entity begins), I (inside one, and none begins) or O."""
    tags = [OUTSIDE] * len(sentence)
    for entity in sentence.entities:
        tags[entity.span.start_word : entity.span.end_word] = [INSIDE] * len(entity.span)
    for entity in sentence.entities:
        tags[entity.span.start_word] = BEGIN
    return tags


def _labelled(rows: list[tuple[int, int, str, int]]) -> Labelled:
    return Labelled(
        np.array([row[:2] for row in rows], np.int64).reshape(-1, 2),
        np.array([row[2] for row in rows], dtype=np.str_),
        np.array([row[3] for row in rows], np.int64),
    )
