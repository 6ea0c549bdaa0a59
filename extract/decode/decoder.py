"""Candidates to a sentence with entities and triples: calibrate, threshold, solve, write out."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace

import numpy as np

from extract.decode.back_off import BACKED_OFF, BackedOff, BackOff, OneLevel
from extract.decode.base import Selection, Solver
from extract.decode.bias import RelationBias
from extract.decode.calibration import Calibration, log_odds, probability
from extract.decode.candidates import Candidates
from extract.decode.constraints import Constraint, Constraints, Flags
from extract.decode.explain import Reason, removed
from extract.decode.given import SURE, certain
from extract.decode.greedy import GreedySolver
from extract.decode.items import Items
from extract.decode.limits import Limits
from extract.schema import Schema
from extract.structures import Entity, Qualifier, Removed, Sentence, Span, Triple

_REFUSED = np.float32(-1e4)  # log-odds that nothing makes up for


@dataclass
class Decoder:
    """Turns the candidates of a sentence into its consistent entities and triples.

    Args:
        schema: names of the labels, and the constraints.
        nested: whether entity spans may overlap.
        calibration: from raw scores to log-odds.
        thresholds: least probability of an entity, a triple and a qualifier to be kept.
        solver: what chooses.
        further: constraints beyond those of the schema.
        limits: labels that may be kept; None: all.
        back_off: whether a relation of the schema stands for those below it where none of them is sure.
        bias: what the types of its ends add to a triple's log-odds; None: nothing.
    """

    schema: Schema
    nested: bool = False
    calibration: Calibration = field(default_factory=Calibration)
    thresholds: tuple[float, float, float] = (0.5, 0.5, 0.5)
    solver: Solver = field(default_factory=GreedySolver)
    further: tuple[Constraint, ...] = ()
    limits: Limits | None = None
    back_off: bool = False
    bias: RelationBias | None = None

    def __post_init__(self) -> None:
        self.constraints = Constraints.from_schema(
            self.schema, nested=self.nested, further=self.further
        )
        if self.limits is not None:
            self.constraints = self.limits.narrow(self.constraints)
        kept = None if self.limits is None else self.limits.relations
        self._hierarchy = BackOff(self.schema, kept) if self.back_off else None

    def decode(
        self,
        text: str | None,
        sentence: Sentence,
        candidates: Candidates,
        threshold: float | None = None,
        given: Sequence[Entity] | None = None,
        *,
        explain: bool = False,
    ) -> Sentence:
        """`sentence` with the selected entities and triples.

        Args:
            text: what the sentence's character offsets point into; None if only the words are known.
            threshold: replaces the thresholds of triples and qualifiers, and no triple below it is kept, also
                where its qualifiers would make up for it.
            given: entities that are known: all of them are kept, also where they overlap, with their
                types as far as the schema has them. None: the candidates decide.
            explain: whether to say what was left out, and why.
        """
        constraints = self.constraints
        if given is not None:
            types, constraints = self.schema.entity_names, replace(constraints, nested=True)
            candidates = certain(candidates, given, types, SURE)
        scored = self.calibration.apply(candidates)
        if given is not None:  # calibration moves scores, and these are not to be moved
            scored = certain(scored, given, types, log_odds(1.0))
        if self.bias is not None:
            scored = self.bias.apply(scored)
        entity, triple, qualifier = (
            self.thresholds if threshold is None else (self.thresholds[0], threshold, threshold)
        )
        backed = BackedOff(scored, {})
        if self._hierarchy is not None:
            backed = self._hierarchy.apply(scored, triple)
            scored = backed.candidates
            if backed.stands_for:
                one_level = OneLevel(backed.stands_for)
                constraints = replace(constraints, further=(*constraints.further, one_level))
        entity_scores = scored.entity_scores - np.float32(log_odds(entity))
        above = entity_scores > 0
        if self.limits is not None:
            entity_scores = self.limits.hide(entity_scores)
        triple_scores = scored.triple_scores - np.float32(log_odds(triple))
        if threshold is not None:
            triple_scores = np.where(triple_scores < 0, _REFUSED, triple_scores)
        shifted = Candidates(
            scored.spans,
            entity_scores,
            scored.triples,
            triple_scores,
            scored.qualifiers,
            scored.qualifier_scores - np.float32(log_odds(qualifier)),
        )
        kept = self.solver.solve(shifted, constraints)
        entities = {
            row: self._entity(text, sentence, scored, row, label) for row, label in kept.entities
        }
        attached: dict[int, list[Qualifier]] = {}
        for row in kept.qualifiers:
            of, label, value = scored.qualifiers[row].tolist()
            kind = self.schema.qualifiers[label]
            score = probability(float(scored.qualifier_scores[row]))
            attached.setdefault(of, []).append(
                Qualifier(kind.name, entities[value], kind.id, score)
            )
        triples = [
            self._triple(sentence, scored, row, entities, attached.get(row, []))
            for row in kept.triples
        ]
        return replace(
            sentence,
            entities=tuple(sorted(entities.values(), key=lambda e: (e.start_char, -e.end_char))),
            triples=tuple(
                sorted(triples, key=lambda t: (t.subject.span, t.object.span, t.relation))
            ),
            removed=self._removed(text, sentence, backed, shifted, constraints, kept, above)
            if explain
            else None,
        )

    def _removed(
        self,
        text: str | None,
        sentence: Sentence,
        backed: BackedOff,
        shifted: Candidates,
        constraints: Constraints,
        kept: Selection,
        above: Flags,
    ) -> tuple[Removed, ...]:
        """What is above its threshold and not kept, and what a kept relation above it stands for.

        Ends that are not kept have their best type.

        Args:
            above: (spans, entity_types), what is above its threshold, also of types that may not be kept.
        """
        scored = backed.candidates
        items, types = Items(scored), dict(kept.entities)

        def entity(row: int) -> Entity:
            best = int(scored.entity_scores[row].argmax())
            return self._entity(text, sentence, scored, row, types.get(row, best))

        def fact(item: int) -> Entity | Triple:
            if (found := items.as_entity(item)) is not None:
                return self._entity(text, sentence, scored, *found)
            qualifiers = []
            if (row := items.as_triple(item)) is None:
                at = item - items.qualifier(0)
                row, label, value = scored.qualifiers[at].tolist()
                kind = self.schema.qualifiers[label]
                score = probability(float(scored.qualifier_scores[at]))
                qualifiers = [Qualifier(kind.name, entity(value), kind.id, score)]
            subject, _, object_ = scored.triples[row].tolist()
            ends = {end: entity(end) for end in (subject, object_)}
            return self._triple(sentence, scored, row, ends, qualifiers)

        reasons = removed(shifted, constraints, kept)
        if self.limits is not None:
            reasons = self.limits.explained(reasons, items, above)
        for parent in kept.triples:
            for row in backed.stands_for.get(parent, ()):
                reasons.append(Reason(items.triple(row), BACKED_OFF, (items.triple(parent),)))
        return tuple(
            Removed(
                fact(reason.item),
                probability(items.scores[reason.item]),
                reason.constraint,
                tuple(fact(other) for other in reason.in_favour_of),
            )
            for reason in reasons
        )

    def _entity(
        self, text: str | None, sentence: Sentence, scored: Candidates, row: int, label: int
    ) -> Entity:
        start, end = scored.spans[row].tolist()
        first, last = sentence.tokens[start].start_char, sentence.tokens[end - 1].end_char
        span = Span(start, end)
        return Entity(
            span,
            first,
            last,
            sentence.surface(span) if text is None else text[first:last],
            self.schema.entity_names[label],
            probability(float(scored.entity_scores[row, label])),
        )

    def _triple(
        self,
        sentence: Sentence,
        scored: Candidates,
        row: int,
        entities: dict[int, Entity],
        qualifiers: list[Qualifier],
    ) -> Triple:
        subject, relation, object_ = scored.triples[row].tolist()
        kind = self.schema.relations[relation]
        return Triple(
            entities[subject],
            kind.name,
            entities[object_],
            tuple(sorted(qualifiers, key=lambda q: (q.value.span, q.label))),
            kind.id,
            (sentence.start_char, sentence.end_char),
            probability(float(scored.triple_scores[row])),
        )
