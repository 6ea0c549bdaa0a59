"""Poolings: words to the vector of a span, and words to what a pair of spans shares.

Each method is one class, registered by name.
"""

from extract.heads.pooling import (  # noqa: F401 (imported to be registered)
    attention,
    dependency,
    ranges,
    spans,
)
from extract.heads.pooling.base import (
    PAIR_POOLINGS,
    SPAN_POOLINGS,
    PairPooling,
    PairText,
    Pooled,
    SpanPooling,
    register_pair_pooling,
    register_span_pooling,
)

__all__ = [
    "PAIR_POOLINGS",
    "SPAN_POOLINGS",
    "PairPooling",
    "PairText",
    "Pooled",
    "SpanPooling",
    "register_pair_pooling",
    "register_span_pooling",
]
