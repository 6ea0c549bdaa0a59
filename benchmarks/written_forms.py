"""How a knowledge base writes what a sentence says: `1983-10-03` for October 3rd, 1983.

Text2KGBench compares strings, and its ground truth holds labels of Wikidata and DBpedia, not the words of the
sentence. What the ends of a relation's triples look like is learnt from the train part: which of a few forms
most of them have, and the label of each name that was seen.
"""

from __future__ import annotations

import re
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field

from corpora.surface import find_surface, fold, fold_words
from corpora.surface_values import MONTHS, Date, is_month, parse_number
from extract.encoder.words import split_words
from extract.evaluation.text2kgbench import Strings

_DAY = re.compile(r"([0-9]{1,2})(?:st|nd|rd|th)?")
_YEAR = re.compile(r"[12][0-9]{3}")
_PARTS = re.compile(r"[_\s]+")
_REMARK = re.compile(r"[_ ]\([^()]+\)$")
SUBJECT, OBJECT = 0, 2


def day_of(text: str) -> Date | None:
    """The year, month and day that a text states, with January 1 for a mere year; None for anything else."""
    words = [word for word in fold_words(text) if word not in (",", ".", "of", "the")]
    if len(words) == 1 and _YEAR.fullmatch(words[0]):
        return int(words[0]), 1, 1
    if len(words) != 3 or not _YEAR.fullmatch(words[2]):
        return None
    for month in range(1, 13):
        for at in (0, 1):
            day = _DAY.fullmatch(words[1 - at])
            if is_month(words[at], month) and day and 1 <= int(day[1]) <= 31:
                return int(words[2]), month, int(day[1])
    return None


def _named_day(text: str) -> str | None:
    date = day_of(text)
    return f"{date[2]:02d} {MONTHS[date[1] - 1]} {date[0]}" if date is not None else None


def _iso_day(text: str) -> str | None:
    date = day_of(text)
    return "{:04d}-{:02d}-{:02d}".format(*date) if date is not None else None


def _whole_number(text: str) -> str | None:
    value = parse_number(text)
    return str(int(value)) if value is not None and value == int(value) else None


def _decimal_number(text: str) -> str | None:
    value = parse_number(text)
    return str(value) if value is not None else None


def _quoted(text: str) -> str:
    return f'"{text}"'


def _quoted_day(text: str) -> str | None:
    day = _iso_day(text)
    return _quoted(day) if day is not None else None


def _language(text: str) -> str:
    return f"{text} language"


Form = Callable[[str], str | None]  # None: the text has no such form
FORMS: tuple[Form, ...] = (
    *(_named_day, _iso_day, _quoted_day),
    *(_whole_number, _decimal_number, _quoted, _language),
)


End = tuple[str, int]  # a relation, and 0 for its subjects or 2 for its objects


@dataclass
class WrittenForms:
    """Labels for the names of a sentence; made by `learn`.

    forms: by relation and end, what most of its labels look like where that is not as the sentence has it.
    labels: by relation and folded name, and by name alone (relation ""), the label.
    """

    forms: dict[End, Form] = field(default_factory=dict)
    labels: dict[tuple[str, str], str] = field(default_factory=dict)

    @classmethod
    def learn(cls, sentences: Iterable[tuple[str, list[Strings]]]) -> WrittenForms:
        """What sentences with their triples show, as far as the triples' ends stand in them."""
        pairs: dict[End, list[tuple[str, str]]] = defaultdict(list)
        seen: dict[tuple[str, str], Counter[str]] = defaultdict(Counter)
        for text, triples in sentences:
            names = Names(text)
            for triple in triples:
                for end in (SUBJECT, OBJECT):
                    if (name := names.find(triple[end])) is not None:
                        pairs[triple[1], end].append((name, triple[end]))
                        seen[triple[1], _key(name)][triple[end]] += 1
                        seen["", _key(name)][triple[end]] += 1
        forms = {end: _best_form(own) for end, own in pairs.items()}
        return cls(
            {end: form for end, form in forms.items() if form is not None},
            {key: max(sorted(labels), key=lambda s: labels[s]) for key, labels in seen.items()},
        )

    def write(self, triple: Strings) -> Strings:
        """The triple with its ends as the knowledge base writes them."""
        subject, relation, object_ = triple
        return (
            self._written((relation, SUBJECT), subject),
            relation,
            self._written((relation, OBJECT), object_),
        )

    def _written(self, end: End, name: str) -> str:
        """A label that was seen goes before a form, and the relation's own before that of others."""
        key = _key(name)
        label = self.labels.get((end[0], key)) or self.labels.get(("", key))
        if label is not None:
            return label
        form = self.forms.get(end)
        return (form(name) if form is not None else None) or name


class Names:
    """The names of a sentence by the labels that a knowledge base has for them."""

    def __init__(self, text: str) -> None:
        self._text = text
        self._tokens = split_words(text)
        self.words = [fold(token.text) for token in self._tokens]

    def find(self, label: str) -> str | None:
        """What the sentence writes for a label; None if it does not name it."""
        span = find_surface(self.words, label)
        if span is None:
            return None
        return self._text[self._tokens[span[0]].start_char : self._tokens[span[1] - 1].end_char]


def _key(name: str) -> str:
    return " ".join(fold_words(name))


def _best_form(pairs: list[tuple[str, str]]) -> Form | None:
    """The form that most labels have; None if as many are as the sentence has them."""
    remarks = Counter(found[0] for _, label in pairs if (found := _REMARK.search(label)))
    known = (*FORMS, *(_remarked(remark) for remark, _ in remarks.most_common(3)))

    def hits(form: Form) -> int:
        return sum(_same(form(name), label) for name, label in pairs)

    best = max(known, key=hits)
    return best if hits(best) > hits(lambda name: name) else None


def _remarked(remark: str) -> Form:
    """The form with a remark in brackets, such as (album), that tells namesakes apart."""
    return lambda name: name + remark


def _same(written: str | None, label: str) -> bool:
    if written is None:
        return False
    return _PARTS.sub("", written).lower() == _PARTS.sub("", label).lower()
