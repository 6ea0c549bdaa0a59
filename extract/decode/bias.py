"""What the likely types of its ends add to a relation's score: an optional term, off by default."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from extract.decode.candidates import Candidates, Floats


@dataclass(frozen=True, eq=False)
class RelationBias:
    """Log-odds to add to a triple, by subject type, relation and object type.

    terms: (entity_types, relations, entity_types), in the schema's order.
    """

    terms: Floats

    def apply(self, candidates: Candidates) -> Candidates:
        """The same candidates with the term of each triple added to its log-odds.

        Types are not chosen yet, so it is the mean over the types of both ends, each as probable as a
        softmax of its entity scores says.
        """
        if not len(candidates.triples):
            return candidates
        scores = candidates.entity_scores
        chances = np.exp(scores - scores.max(axis=1, keepdims=True))
        chances /= chances.sum(axis=1, keepdims=True)  # (spans, entity_types)
        subject, relation, object_ = candidates.triples.T
        # (triples, entity_types): the mean over object types, for each subject type
        by_subject = np.einsum(
            "rst,rt->rs", self.terms.transpose(1, 0, 2)[relation], chances[object_]
        )
        added = (by_subject * chances[subject]).sum(axis=1)
        return replace(
            candidates, triple_scores=(candidates.triple_scores + added).astype(np.float32)
        )
