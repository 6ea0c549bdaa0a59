"""Documents into a store, as they are read, each complete or not at all."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING

from extract.interfaces.cli.graph.extraction import Extraction
from extract.interfaces.io.readers import Item

if TYPE_CHECKING:
    from extract.kg.store import GraphStore
    from extract.kg.structures import DocumentFacts

# Scores depend on what is extracted together, in their last digit. So texts are extracted and kept in groups
# that follow from the input alone: a killed run goes on with the very groups it would have made.
GROUP = 32


class Intake:
    """Takes documents into a store, and counts what became of them.

    A text is extracted unless the store has its facts by the same model and settings.
    """

    def __init__(self, store: GraphStore, extraction: Extraction) -> None:
        self._store = store
        self._extraction = extraction
        self._counts: Counter[str] = Counter()

    @property
    def n_documents(self) -> int:
        """Documents taken so far."""
        return sum(self._counts.values())

    def outcomes(self) -> dict[str, int]:
        """How many documents were added, replaced and unchanged."""
        return {name: self._counts[name] for name in ("added", "replaced", "unchanged")}

    def take(self, reads: Iterable[Item | DocumentFacts]) -> Iterator[int]:
        """Take all documents; yields how many are done."""
        texts: list[Item] = []
        for read in reads:
            if isinstance(read, tuple):
                texts.append(read)
                if len(texts) < GROUP:
                    continue
                self._take_texts(texts)
                texts = []
            else:
                self._counts[self._store.add(read).value] += 1
            yield self.n_documents
        self._take_texts(texts)
        yield self.n_documents

    def _take_texts(self, texts: list[Item]) -> None:
        origins = [self._extraction.origin(text) for _, text in texts]
        new = [
            (item, origin)
            for item, origin in zip(texts, origins, strict=True)
            if self._store.origin(item[0]) != origin
        ]
        self._counts["unchanged"] += len(texts) - len(new)
        if new:
            facts = self._extraction.facts([item for item, _ in new])
            kept = self._store.add_all(zip(facts, (origin for _, origin in new), strict=True))
            self._counts.update(outcome.value for outcome in kept)
