"""Every metric under one import: precision, recall and F1 of entities, triples and qualifiers.

Gold and predicted sentences are paired by position. Within a sentence every item counts once,
however often it is given: gold and predictions are sets. Micro scores add the counts of all
sentences; `macro_f1` averages over the relations that occur in the gold sentences.
"""

from __future__ import annotations

from extract.evaluation.entities import (
    entity_score,
    entity_score_seqeval,
    entity_scores_by_type,
    has_nested,
)
from extract.evaluation.relations import (
    HYPER_RULES,
    MATCHING_RULES,
    HyperMatching,
    Matching,
    Unaligned,
    hyper_score,
    relation_score,
    relation_scores_by_label,
)
from extract.evaluation.score import Score, check_pairs, check_words, macro_f1

__all__ = [
    "HYPER_RULES",
    "MATCHING_RULES",
    "HyperMatching",
    "Matching",
    "Score",
    "Unaligned",
    "check_pairs",
    "check_words",
    "entity_score",
    "entity_score_seqeval",
    "entity_scores_by_type",
    "has_nested",
    "hyper_score",
    "macro_f1",
    "relation_score",
    "relation_scores_by_label",
]
