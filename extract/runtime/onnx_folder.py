"""What an export adds to a model folder: the ONNX file, and `onnx.json` that says what it is. Data only."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field

from extract.errors import ModelError
from extract.models.folder import ModelFolder, read_checked
from extract.runtime.rounding import LARGEST

Precision = Literal["fp32", "int8"]
FORMAT = 1


class Closeness(BaseModel):
    """How far the probabilities of an export are from PyTorch's on the sample sentences."""

    model_config = ConfigDict(frozen=True)

    n: int = Field(description="candidates compared: entity types of spans, triples, qualifiers")
    largest: float
    mean: float


class F1Pair(BaseModel):
    """F1 in points by PyTorch in float32 and by the export."""

    model_config = ConfigDict(frozen=True)

    torch: float
    onnx: float

    @property
    def lost(self) -> float:
        """Points that the export is below PyTorch."""
        return self.torch - self.onnx


class DevScore(BaseModel):
    """F1 on a corpus's dev part, by the matching rule."""

    model_config = ConfigDict(frozen=True)

    corpus: str
    n_sentences: int
    f1: dict[str, F1Pair]


class OnnxSettings(BaseModel):
    """What `onnx.json` holds."""

    model_config = ConfigDict(extra="ignore", frozen=True)  # later versions may add fields

    format: int = FORMAT
    precision: Precision
    sha256: str = Field(description="of the ONNX file")
    weights_sha256: str = Field(description="of the model.safetensors that it was made from")
    onnxruntime: str = Field(description="version that it was checked with")
    largest_weight: int | None = Field(
        LARGEST, description="absolute value of 8-bit weights; null: there are none"
    )
    closeness: Closeness | None = None
    dev: DevScore | None = None


@dataclass(frozen=True, slots=True)
class OnnxFiles:
    """The files that an export adds to a model folder."""

    folder: ModelFolder

    @property
    def graph(self) -> Path:
        """The ONNX file."""
        return self.folder.path / "model.onnx"

    @property
    def settings(self) -> Path:
        """What it is."""
        return self.folder.path / "onnx.json"

    def read(self) -> OnnxSettings:
        """The settings. Raises `ModelError` if the folder has no export, or a damaged one."""
        if not self.settings.is_file():
            raise ModelError(
                f"{self.folder.path} has no ONNX export. Make one: tripack models export "
                f"{self.folder.path} --runtime onnx --out FOLDER."
            )
        return read_checked(self.settings, OnnxSettings, FORMAT, "exported model folder")
