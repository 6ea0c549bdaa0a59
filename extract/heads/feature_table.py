"""The table with known features in its cells and a convolution over them.

Cell (i, j) of the word-pair table gets a state: the roles of word i as a subject and of word j as an object,
their product, and vectors of what is known of the two words (`table_features.py`). Convolutions let each
cell read its neighbours (`cell_states.py`). A linear layer scores cells by relation; a pair of spans adds the
mean of its block to what the table and the words between say. Training starts as the plain table.

Sources: Wang et al. 2024, A Two Dimensional Feature Engineering Method for Relation Extraction (Hao Wang,
Chen, Yang, Qin and Huang; features in the cells of a table); Li et al. 2022, Unified Named Entity
Recognition as Word-Word Relation Classification (convolutions over the table).
Differs from the papers: cell scores are added to those of the biaffine table, which finds spans and values
as before; the rest is said where features and convolutions are made.

Cost: the cells of a window take 4 * channels * words^2 bytes, 3.3 MB for 160 words and 32 channels, and
training keeps a few such tensors for each convolution.
"""

from __future__ import annotations

from pydantic import Field
from torch import Tensor, nn

from extract.heads.base import WordStates, register_head
from extract.heads.cell_states import CellStates, TableConvolution
from extract.heads.spans import covering_scores
from extract.heads.table import TableConfig, TableHead
from extract.heads.table_features import TableFeatures, shapes_of_words
from extract.schema import Schema


class FeatureTableConfig(TableConfig):
    """Settings of the table with features and convolutions."""

    features: bool = Field(
        True, description="tell cells the types, the shapes and the distance of their words"
    )
    n_conv_layers: int = Field(
        2, ge=0, le=5, description="convolutions over the table; 0: cells do not see each other"
    )
    channels: int = Field(32, ge=4, le=256, description="width of the state of a cell")


@register_head("feature_table")
class FeatureTableHead(TableHead):
    """The table head with states in the cells of its table; see the module's docstring."""

    Config = FeatureTableConfig
    config: FeatureTableConfig
    reads_text = True

    def __init__(self, config: FeatureTableConfig, schema: Schema, hidden: int) -> None:
        super().__init__(config, schema, hidden)
        if not self.n_relations:
            return
        channels = config.channels
        self.row = nn.Linear(config.width, channels)
        self.column = nn.Linear(config.width, channels)
        if config.features:
            self.features = TableFeatures(self.n_entity_types, channels)
        self.convolution = TableConvolution(channels, config.n_conv_layers, config.dropout)
        # No bias: the table's own scorer has one.
        self.cell_scorer = nn.Linear(channels, self.n_relations, bias=False)
        nn.init.zeros_(self.cell_scorer.weight)

    def label_axes(self) -> dict[str, tuple[str | None, ...]]:
        """Those of the table, and of the scorer and the type features of cells."""
        axes = super().label_axes()
        if self.n_relations:
            axes["cell_scorer.weight"] = ("relations",)
            if self.config.features:
                axes["features.row_types.weight"] = (None, "entity_types")
                axes["features.column_types.weight"] = (None, "entity_types")
        return axes

    def _cell_states(self, states: WordStates, words: Tensor, span_scores: Tensor) -> CellStates:
        """The cells of the table; types are read from the span scores without training them.

        Raises `ValueError` if features are on and the states come without their text.
        """
        rows, columns = self.row(self.subject(words)), self.column(self.object(words))
        rows, columns = rows.unsqueeze(2), columns.unsqueeze(1)
        cells = rows + columns + rows * columns  # (batch, words, words, channels)
        if self.config.features:
            if states.text is None:
                raise ValueError(
                    "Features of words are read from the text: expected word states with `text`, got "
                    "None. Set features = false to do without."
                )
            types = covering_scores(span_scores.detach(), states.mask).sigmoid()
            cells = cells + self.features(types, shapes_of_words(states.text, words.shape[1]))
        return CellStates(self.convolution(cells, states.mask), self.cell_scorer)
