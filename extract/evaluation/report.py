"""All metrics of one evaluation, as an object, as plain values and as a plain-text table."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal, TypeAlias

from extract.evaluation.breakdown import Breakdown, break_down
from extract.evaluation.calibration import CALIBRATION_RULES, Kind, Reliability, reliability
from extract.evaluation.directed import DIRECTED_RULE, directed_scores
from extract.evaluation.entities import (
    entity_score,
    entity_score_seqeval,
    entity_scores_by_type,
    has_nested,
)
from extract.evaluation.errors import ERROR_RULES, RelationErrors, relation_errors
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
from extract.evaluation.score import Score, check_words, macro_f1
from extract.structures import Sentence

EntityMetric: TypeAlias = Literal["seqeval", "span sets"]

ENTITY_RULES: dict[EntityMetric, str] = {
    "seqeval": "span and type right; flat spans, seqeval, strict IOB2",
    "span sets": "span and type right; nested spans, sets",
}


@dataclass(frozen=True, slots=True)
class Report:
    """Every score of one evaluation. Ratios are fractions in [0, 1].

    `relation_macro_f1` is the mean over relations that occur in gold. `n_unaligned` counts gold
    triples known by their texts alone: they are gold under `partial` and `exact`, and are no part
    of the other scores. `directed` scores one answer a pair of spans by relation, where that is asked.
    """

    n_sentences: int
    n_words: int
    n_unaligned: int
    entity_metric: EntityMetric
    entity: Score
    entity_by_type: dict[str, Score]
    relation: dict[Matching, Score]
    relation_macro_f1: dict[Matching, float]
    hyper: dict[HyperMatching, Score]
    breakdown: Breakdown
    calibration: dict[Kind, Reliability]
    errors: RelationErrors
    directed: dict[str, Score] | None = None

    def to_dict(self) -> dict[str, Any]:
        """The report as plain values, each score beside its matching rule."""
        directed = {} if self.directed is None else {"directed": self._directed_values()}
        return {
            "n_sentences": self.n_sentences,
            "n_words": self.n_words,
            "n_unaligned": self.n_unaligned,
            "entity": {
                "metric": self.entity_metric,
                "rule": ENTITY_RULES[self.entity_metric],
                **self.entity.to_dict(),
                "by_type": {name: score.to_dict() for name, score in self.entity_by_type.items()},
            },
            "relation": {
                matching: {
                    "rule": MATCHING_RULES[matching],
                    **score.to_dict(),
                    "macro_f1": self.relation_macro_f1[matching],
                }
                for matching, score in self.relation.items()
            },
            **directed,
            "hyper": {
                matching: {"rule": HYPER_RULES[matching], **score.to_dict()}
                for matching, score in self.hyper.items()
            },
            "breakdown": self.breakdown.to_dict(),
            "calibration": {kind: found.to_dict() for kind, found in self.calibration.items()},
            "errors": self.errors.to_dict(),
        }

    def _directed_values(self) -> dict[str, Any]:
        by_relation = self.directed or {}
        return {
            "rule": DIRECTED_RULE,
            "macro_f1": macro_f1(by_relation),
            "by_relation": {name: score.to_dict() for name, score in by_relation.items()},
        }

    def to_table(self) -> str:
        """The report as plain text: the matching rule, then the scores in percent."""
        lines = [f"{self.n_sentences} sentences, {self.n_words} words"]
        if self.n_unaligned:
            lines.append(
                f"{self.n_unaligned} gold triples have no span in their sentence: "
                "counted under partial and exact alone"
            )
        lines += _section(f"entities ({ENTITY_RULES[self.entity_metric]})")
        lines += _rows({"micro": self.entity} | self.entity_by_type)
        for matching, score in self.relation.items():
            lines += _section(f"relations, {matching} ({MATCHING_RULES[matching]})")
            lines += _rows({"micro": score})
            lines.append(_macro_row(self.relation_macro_f1[matching]))
        if self.directed is not None:
            lines += _section(f"SemEval macro F1 ({DIRECTED_RULE})")
            lines += _rows(self.directed)
            lines.append(_macro_row(macro_f1(self.directed)))
        for hyper_matching, score in self.hyper.items():
            lines += _section(f"qualified facts, {hyper_matching} ({HYPER_RULES[hyper_matching]})")
            lines += _rows({"micro": score})
        lines += self._breakdown_lines()
        lines += self._calibration_lines()
        lines += _section("errors (strict matching, triples)")
        lines += [
            f"  {kind:<{_NAME_WIDTH}} {n:>7}   {ERROR_RULES[kind]}"
            for kind, n in self.errors.counts.items()
        ]
        return "\n".join(lines)

    def _breakdown_lines(self) -> list[str]:
        matching = self.breakdown.matching
        lines = []
        for title, scores in (
            ("overlap of the sentence's gold triples", self.breakdown.by_overlap),
            ("number of gold triples in the sentence", self.breakdown.by_n_triples),
            ("words between subject and object", self.breakdown.by_distance),
            ("relation", self.breakdown.by_relation),
        ):
            lines += _section(f"by {title}, {matching} ({MATCHING_RULES[matching]})")
            lines += _rows(scores)
        return lines

    def _calibration_lines(self) -> list[str]:
        lines = _section("expected calibration error (percent; 0 is best)")
        for kind, found in self.calibration.items():
            error = "-" if found.error is None else f"{100 * found.error:.2f}"
            lines.append(
                f"  {kind:<{_NAME_WIDTH}} {error:>7}   {found.n} predictions, "
                f"{len(found.bins)} bins, {CALIBRATION_RULES[kind]}"
            )
        return lines


def evaluate_sentences(
    gold: Sequence[Sentence],
    pred: Sequence[Sentence],
    *,
    nested: bool | None = None,
    unaligned: Unaligned | None = None,
    n_bins: int = 15,
    directed: bool = False,
) -> Report:
    """Every score of predicted sentences against gold ones, paired by position, ids ignored.

    Entities are scored by seqeval where flat and as sets where nested, which agree on flat spans;
    `nested=None` looks at the spans. `unaligned` lists, for each sentence, gold triples whose
    texts no span stands for. `n_bins` is the number of bins of the calibration error. `directed` adds
    the scores of one answer a pair of spans (`directed_scores`).

    Raises `ValueError` if the numbers of sentences or the words of a pair differ, and if
    `nested=False` meets entities that share a word.
    """
    check_words(gold, pred)
    if nested is None:
        nested = has_nested(gold) or has_nested(pred)
    texts: dict[Matching, Unaligned | None] = {
        m: unaligned if m in ("partial", "exact") else None for m in MATCHING_RULES
    }
    return Report(
        n_sentences=len(gold),
        n_words=sum(len(sentence) for sentence in gold),
        n_unaligned=sum(len(triples) for triples in unaligned or ()),
        entity_metric="span sets" if nested else "seqeval",
        entity=entity_score(gold, pred) if nested else entity_score_seqeval(gold, pred),
        entity_by_type=entity_scores_by_type(gold, pred),
        relation={m: relation_score(gold, pred, m, texts[m]) for m in texts},
        relation_macro_f1={
            m: macro_f1(relation_scores_by_label(gold, pred, m, texts[m])) for m in texts
        },
        hyper={m: hyper_score(gold, pred, m) for m in HYPER_RULES},
        breakdown=break_down(gold, pred),
        calibration={kind: reliability(gold, pred, kind, n_bins) for kind in CALIBRATION_RULES},
        errors=relation_errors(gold, pred),
        directed=directed_scores(gold, pred) if directed else None,
    )


_NAME_WIDTH = 24


def _section(title: str) -> list[str]:
    return ["", title[:1].upper() + title[1:]]


def _rows(scores: Mapping[str, Score]) -> list[str]:
    """A heading and a line a score, in percent; a dash where gold and predictions are empty."""
    if not scores:
        return ["  nothing in gold or predictions"]
    width = max(_NAME_WIDTH, *(len(name) for name in scores))
    heads = ("precision", "recall", "F1", "gold", "predicted", "correct")
    lines = [f"  {'':<{width}}" + "".join(f" {head:>9}" for head in heads)]
    for name, score in scores.items():
        ratios = (score.precision, score.recall, score.f1)
        undefined = score.n_gold == score.n_pred == 0
        cells = ["-" if undefined else f"{100 * ratio:.2f}" for ratio in ratios]
        cells += [str(n) for n in (score.n_gold, score.n_pred, score.n_correct)]
        lines.append(f"  {name:<{width}}" + "".join(f" {cell:>9}" for cell in cells))
    return lines


def _macro_row(f1: float) -> str:
    return f"  {'macro':<{_NAME_WIDTH}} {'':>9} {'':>9} {100 * f1:>9.2f}   mean over gold relations"
