"""What a consistent selection obeys: the schema as tables, read once, and the form of a constraint.

The constraints themselves are in `standard.py`; `GreedySolver` reads the tables, which say the same as the
standard constraints, and all solvers read the rules.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

from extract.decode.items import Items, Rule
from extract.schema import Schema

Flags = npt.NDArray[np.bool_]


class Constraint(ABC):
    """A constraint of one kind. `name` is what explanations call it.

    It is a set of rules over the items of a sentence. Greedy and beam search check the rules item by
    item, exact decoding takes them as inequalities, and explanations look for the rule that was in the way.
    """

    name: str

    @abstractmethod
    def rules(self, items: Items, tables: Constraints) -> Iterator[Rule]:
        """The rules for a sentence.

        Args:
            items: numbers of the sentence's candidates, which are `items.candidates`.
            tables: the schema, also by the indices that candidates use.
        """


@dataclass(frozen=True)
class Constraints:
    """The schema as index tables, and constraints beyond it.

    domain, range: (relations, entity_types), whether the type may be subject or object.
    functional: (relations,).
    takes: (qualifiers, relations), whether the relation takes the qualifier.
    value_range: (qualifiers, entity_types).
    nested: whether kept spans may overlap.
    schema: what the tables are of.
    further: constraints that no table holds.
    """

    domain: Flags
    range: Flags
    functional: Flags
    takes: Flags
    value_range: Flags
    nested: bool
    schema: Schema
    further: tuple[Constraint, ...] = ()

    @classmethod
    def from_schema(
        cls, schema: Schema, *, nested: bool, further: Iterable[Constraint] = ()
    ) -> Constraints:
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
            schema=schema,
            further=tuple(further),
        )

    def untyped(self) -> Constraints:
        """The same without the types that relations and qualifiers ask of their ends and values."""
        return replace(
            self,
            domain=np.ones_like(self.domain),
            range=np.ones_like(self.range),
            value_range=np.ones_like(self.value_range),
        )


def _table(admitted: list[tuple[str, ...]], names: list[str]) -> Flags:
    table = np.ones((len(admitted), len(names)), bool)
    for row, allowed in enumerate(admitted):
        if allowed:
            table[row] = [name in allowed for name in names]
    return table
