"""Which task a training step trains, where it is to be but one."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterable, Mapping, Sequence
from itertools import accumulate

import numpy as np

from extract.encoder.fusion import TASKS
from extract.errors import RecipeError
from extract.training.data import TrainingWindow


class TaskSampler:
    """Draws one task a step, each with the probability N_task / sum_t N_t, where N counts labels.

    Sanh, Wolf and Ruder 2019, A Hierarchical Multi-task Approach for Learning Embeddings from
    Semantic Tasks (proportional sampling).
    Differs from the paper: its tasks have corpora of their own, so N counts a task's batches and a
    batch of the task is drawn with it; here one corpus is annotated for all tasks, N counts gold labels,
    batches come in the order of the epoch, and of each only the losses of the drawn task count. One
    optimizer serves all tasks, where the authors' code has one a task.

    Args:
        n_labels: gold labels by task.
        seed: the draw of a step depends on it and the step alone, so a resumed run repeats it.

    Raises `RecipeError` if no task has a label.
    """

    def __init__(self, n_labels: Mapping[str, int], seed: int) -> None:
        self.n_labels = dict(n_labels)
        self.seed = seed
        self._ends = list(accumulate(self.n_labels.values()))
        if not self._ends or not self._ends[-1]:
            raise RecipeError(
                'Expected training data with labels to draw tasks by (task_sampling = "proportional"), '
                'got none. Check the corpora of the recipe, or set task_sampling = "sum".'
            )

    @classmethod
    def of(
        cls, windows: Sequence[TrainingWindow], trained: Iterable[str], seed: int
    ) -> TaskSampler:
        """A sampler of the tasks that a head trains, by their labels in the training windows."""
        kept = set(trained)
        return cls({task: n for task, n in label_counts(windows).items() if task in kept}, seed)

    def task(self, step: int) -> str:
        """The task of a step, counted from 0."""
        at = int(np.random.default_rng((self.seed, step)).integers(self._ends[-1]))
        return list(self.n_labels)[bisect_right(self._ends, at)]


def label_counts(windows: Sequence[TrainingWindow]) -> dict[str, int]:
    """Gold labels of the windows by task: entities that a loss can use, triples, qualifiers.

    An entity without a known type counts only where the corpus marks spans without types.
    """
    gold = [window.gold for window in windows]
    entities = sum(
        label >= 0 or not window.entity_types for window in gold for _, _, label in window.entities
    )
    triples = sum(len(window.triples) for window in gold)
    qualifiers = sum(len(window.qualifiers) for window in gold)
    return dict(zip(TASKS, (entities, triples, qualifiers), strict=True))
