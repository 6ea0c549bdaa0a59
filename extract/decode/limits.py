"""Labels that the decoder may write out at all, where a schema of the user's allows only some."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from extract.decode.candidates import Floats
from extract.decode.constraints import Constraints, Flags

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
