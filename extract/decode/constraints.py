"""What a consistent selection obeys, read off the schema once and asked by every solver.

- spans are flat unless nesting is allowed: kept spans share no word;
- a kept span has one type;
- the ends of a kept triple are kept spans whose types lie in the relation's domain and range;
- a functional relation has one object a subject;
- a kept qualifier belongs to a kept triple whose relation takes it, its value is a kept span whose
  type lies in the qualifier's range, and it is not an end of that triple.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from extract.schema import Schema

Flags = npt.NDArray[np.bool_]


@dataclass(frozen=True)
class Constraints:
    """The schema as index tables.

    domain, range: (relations, entity_types), whether the type may be subject or object.
    functional: (relations,).
    takes: (qualifiers, relations), whether the relation takes the qualifier.
    value_range: (qualifiers, entity_types).
    nested: whether kept spans may overlap.
    """

    domain: Flags
    range: Flags
    functional: Flags
    takes: Flags
    value_range: Flags
    nested: bool

    @classmethod
    def from_schema(cls, schema: Schema, *, nested: bool) -> Constraints:
        """Tables for a schema; empty domains, ranges and relation lists admit everything.

        What admits a type or relation admits those below it.
        """
        types, relations = schema.entity_names, schema.relation_names
        return cls(
            domain=_table([schema.subtypes(r.domain) for r in schema.relations], types),
            range=_table([schema.subtypes(r.range) for r in schema.relations], types),
            functional=np.array([r.functional for r in schema.relations], bool),
            takes=_table([schema.subrelations(q.relations) for q in schema.qualifiers], relations),
            value_range=_table([schema.subtypes(q.range) for q in schema.qualifiers], types),
            nested=nested,
        )


def _table(admitted: list[tuple[str, ...]], names: list[str]) -> Flags:
    table = np.ones((len(admitted), len(names)), bool)
    for row, allowed in enumerate(admitted):
        if allowed:
            table[row] = [name in allowed for name in names]
    return table
