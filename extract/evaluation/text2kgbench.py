"""The seven measures of Text2KGBench: facts right, true to the ontology, and made up.

Mihindukulasooriya, Tiwari, Enguix and Lata 2023, Text2KGBench: A Benchmark for Ontology-Driven Knowledge
Graph Generation from Text, section 4; https://arxiv.org/abs/2308.02357. Details that the paper leaves open
are those of its published script (https://github.com/cenguix/Text2KGBench, src/evaluation/run_eval.py).

Differs from the script: sentences are told apart by this project's rules and not by NLTK's trained model,
whose data no package holds; of words only their stems matter, so that a full stop inside a text may count
otherwise. A relation may be written with blanks or with underscores.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, fields
from functools import lru_cache
from typing import Any

from extract.encoder.sentences import split_sentences
from extract.errors import TripackError
from extract.evaluation.score import check_pairs
from extract.structures import Sentence

Strings = tuple[str, str, str]  # subject, relation, object as they are written

_BLANK = re.compile(r"_|\s+")
_ANY_YEAR_DAY = (
    "01januari"  # stemmed "01 January", which stands before a year where only that is known
)


@dataclass(frozen=True, slots=True)
class Measures:
    """Means over sentences, each in [0, 1]; the last three are better when lower.

    `conformance` is the share of triples whose relation the ontology has, `relation_hallucination` the
    rest of them; the other two are the shares of triples whose subject or object stands neither in the
    sentence nor among the ontology's concepts.
    """

    precision: float
    recall: float
    f1: float
    conformance: float
    subject_hallucination: float
    relation_hallucination: float
    object_hallucination: float


@dataclass(frozen=True, slots=True)
class Stems:
    """The stems of a sentence and of an ontology's concepts; a name that is not among them is made up."""

    joined: str

    @classmethod
    def of(cls, sentence: str, concepts: Iterable[str]) -> Stems:
        """Raises `TripackError` without nltk."""
        # The script joins the first concept to the sentence's last word; so do we.
        return cls(_stemmed(sentence + " ".join(concepts)))

    def __contains__(self, name: str) -> bool:
        return _stemmed(name).replace(_ANY_YEAR_DAY, "") in self.joined


def measure(
    sentence: str,
    gold: Iterable[Strings],
    pred: Sequence[Strings],
    relations: Iterable[str],
    concepts: Iterable[str],
) -> Measures:
    """The measures of one sentence.

    Precision counts only predictions whose relation some gold triple of the sentence has, since the ground
    truth states only some of what a sentence says (a locally closed world). No such prediction: precision,
    recall and F1 are 0. No prediction at all: conformance is 1 and nothing is made up.

    Args:
        relations, concepts: labels of the ontology.

    Raises `TripackError` without nltk, by whose stemmer words are compared.
    """
    gold = list(gold)
    precision, recall, f1 = _closed_scores(gold, pred)
    if not pred:
        return Measures(precision, recall, f1, 1.0, 0.0, 0.0, 0.0)
    known = {_underscored(label) for label in relations}
    conformance = sum(_underscored(relation) in known for _, relation, _ in pred) / len(pred)
    stems = Stems.of(sentence, concepts)
    subjects, objects = (
        sum(triple[end] not in stems for triple in pred) / len(pred) for end in (0, 2)
    )
    return Measures(precision, recall, f1, conformance, subjects, 1 - conformance, objects)


def mean(measures: Sequence[Measures]) -> Measures:
    """The mean of each measure. Raises `ValueError` for an empty sequence."""
    if not measures:
        raise ValueError("Expected measures of at least one sentence, got none.")
    names = [field.name for field in fields(Measures)]
    return Measures(**{n: sum(getattr(m, n) for m in measures) / len(measures) for n in names})


def locally_closed_f1(gold: Sequence[Sentence], pred: Sequence[Sentence]) -> float:
    """Mean F1 of the sentences that have gold triples, by their texts, in a locally closed world.

    0 where no sentence has any. Raises `ValueError` for sentences that do not pair up.
    """
    check_pairs(gold, pred)
    scores = [
        _closed_scores(_strings(g), _strings(p))[2]
        for g, p in zip(gold, pred, strict=True)
        if g.triples
    ]
    return sum(scores) / len(scores) if scores else 0.0


def _strings(sentence: Sentence) -> list[Strings]:
    return [(t.subject.text, t.relation, t.object.text) for t in sentence.triples]


def _closed_scores(gold: list[Strings], pred: Sequence[Strings]) -> tuple[float, float, float]:
    judged = {_underscored(relation) for _, relation, _ in gold}
    right = {_joined(triple) for triple in gold}
    found = {_joined(triple) for triple in pred if _underscored(triple[1]) in judged}
    if not found:
        return 0.0, 0.0, 0.0
    precision, recall = len(found & right) / len(found), len(found & right) / len(right)
    both = precision + recall
    return precision, recall, 2 * precision * recall / both if both else 0.0


def _underscored(relation: str) -> str:
    return relation.replace(" ", "_")


def _joined(triple: Strings) -> str:
    return "".join(_BLANK.sub("", part).lower() for part in triple)


def _stemmed(text: str) -> str:
    """The stems of a text's words, in one string without blanks and underscores."""
    tokenizer, stemmer = _nltk()
    words: list[str] = []
    for sentence in split_sentences(text):
        words += tokenizer.tokenize(text[sentence[0].start_char : sentence[-1].end_char])
    return _BLANK.sub("", "".join(stemmer.stem(word) for word in words)).lower()


@lru_cache(maxsize=1)
def _nltk() -> tuple[Any, Any]:
    try:
        from nltk.stem import PorterStemmer
        from nltk.tokenize import NLTKWordTokenizer
    except ImportError as error:
        raise TripackError(
            "Text2KGBench's measures compare words by nltk's stemmer, which is not installed. "
            "Run: pip install nltk"
        ) from error
    return NLTKWordTokenizer(), PorterStemmer()
