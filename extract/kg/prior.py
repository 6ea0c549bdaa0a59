"""How frequent each relation is between two entity types: a baseline, and a bias for the decoder.

P(relation | subject type, object type) is the share of the pair's occasions that have the relation. An
occasion is a statement where a graph is counted, and any two entities of a sentence, each way round, where
a corpus is: there the shares say how likely it is that a pair has the relation at all. Few occasions say
little, so the shares of a pair are drawn towards those of all pairs, by `strength` occasions' worth
(Dirichlet smoothing as in Zhai and Lafferty 2004, A Study of Smoothing Methods for Language Models Applied
to Information Retrieval, with type pairs for documents and relations for words).
Differs from the paper: nothing.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field
from functools import cached_property
from itertools import permutations
from pathlib import Path
from typing import Any

import numpy as np

from extract.decode.bias import RelationBias
from extract.errors import InputError
from extract.json_files import read_json
from extract.kg.structures import Graph, Value
from extract.schema import Schema
from extract.structures import Sentence

STRENGTH = 10.0
Pair = tuple[str, str]


@dataclass(frozen=True)
class RelationPrior:
    """Counts of relations and of occasions by (subject type, object type); "" stands for no type."""

    relations: dict[Pair, Counter[str]]
    occasions: Counter[Pair]
    strength: float = STRENGTH
    source: str = field(default="", compare=False)

    @classmethod
    def of_graph(cls, graph: Graph, strength: float = STRENGTH) -> RelationPrior:
        """Counted from a graph's statements; the type of a literal is its datatype."""
        return cls.of_typed(
            (
                (graph.nodes[s.subject].type, s.relation, _type(s.object, graph))
                for s in graph.statements.values()
            ),
            strength,
        )

    @classmethod
    def of_typed(
        cls, triples: Iterable[tuple[str | None, str, str | None]], strength: float = STRENGTH
    ) -> RelationPrior:
        """Counted from (subject type, relation, object type), one a statement."""
        prior = cls({}, Counter(), strength, "graph")
        for subject, relation, object_ in triples:
            pair = subject or "", object_ or ""
            prior.relations.setdefault(pair, Counter())[relation] += 1
            prior.occasions[pair] += 1
        return prior

    @classmethod
    def of_sentences(
        cls, sentences: Iterable[Sentence], strength: float = STRENGTH
    ) -> RelationPrior:
        """Counted from annotated sentences: all ordered pairs of two entities are occasions."""
        prior = cls({}, Counter(), strength, "corpus")
        for sentence in sentences:
            for subject, object_ in permutations(sentence.entities, 2):
                prior.occasions[subject.label, object_.label] += 1
            for triple in sentence.triples:
                pair = triple.subject.label, triple.object.label
                prior.relations.setdefault(pair, Counter())[triple.relation] += 1
        return prior

    @cached_property
    def names(self) -> tuple[str, ...]:
        """The relations counted, sorted."""
        return tuple(sorted({name for counts in self.relations.values() for name in counts}))

    @cached_property
    def _overall(self) -> dict[str, float]:
        total: Counter[str] = Counter()
        for counts in self.relations.values():
            total.update(counts)
        # Half an occurrence for each: no relation is impossible for not having been seen.
        everything = sum(self.occasions.values()) + 0.5 * (len(total) + 1)
        return {name: (total[name] + 0.5) / everything for name in [*self.names, ""]}

    def overall(self, relation: str) -> float:
        """P(relation) of all pairs; of a relation never counted that of half an occurrence."""
        return self._overall.get(relation, self._overall[""])

    def probability(
        self, relation: str, subject_type: str | None, object_type: str | None
    ) -> float:
        """P(relation | types), smoothed; in (0, 1)."""
        pair = subject_type or "", object_type or ""
        seen = self.relations.get(pair, Counter())[relation]
        return (seen + self.strength * self.overall(relation)) / (
            self.occasions[pair] + self.strength
        )

    def bias(self, schema: Schema, weight: float) -> RelationBias:
        """What the types of two ends add to a relation's log-odds in the decoder.

        It is `weight` times the log-odds of P(relation | types) less those of P(relation), so that a
        relation that is as frequent between these types as anywhere gains nothing. A pair of types or a
        relation that was never counted gains nothing either.

        Raises `InputError` if no relation of the schema was counted.
        """
        known = [name for name in schema.relation_names if name in self.names]
        if not known:
            raise InputError(
                f"Expected a relation prior that counts relations of the model, got one of "
                f"{', '.join(self.names[:5]) or 'none'}. Make it from a corpus or graph of these relations."
            )
        types = schema.entity_names
        terms = np.zeros((len(types), len(schema.relations), len(types)), np.float32)
        for row, subject in enumerate(types):
            for column, object_ in enumerate(types):
                if not self.occasions[subject, object_]:
                    continue
                for name in known:
                    chance = self.probability(name, subject, object_)
                    gain = _log_odds(chance) - _log_odds(self.overall(name))
                    terms[row, schema.relation_names.index(name), column] = weight * gain
        return RelationBias(terms)

    def to_dict(self) -> dict[str, Any]:
        """All counts as plain values, sorted."""
        return {
            "source": self.source,
            "strength": self.strength,
            "pairs": [
                {
                    "subject": subject,
                    "object": object_,
                    "occasions": self.occasions[subject, object_],
                    "relations": dict(sorted(self.relations.get((subject, object_), {}).items())),
                }
                for subject, object_ in sorted(self.occasions)
            ],
        }

    @classmethod
    def read(cls, path: str | Path) -> RelationPrior:
        """Read what `to_dict` gave, from a JSON file. Raises `InputError` naming the file."""
        try:
            data = read_json(Path(path))
        except OSError as error:
            raise InputError(
                f"Cannot read relation prior {path}: {error.strerror or error}."
            ) from error
        except ValueError as error:
            raise InputError(f"Relation prior {path} is not JSON in UTF-8: {error}.") from error
        try:
            return cls._from(data)
        except (KeyError, TypeError, ValueError, AttributeError, OverflowError) as error:
            raise InputError(
                f"{path} is no relation prior ({type(error).__name__}: {error}). Expected what "
                "`tripack graph prior` writes: 'source', 'strength' and 'pairs' with counts."
            ) from error

    @classmethod
    def _from(cls, data: Any) -> RelationPrior:
        strength = float(data["strength"])
        if not 0 < strength < float("inf"):
            raise ValueError(f"expected a strength above 0, got {strength}")
        relations: dict[Pair, Counter[str]] = {}
        occasions: Counter[Pair] = Counter()
        for row in data["pairs"]:
            pair = str(row["subject"]), str(row["object"])
            counts = Counter({str(name): int(n) for name, n in row["relations"].items()})
            occasions[pair] = int(row["occasions"])
            if min([0, occasions[pair], *counts.values()]) < 0:
                raise ValueError(f"expected counts of at least 0, got a negative one for {pair}")
            if counts:
                relations[pair] = counts
        return cls(relations, occasions, strength, str(data["source"]))


def _type(end: str | Value, graph: Graph) -> str | None:
    return end.datatype if isinstance(end, Value) else graph.nodes[end].type


def _log_odds(chance: float) -> float:
    clipped = min(max(chance, 1e-9), 1 - 1e-9)
    return float(np.log(clipped / (1 - clipped)))
