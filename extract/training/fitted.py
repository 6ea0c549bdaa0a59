"""A network's decoder fitted on dev, with what it scores there; of each of its early exits, too."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from copy import deepcopy
from dataclasses import dataclass
from typing import Any

from extract.decode.decoder import Decoder
from extract.model import ExtractionModel
from extract.models.folder import ExitSettings
from extract.predict import Predictor, windower_of
from extract.training.corpora import CorpusData
from extract.training.finish import DevPart, calibrated, report, tuned

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class Fitted:
    """What a network finds in dev, and the decoder with calibration and thresholds fitted to that."""

    parts: list[DevPart]
    decoder: Decoder

    @classmethod
    def on(
        cls, corpora: Sequence[CorpusData], model: ExtractionModel, *, nested: bool, device: str
    ) -> Fitted:
        """Run the network over the dev parts in full precision and fit a decoder."""
        exact = Predictor(model, windower_of(model), device=device)
        parts = [DevPart.of(corpus, exact) for corpus in corpora]
        return cls(parts, tuned(parts, calibrated(parts, model.schema, nested=nested)))

    def reports(self, what: str = "dev") -> dict[str, Any]:
        """Dev figures by corpus; logged under the title `what`."""
        reports = {}
        for part in self.parts:
            scored = report(part, self.decoder)
            logger.info("%s %s\n%s", part.corpus.title, what, scored.to_table())
            reports[part.corpus.title] = scored.to_dict()
        return reports


def fit_exits(
    layers: Sequence[int],
    corpora: Sequence[CorpusData],
    model: ExtractionModel,
    *,
    nested: bool,
    device: str,
) -> tuple[tuple[ExitSettings, ...], list[dict[str, Any]]]:
    """Calibration, thresholds and dev figures of the network when it ends after each of `layers`, rising."""
    cut, settings, figures = deepcopy(model), [], []
    for layer in reversed(layers):
        cut.cut(layer)
        own = Fitted.on(corpora, cut, nested=nested, device=device)
        decoder = own.decoder
        settings.append(
            ExitSettings(
                layer=layer, calibration=decoder.calibration, thresholds=decoder.thresholds
            )
        )
        dev = own.reports(f"dev, exit after layer {layer}")
        figures.append({"layer": layer, "thresholds": decoder.thresholds, "dev": dev})
    return tuple(reversed(settings)), figures[::-1]
