"""Relation back-off: where no child relation of a pair is sure, the relation above them is asked instead.

A relation holds wherever one below it does (is-a), so for one pair of spans the chance of a parent is that
of the union of what is below it. By the inequalities of Boole and Fréchet it is at least the highest chance
below and at most their sum. The noisy-or lies between,

    P(parent) = max(own, 1 - Π (1 - P(child))),

and is the union's chance where the children err independently. The best child alone would be too low where
a model is torn between siblings, and could never reach a threshold that no child reaches; the sum, right
for children that rule each other out, is too high where they share their evidence, and may exceed 1. `own`
is what the model itself says of the parent, 0 where it does not know it: another estimate of the same
chance, which may see a parent without any of the children.

A triple is right only if its spans are, and that all children of a pair share. So the noisy-or is cut to
the chance of the less sure span, though never below the bound from the best child.

A relation with several parents counts once for each relation above it, on the first way down in the
schema's order: counted on every way it would be its own witness, and the sum no bound.

Pearl 1988, Probabilistic Reasoning in Intelligent Systems (noisy-or); Fréchet 1935, Généralisation du
théorème des probabilités totales (the bounds). Differs from them: the maximum with the parent's own score,
and the cut.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from graphlib import TopologicalSorter

import numpy as np

from extract.decode.calibration import log_odds, probability
from extract.decode.candidates import Candidates
from extract.decode.constraints import Constraint, Constraints, Flags
from extract.decode.items import AtMostOne, Items, Rule
from extract.schema import Schema

BACKED_OFF = "backed off to the relation above"


@dataclass(frozen=True)
class BackedOff:
    """Candidates with the parents that stand for unsure children.

    stands_for: row of `candidates.triples` of a parent -> rows of the candidates below it, of the same pair.
    """

    candidates: Candidates
    stands_for: dict[int, tuple[int, ...]]


class BackOff:
    """The hierarchy of a schema's relations, by the indices that candidates use.

    Args:
        schema: some of whose relations have parents.
        kept: (relations,), which may be kept; None: all. Those that may not still speak for their parents.
    """

    def __init__(self, schema: Schema, kept: Flags | None = None) -> None:
        names = schema.relation_names
        place = {name: at for at, name in enumerate(names)}
        self._kept = [True] * len(names) if kept is None else kept.tolist()
        self._children: dict[int, list[int]] = defaultdict(list)
        for at, relation in enumerate(schema.relations):
            for parent in relation.parents:
                self._children[place[parent]].append(at)
        order = TopologicalSorter(self._children).static_order()  # children before their parents
        self._parents = [at for at in order if at in self._children]
        self._below = {
            at: frozenset(place[name] for name in schema.subrelations([names[at]])) - {at}
            for at in self._parents
        }

    def apply(self, scored: Candidates, threshold: float) -> BackedOff:
        """Let parents stand for unsure children.

        Bottom up, and pair by pair: where nothing below a parent that may be kept reaches the threshold, the
        parent gets the chance given above. One that then reaches it is a candidate, and ends the way up.

        Args:
            scored: with calibrated log-odds.
            threshold: least probability of a triple to be kept.
        """
        rows: dict[tuple[int, int], dict[int, int]] = defaultdict(dict)  # pair -> relation -> row
        for row, (subject, label, object_) in enumerate(scored.triples.tolist()):
            rows[subject, object_][label] = row
        triples, scores = scored.triples.tolist(), scored.triple_scores.tolist()
        least = log_odds(threshold)
        spans = [probability(v) for v in scored.entity_scores.max(axis=1, initial=-30.0).tolist()]
        stands_for: dict[int, tuple[int, ...]] = {}
        for (subject, object_), own in rows.items():
            log_odds_of = {label: scores[row] for label, row in own.items()}
            chances = {label: probability(value) for label, value in log_odds_of.items()}
            most = min(spans[subject], spans[object_])
            for parent, chance in self._raised(log_odds_of, chances, least, most):
                if parent not in own:
                    own[parent] = len(triples)
                    triples.append([subject, parent, object_])
                    scores.append(-np.inf)
                scores[own[parent]] = max(scores[own[parent]], log_odds(chance))
                below = sorted(self._below[parent] & log_odds_of.keys() - {parent})
                stands_for[own[parent]] = tuple(own[label] for label in below)
        if not stands_for:
            return BackedOff(scored, {})
        return BackedOff(
            replace(
                scored,
                triples=np.array(triples, np.int64).reshape(-1, 3),
                triple_scores=np.array(scores, np.float32),
            ),
            stands_for,
        )

    def _raised(
        self,
        log_odds_of: Mapping[int, float],
        chances: Mapping[int, float],
        least: float,
        most: float,
    ) -> Iterator[tuple[int, float]]:
        """The parents that stand for what is below them in one pair, with their chances."""
        sure = {
            label for label, value in log_odds_of.items() if value > least and self._kept[label]
        }
        for parent in self._parents:
            below = self._below[parent]
            if not self._kept[parent] or below & sure or below.isdisjoint(chances):
                continue
            chance = self.chance(parent, chances, most)
            if log_odds(chance) > least:
                sure.add(parent)
                yield parent, chance

    def chance(self, relation: int, own: Mapping[int, float], most: float = 1.0) -> float:
        """The probability of a relation from its own and those of the relations below it; see above.

        Args:
            own: probabilities in [0, 1] by relation; 0 where there is none.
            most: the probability of the less sure span.
        """
        best = max(own.get(label, 0.0) for label in (relation, *self._below.get(relation, ())))
        return max(best, min(most, self._chance(relation, own, {relation})))

    def _chance(self, relation: int, own: Mapping[int, float], seen: set[int]) -> float:
        none_holds = 1.0
        for child in self._children.get(relation, ()):
            if child not in seen:
                seen.add(child)
                none_holds *= 1.0 - self._chance(child, own, seen)
        return max(own.get(relation, 0.0), 1.0 - none_holds)


@dataclass(frozen=True)
class OneLevel(Constraint):
    """A parent that stands for its children is not kept beside one of them.

    A child below its threshold may still be kept where a qualifier makes up for it; the two then compete.

    stands_for: as in `BackedOff`.
    """

    stands_for: Mapping[int, Sequence[int]]
    name = "a relation or the one above it"

    def rules(self, items: Items, tables: Constraints) -> Iterator[Rule]:
        """One rule a parent and child."""
        for parent, below in self.stands_for.items():
            for child in below:
                yield AtMostOne((items.triple(parent), items.triple(child)))
