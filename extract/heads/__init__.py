"""Heads: from word states to scored candidates. Each method is one file, registered by name."""

from extract.heads import feature_table as feature_table
from extract.heads import head_then_tail as head_then_tail
from extract.heads import knowledge_table as knowledge_table
from extract.heads import packed_markers as packed_markers
from extract.heads import pair_filter as pair_filter
from extract.heads import proposer as proposer
from extract.heads import recurrent as recurrent
from extract.heads import refined_spans as refined_spans
from extract.heads import span_pairs as span_pairs
from extract.heads import table as table
from extract.heads import token_pair as token_pair
from extract.heads import typed_markers as typed_markers
from extract.heads.base import (
    HEADS,
    GivenSpans,
    GoldWindow,
    Head,
    HeadConfig,
    WordStates,
    build_head,
    head_config,
)

__all__ = [
    "HEADS",
    "GivenSpans",
    "GoldWindow",
    "Head",
    "HeadConfig",
    "WordStates",
    "build_head",
    "head_config",
]
