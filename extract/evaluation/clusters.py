"""How well clusters of mentions match gold ones: B-cubed and pairwise precision, recall, F1.

Bagga and Baldwin 1998, Entity-Based Cross-Document Coreferencing Using the Vector Space Model (B-cubed): each
mention's precision is the share of its cluster that is of its gold cluster, its recall the share of its gold
cluster that is in its cluster; both are averaged over mentions. Pairwise: pairs of mentions in one cluster.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Hashable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

Clusters = Mapping[Any, Hashable]  # the cluster of each mention


@dataclass(frozen=True, slots=True)
class Rates:
    """Precision and recall in [0, 1], and their harmonic mean."""

    precision: float
    recall: float

    @property
    def f1(self) -> float:
        """The harmonic mean; 0 if both are 0."""
        total = self.precision + self.recall
        return 2 * self.precision * self.recall / total if total else 0.0

    def to_dict(self) -> dict[str, float]:
        """The three rates, in percent."""
        rates = {"precision": self.precision, "recall": self.recall, "f1": self.f1}
        return {name: round(100 * rate, 2) for name, rate in rates.items()}


@dataclass(frozen=True, slots=True)
class ClusterScore:
    """B-cubed and pairwise rates, and how many clusters were found."""

    b_cubed: Rates
    pairwise: Rates
    n_clusters: int

    def to_dict(self) -> dict[str, Any]:
        """Rates in percent, and the number of clusters."""
        return {
            "b_cubed": self.b_cubed.to_dict(),
            "pairwise": self.pairwise.to_dict(),
            "entities": self.n_clusters,
        }


def cluster_score(gold: Sequence[Clusters], pred: Sequence[Clusters]) -> ClusterScore:
    """The score of the clusters of several documents, over all their mentions.

    Args:
        gold, pred: of each document, the cluster of each of the same mentions.
    """
    precision = recall = 0.0
    n_mentions = n_clusters = right = found = true = 0
    for own, other in zip(gold, pred, strict=True):
        if own.keys() != other.keys():
            raise ValueError(
                f"Expected clusters of the same mentions, got {len(own)} gold and {len(other)} found ones."
            )
        both = Counter((own[mention], other[mention]) for mention in own)
        of_gold, of_pred = Counter(own.values()), Counter(other.values())
        precision += sum(n * n / of_pred[cluster] for (_, cluster), n in both.items())
        recall += sum(n * n / of_gold[cluster] for (cluster, _), n in both.items())
        n_mentions += len(own)
        n_clusters += len(of_pred)
        right, found, true = (
            total + _pairs(counts.values())
            for total, counts in ((right, both), (found, of_pred), (true, of_gold))
        )
    return ClusterScore(
        Rates(precision / max(n_mentions, 1), recall / max(n_mentions, 1)),
        Rates(right / found if found else 1.0, right / true if true else 1.0),
        n_clusters,
    )


def _pairs(sizes: Iterable[int]) -> int:
    return sum(size * (size - 1) // 2 for size in sizes)
