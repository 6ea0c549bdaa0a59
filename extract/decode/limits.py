"""Labels that the decoder may write out at all, where a schema of the user's allows only some."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from extract.decode.candidates import Floats
from extract.decode.constraints import Constraints, Flags
from extract.decode.explain import Reason
from extract.decode.items import Items

UNKNOWN = "the schema does not have the label"
_NEVER = np.float32(-20.0)  # log-odds at most: such a type never pays by itself


@dataclass(frozen=True)
class Limits:
    """Which labels may be kept.

    entity_types: (entity_types,). relations: (relations,). qualifiers: (qualifiers,).
    """

    entity_types: Flags
    relations: Flags
    qualifiers: Flags

    def narrow(self, constraints: Constraints) -> Constraints:
        """Constraints under which nothing needs a label that may not be kept."""
        return replace(
            constraints,
            domain=constraints.domain & self.entity_types & self.relations[:, None],
            range=constraints.range & self.entity_types & self.relations[:, None],
            takes=constraints.takes & self.relations & self.qualifiers[:, None],
            value_range=constraints.value_range & self.entity_types & self.qualifiers[:, None],
        )

    def hide(self, entity_scores: Floats) -> Floats:
        """Scores (spans, entity_types) by which no span is kept as a type that may not be."""
        return np.where(self.entity_types, entity_scores, np.minimum(entity_scores, _NEVER))

    def explained(self, reasons: Sequence[Reason], items: Items, above: Flags) -> list[Reason]:
        """Reasons, where a label that may not be kept is one, and those of spans of such types.

        Args:
            above: (spans, entity_types), what is above its threshold.
        """
        found = items.candidates
        relations = ~self.relations[found.triples[:, 1]]
        qualifiers = ~self.qualifiers[found.qualifiers[:, 1]]
        unknown = {items.triple(row) for row in np.flatnonzero(relations).tolist()}
        unknown |= {items.qualifier(row) for row in np.flatnonzero(qualifiers).tolist()}
        spans = np.argwhere(above & ~self.entity_types).tolist()
        return [
            *(Reason(items.entity(row, label), UNKNOWN, ()) for row, label in spans),
            *(Reason(r.item, UNKNOWN, ()) if r.item in unknown else r for r in reasons),
        ]
