"""The table, told what the training corpus says elsewhere of two names.

Embeddings of the entities in the graph of all training triples (`graph_embeddings.py`) are learned before
training starts and stay as they are. A pair of spans whose names are in the graph reads theirs: a gate
decides by the pair's features and the embeddings how much is added. Pairs of unknown names score as in the
table. Training withholds what would give its own facts away (`knowledge.py`).

Source: Laleye et al. 2023, Leveraging Knowledge Graph Embeddings to Enhance Contextual Representations for
Relation Extraction (embeddings of the corpus's own triples alone, joined to sentence representations).
Differs from the paper: names are matched by their word pieces; DistMult or TransE; the embeddings enter
each pair of a joint head through a gate, not a classifier of given pairs; facts of the sentence at hand are
withheld in training as far as that can be done without a graph for each sentence.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from pydantic import Field
from torch import Tensor, nn

from extract.encoder.text import EncodedText
from extract.encoder.windows import Window
from extract.heads.base import GoldWindow, register_head
from extract.heads.graph_embeddings import GraphModel, graph_embeddings
from extract.heads.knowledge import Knowledge, named_facts, span_keys
from extract.heads.table import TableConfig, TableHead
from extract.schema import Schema


class KnowledgeTableConfig(TableConfig):
    """Settings of the table and of what it knows."""

    graph_model: GraphModel = Field("distmult", description="what embeds the training triples")
    graph_width: int = Field(32, ge=2, le=1024, description="width of an entity's embedding")
    graph_epochs: int = Field(100, ge=1, description="passes over the training triples")
    n_names: int = Field(
        4096, ge=1, le=1 << 20, description="names known, those in the facts of most sentences"
    )
    knowledge_dropout: float = Field(
        0.3, ge=0, lt=1, description="share of known names withheld from pairs in training"
    )


class Gate(nn.Module):
    """Adds what is known to features as far as both say so; adds nothing where nothing is known."""

    def __init__(self, known: int, features: int) -> None:
        super().__init__()
        self.known = nn.Linear(known, features, bias=False)
        self.gate = nn.Linear(2 * features, features)

    def forward(self, features: Tensor, known: Tensor) -> Tensor:
        """(pairs, features), from that and from (pairs, known)."""
        added = self.known(known)
        return features + self.gate(torch.cat([features, added], dim=-1)).sigmoid() * added


@register_head("knowledge_table")
class KnowledgeTableHead(TableHead):
    """The table with embeddings of training triples; see the module's docstring."""

    Config = KnowledgeTableConfig
    config: KnowledgeTableConfig
    reads_text = True

    def __init__(self, config: KnowledgeTableConfig, schema: Schema, hidden: int) -> None:
        super().__init__(config, schema, hidden)
        if self.n_relations:
            self.knowledge = Knowledge(config.n_names, config.graph_width, config.knowledge_dropout)
            self.gate = Gate(self.knowledge.width, self.context.n_features)

    def study(self, corpora: Sequence[Sequence[tuple[Window, GoldWindow]]], seed: int) -> None:
        """Learn the embeddings of the training facts. Raises `RecipeError` without PyKEEN."""
        if not self.n_relations:
            return
        triples = self.knowledge.take(named_facts(corpora))
        if not len(triples):
            return
        n_names = int(triples[:, [0, 2]].max()) + 1
        vectors = graph_embeddings(
            triples,
            n_names,
            self.n_relations,
            model=self.config.graph_model,
            width=self.config.graph_width,
            epochs=self.config.graph_epochs,
            seed=seed,
        )
        self.knowledge.vectors[:n_names] = vectors

    def _informed(
        self, features: Tensor, spans: Tensor, pairs: Tensor, text: EncodedText | None
    ) -> Tensor:
        if text is None:
            raise ValueError("Names are read in the text: expected word states with `text`.")
        rows = self.knowledge.rows(span_keys(text, spans))  # (batch, spans)
        window, subject, object_ = pairs.unbind(1)
        known = self.knowledge.of_pairs(rows[window, subject], rows[window, object_])
        informed: Tensor = self.gate(features, known.to(features.dtype))
        return informed
