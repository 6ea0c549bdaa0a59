"""How a fusion departs from one layer: a residual that starts small."""

from __future__ import annotations

from torch import Tensor, nn

# Encoders put out features of a size between 0.1 and 1 (root mean square; 0.28 for all-MiniLM-L6-v2), so
# training starts within a few hundredths of them. Not 0: no gradient would reach what makes the update.
START = 0.01


class SmallResidual(nn.Module):
    """base + norm(update), where the norm's scale starts at `START` for each feature.

    Touvron et al. 2021, Going deeper with Image Transformers (LayerScale, a learned factor a feature
    on the residual branch). Differs from the paper: the factor is the scale of a layer norm over the
    update, so that its size at the start does not hang on how the update is made.
    """

    def __init__(self, hidden: int) -> None:
        super().__init__()
        self.norm = nn.LayerNorm(hidden)
        nn.init.constant_(self.norm.weight, START)

    def forward(self, base: Tensor, update: Tensor) -> Tensor:
        """Both (..., hidden), as the result is."""
        moved: Tensor = base + self.norm(update)
        return moved
