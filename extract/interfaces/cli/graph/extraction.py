"""Texts to documents with triples, by a model that is loaded when the first text needs it."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from functools import cached_property
from hashlib import blake2b
from pathlib import Path
from typing import TYPE_CHECKING

from extract.interfaces.extraction import ModelOptions, load_extractor, run_over
from extract.interfaces.io.readers import Item
from extract.models.registry import resolve

if TYPE_CHECKING:
    from extract.kg.structures import DocumentFacts
    from extract.pipeline import Extractor


class Extraction:
    """Extracts texts with one model. Raises `ModelError` if it cannot be loaded, once it is needed."""

    def __init__(self, options: ModelOptions) -> None:
        self._options = options

    def check(self) -> None:
        """Raise `ModelError` if there is no such model."""
        resolve(self._options.model)

    def origin(self, text: str) -> str:
        """What a document's facts follow from: its text, the model's files, and what changes results."""
        options = self._options
        parts = (text, self._model_digest, options.decoder, repr(options.threshold))
        return _digest(part.encode("utf-8") for part in parts)

    def facts(self, items: Sequence[Item]) -> list[DocumentFacts]:
        """The facts of texts, which are read together, in order."""
        from extract.kg.facts import facts_of

        found = run_over(self._extractor, items, self._options)
        return [facts_of(document) for document in found]

    @cached_property
    def _extractor(self) -> Extractor:
        return load_extractor(self._options)

    @cached_property
    def _model_digest(self) -> str:
        folder = resolve(self._options.model)
        files = sorted(path for path in folder.rglob("*") if path.is_file())
        return _digest(part for path in files for part in _file_parts(path, folder))


def _file_parts(path: Path, folder: Path) -> tuple[bytes, bytes]:
    return path.relative_to(folder).as_posix().encode("utf-8", "surrogateescape"), path.read_bytes()


def _digest(parts: Iterable[bytes]) -> str:
    hash = blake2b(digest_size=16)
    for part in parts:
        hash.update(len(part).to_bytes(8, "big") + part)
    return hash.hexdigest()
