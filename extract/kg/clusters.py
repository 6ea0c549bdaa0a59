"""Clusters from pairs that are found to be one, under pairs that must stay apart."""

from __future__ import annotations

import logging
from collections import defaultdict
from collections.abc import Iterable, Sequence

from extract.kg.entities import BaseEntities
from extract.kg.structures import Merge

logger = logging.getLogger(__name__)


def cluster(
    bases: BaseEntities, found: Sequence[Sequence[Merge]], verdicts: Sequence[Merge]
) -> tuple[dict[str, str], tuple[Merge, ...]]:
    """The cluster of each entity, named by one of its members, and the merges that made them.

    A user's verdicts come first; where they contradict each other, on one pair or over several, the later
    counts. Then come the merges of each rule in order, by falling score, then identifiers: one is made unless
    the two clusters hold entities that must stay apart, or what rules have joined to its two ends has types
    that one entity cannot have. The merges are those that joined something, and verdicts "different" that
    prevented one.
    """
    growing = _Clusters(bases)
    made = growing.judge(verdicts)
    for of_rule in found:
        for merge in sorted(of_rule, key=_order):
            outcome = growing.join(merge)
            if outcome is not None:
                made[outcome.left, outcome.right] = outcome
    roots = {id: growing.joined.root(id) for id in bases}
    return roots, tuple(made[pair] for pair in sorted(made))


def _order(merge: Merge) -> tuple[float, str, str]:
    return -merge.score, merge.left, merge.right


class _DisjointSets:
    """Sets that can be united, each named by one of its members."""

    def __init__(self, ids: Iterable[str]) -> None:
        self._parent = {id: id for id in ids}
        self.members = {id: [id] for id in self._parent}

    def __contains__(self, id: str) -> bool:
        return id in self._parent

    def root(self, id: str) -> str:
        while self._parent[id] != id:
            self._parent[id] = self._parent[self._parent[id]]
            id = self._parent[id]
        return id

    def unite(self, one: str, other: str) -> tuple[str, str]:
        """Unite the sets of two roots: the root that stays and the one that goes."""
        goes, stays = sorted((one, other), key=lambda root: (len(self.members[root]), root))
        self._parent[goes] = stays
        self.members[stays] += self.members.pop(goes)
        return stays, goes


class _Clusters:
    """What is joined by anybody, what by rules alone, and what must stay apart.

    A user may join types that disagree. Rules then do what they would do without: each looks at the types
    that rules have joined, so that a user's word on one pair changes nothing else.
    """

    def __init__(self, bases: BaseEntities) -> None:
        self.joined = _DisjointSets(bases)
        self._by_rules = _DisjointSets(bases)
        self._agree = bases.types.agree
        self._types = {id: {bases.types.key(base.type)} for id, base in bases.items()}
        self._apart: dict[str, dict[str, Merge]] = defaultdict(dict)  # by member, by member

    def judge(self, verdicts: Sequence[Merge]) -> dict[tuple[str, str], Merge]:
        """Apply a user's verdicts, the last first; those on entities that are not there do nothing."""
        judged: set[frozenset[str]] = set()
        made: dict[tuple[str, str], Merge] = {}
        for verdict in reversed(verdicts):
            pair = frozenset((verdict.left, verdict.right))
            if pair in judged or len(pair) < 2 or not all(end in self.joined for end in pair):
                continue
            judged.add(pair)
            one, other = self.joined.root(verdict.left), self.joined.root(verdict.right)
            if verdict.verdict == "same" and one != other:
                if self._forbidden(one, other) is None:
                    self.joined.unite(one, other)
                    made[verdict.left, verdict.right] = verdict
                else:
                    _contradicted(verdict)
            elif verdict.verdict == "different" and one != other:
                self._apart[verdict.left][verdict.right] = verdict
                self._apart[verdict.right][verdict.left] = verdict
            elif verdict.verdict == "different":
                _contradicted(verdict)
        return made

    def join(self, merge: Merge) -> Merge | None:
        """Join the clusters of a rule's merge: the merge, a verdict that prevents it, or None for nothing."""
        left, right = self._by_rules.root(merge.left), self._by_rules.root(merge.right)
        types = self._types[left], self._types[right]
        if left == right or not all(self._agree(a, b) for a in types[0] for b in types[1]):
            return None
        one, other = self.joined.root(merge.left), self.joined.root(merge.right)
        if one != other:
            if (verdict := self._forbidden(one, other)) is not None:
                return verdict
            self.joined.unite(one, other)
        stays, goes = self._by_rules.unite(left, right)
        self._types[stays] |= self._types.pop(goes)
        return merge

    def _forbidden(self, one: str, other: str) -> Merge | None:
        """The verdict that keeps two clusters apart, if there is one."""
        small, large = sorted((one, other), key=lambda root: len(self.joined.members[root]))
        found = [
            verdict
            for member in self.joined.members[small]
            for away, verdict in self._apart.get(member, {}).items()
            if self.joined.root(away) == large
        ]
        return min(found, key=_order, default=None)


def _contradicted(verdict: Merge) -> None:
    logger.warning(
        "Verdict %r on %s and %s contradicts later ones and is left out.",
        verdict.verdict,
        verdict.left,
        verdict.right,
    )
