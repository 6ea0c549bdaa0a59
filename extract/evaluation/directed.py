"""Relations between given entities: one answer a pair of spans, its direction counted.

Hendrickx et al. 2010, SemEval-2010 Task 8: Multi-Way Classification of Semantic Relations Between Pairs of
Nominals; its official score is the macro F1 of the (9+1)-way evaluation with directionality taken into
account, over all relations but Other.
Differs from the task's scorer: nothing where a sentence has one pair of entities, and these are given.
Elsewhere every pair of spans counts, and a span that is not a gold one makes its answer wrong.
"""

from __future__ import annotations

from collections.abc import Sequence

from extract.evaluation.relations import TripleKey, triple_key, triple_keys
from extract.evaluation.score import Score, by_label, check_pairs, macro_f1
from extract.structures import Sentence, Span, Triple

DIRECTED_RULE = (
    "the best triple of each pair of spans; relation and direction right; mean over gold relations"
)


def directed_scores(gold: Sequence[Sentence], pred: Sequence[Sentence]) -> dict[str, Score]:
    """Score of each relation, both directions together, relations sorted.

    Of the predicted triples that join the same two spans, either way round, the one with the highest
    score is the answer. An answer of the right relation and the wrong direction is one that is
    predicted and not correct, and leaves its gold triple without a correct one.

    Raises `ValueError` for sentences that do not pair up.
    """
    check_pairs(gold, pred)
    keys = [triple_keys(sentence, "boundary") for sentence in gold]
    return by_label(keys, [_answers(sentence) for sentence in pred], label=lambda key: key[1])


def directed_macro_f1(gold: Sequence[Sentence], pred: Sequence[Sentence]) -> float:
    """Mean F1 in [0, 1] over the relations that occur in gold; see `directed_scores`."""
    return macro_f1(directed_scores(gold, pred))


def _answers(sentence: Sentence) -> set[TripleKey]:
    """What `boundary` matching compares of the best triple of each pair of spans."""
    best: dict[frozenset[Span], Triple] = {}
    for triple in sentence.triples:
        pair = frozenset((triple.subject.span, triple.object.span))
        if pair not in best or triple.score > best[pair].score:
            best[pair] = triple
    return {triple_key(triple, "boundary") for triple in best.values()}
