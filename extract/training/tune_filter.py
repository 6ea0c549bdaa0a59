"""The weight and the threshold of a pair filter, tuned on a development part."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from extract.decode.pair_filter import PairFilter

WEIGHTS = (0.0, 0.25, 0.5, 1.0, 2.0)
THRESHOLDS = (-np.inf, -3.0, -2.0, -1.0, 0.0)


def tune_pair_filter(measure: Callable[[PairFilter], float], missing: float) -> PairFilter:
    """The filter that raises the measure most; of equals the one that changes least.

    Args:
        measure: the higher the better, such as F1 on the development part.
        missing: as for `PairFilter`.
    """
    tried = [
        PairFilter(weight, threshold, missing) for threshold in THRESHOLDS for weight in WEIGHTS
    ]
    return max(tried, key=measure)  # the first of equals, and the mildest come first
