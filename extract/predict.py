"""Sentences to predicted sentences: windows, length-sorted batches, candidates, decoding."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager, nullcontext
from dataclasses import replace
from threading import Event, Lock
from typing import Any, Protocol

import torch

from extract.ahead import ahead
from extract.decode.candidates import Candidates, merge
from extract.encoder.parses import DependencyParser
from extract.encoder.pretrained import load_tokenizer
from extract.encoder.windows import EncodedBatch, Window, Windower
from extract.errors import ModelError
from extract.heads import GivenSpans, WordStates
from extract.model import ExtractionModel
from extract.parallel import side_by_side
from extract.structures import Sentence

# Pieces of padding that take as long as the steps of a batch, whatever is in it (MiniLM, one thread): where
# padding is read as text is, and where little but attention is computed for it, in PyTorch and elsewhere.
_BATCH_COST, _COST_UNPADDED, _COST_UNPADDED_ELSEWHERE = 64, 256, 128
_PIECES = 96  # a window, on average over a batch: the usual sentence has a third of this
_WORDS = 128  # a sentence that counts once in a chunk has fewer: chunks of long ones hold fewer


class CandidateSource(ABC):
    """Whatever gives candidates for sentences: one model, or several stacked."""

    @property
    @abstractmethod
    def context_words(self) -> int:
        """Words of surrounding sentences that are read on each side."""

    @abstractmethod
    def candidates(
        self,
        sentences: Sequence[Sentence],
        batch_size: int = 32,
        given: GivenSpans | None = None,
        stop: Event | None = None,
    ) -> list[Candidates]:
        """Candidates of each sentence, in order, whatever batches they are read in.

        With `given`, half-open words a sentence, these spans alone are candidates. Once `stop` is set, no
        further batch is read and what is given back means nothing.
        Raises `ModelError` if a model cannot take spans.
        """

    def stream(
        self,
        sentences: Iterable[Sentence],
        batch_size: int = 32,
        chunk: int = 16,
        *,
        given: bool = False,
    ) -> Iterator[tuple[Sentence, Candidates]]:
        """Sentences with their candidates, in order, reading `chunk` batches three times ahead at most.

        While the caller uses some, a thread finds those of the next ones; see `ahead`. With `given`, the
        sentences' own entities alone are candidates; see `candidates`.
        """

        def found(held: Sequence[Sentence], stop: Event) -> list[Candidates]:
            return self.candidates(held, batch_size, spans_of(held) if given else None, stop)

        return ahead(sentences, found, batch_size * chunk, lambda s: 1 + len(s) // _WORDS)


class StatesReader(Protocol):
    """What makes word states of a batch, and whether it computes little for padding."""

    skips_padding: bool

    def __call__(self, batch: EncodedBatch) -> WordStates: ...


class Predictor(CandidateSource):
    """Runs a model over sentences on one device.

    Args:
        model: the network; put into evaluation mode.
        windower: cuts sentences for the model's tokenizer.
        device: where to run.
        autocast: compute matrix products in bfloat16.
        word_states: what makes word states in the network's stead; None: the network does.
    """

    def __init__(
        self,
        model: ExtractionModel,
        windower: Windower,
        *,
        device: str = "cpu",
        autocast: bool = False,
        word_states: StatesReader | None = None,
    ) -> None:
        self.model = model.to(device).eval()
        self.windower = windower
        self.device = device
        self.autocast = autocast
        self._word_states = word_states
        self._batch_cost = _BATCH_COST
        if word_states is None and model.encoder.skips_padding:
            self._batch_cost = _COST_UNPADDED
        elif word_states is not None and word_states.skips_padding:
            self._batch_cost = _COST_UNPADDED_ELSEWHERE

    @property
    def context_words(self) -> int:
        """Words of surrounding sentences that the model reads on each side."""
        return self.windower.context_words

    def candidates(
        self,
        sentences: Sequence[Sentence],
        batch_size: int = 32,
        given: GivenSpans | None = None,
        stop: Event | None = None,
    ) -> list[Candidates]:
        """Raw candidates of each sentence, in order; windows of one sentence are merged.

        Batches hold windows of like length, so little is padded; results are independent of that.
        With `given`, half-open words a sentence, these spans alone are candidates; those that fit in no
        window are left out. Raises `ModelError` if the model's head cannot take spans.
        """
        if given is not None and not self.model.head.takes_spans:
            raise ModelError(
                f"Head {self.model.settings.head.name!r} finds its own spans and takes none as "
                "given. Choose a model with another head."
            )
        windows = self.windower.windows(sentences)

        def read(chosen: list[Window]) -> list[Candidates]:
            return [] if stop is not None and stop.is_set() else self._read(chosen, given)

        # The longest first: what is left for the end is short, so no thread is long without work.
        planned = list(batches(windows, batch_size, self._batch_cost))[::-1]
        on_cpu = torch.device(self.device).type == "cpu"
        results = side_by_side(read, planned) if on_cpu else map(read, planned)
        parts: list[list[tuple[int, Candidates]]] = [[] for _ in sentences]
        for chosen, found in zip(planned, results, strict=True):
            if not found:  # stopped
                break
            for window, candidates in zip(chosen, found, strict=True):
                parts[window.sentence].append(
                    (window.start_word, candidates.shifted(window.start_word))
                )
        empty = Candidates.empty(len(self.model.schema.entity_types))
        return [
            merge([part for _, part in sorted(of_one, key=lambda item: item[0])])
            if of_one
            else empty
            for of_one in parts
        ]

    def _read(self, chosen: Sequence[Window], given: GivenSpans | None) -> list[Candidates]:
        """Candidates of the windows of one batch, in order."""
        with torch.inference_mode(), self.precision():
            batch = self.windower.batch(chosen).to(self.device)
            inside = None if given is None else [_inside(given[w.sentence], w) for w in chosen]
            if self._word_states is None:
                return self.model.candidates(batch, inside)
            return self.model.head.candidates(replace(self._word_states(batch), given=inside))

    def precision(self) -> Any:
        """The context in which the model is to be called."""
        kind = torch.device(self.device).type
        if self.autocast:
            return torch.autocast(kind, dtype=torch.bfloat16)
        return without_onednn() if kind == "cpu" else nullcontext()


@contextmanager
def without_onednn() -> Iterator[None]:
    """Compute on the CPU by other libraries than oneDNN.

    oneDNN keeps what it made for each shape of its arguments, and batches seldom share a shape, so that
    memory would grow with the length of a run.
    """
    flags = torch.backends.mkldnn.set_flags
    # The setting is the whole process's: the last one to leave restores what the first one found.
    with _ONEDNN.lock:
        if not _ONEDNN.inside:
            _ONEDNN.before = flags(False, None, None, None)[0]  # None: leave as it is
        _ONEDNN.inside += 1
    try:
        yield
    finally:
        with _ONEDNN.lock:
            _ONEDNN.inside -= 1
            if not _ONEDNN.inside:
                flags(_ONEDNN.before, None, None, None)


class _Onednn:
    """How many threads compute without oneDNN, and whether it was on before."""

    lock = Lock()
    inside = 0
    before = True


_ONEDNN = _Onednn()


def spans_of(sentences: Sequence[Sentence]) -> GivenSpans:
    """The spans of each sentence's entities, half-open words."""
    return [[(e.span.start_word, e.span.end_word) for e in s.entities] for s in sentences]


def _inside(spans: Sequence[tuple[int, int]], window: Window) -> list[tuple[int, int]]:
    """Those of a sentence's spans that a window holds whole, in words of the window."""
    first = window.start_word
    return [(s - first, e - first) for s, e in spans if first <= s and e <= window.end_word]


def windower_of(model: ExtractionModel) -> Windower:
    """The windower of a model's own tokenizer and settings.

    It leaves room for what the head inserts, and makes the dependency trees that the head asks for.
    """
    encoder = model.settings.encoder
    return Windower(
        load_tokenizer(encoder.name),
        max_pieces=model.encoder.max_pieces - model.head.extra_pieces,
        max_words=encoder.max_words,
        context_words=encoder.context_words,
        parser=None if model.head.parser is None else DependencyParser(model.head.parser),
    )


def batches(
    windows: Sequence[Window], batch_size: int, batch_cost: int = _BATCH_COST
) -> Iterator[list[Window]]:
    """Windows by length, at most `batch_size` at once and fewer of long ones, so that memory is bounded.

    Of all ways to cut the sorted windows, the one whose batches cost least: one costs its padded pieces, and
    as much as `batch_cost` pieces for its steps. So a short document is not padded to its longest sentence,
    nor read a sentence at a time.
    """
    ordered = sorted(windows, key=lambda w: len(w.piece_ids))
    # Of the first so many windows: the least cost, and where its last batch starts.
    costs, starts = [0], [0]
    for end, window in enumerate(ordered, start=1):
        length = max(len(window.piece_ids), 1)
        most = max(min(batch_size, batch_size * _PIECES // length), 1)
        cost, start = min(
            (costs[at] + (end - at) * length, at) for at in range(max(end - most, 0), end)
        )
        costs.append(cost + batch_cost)
        starts.append(start)
    cuts = [len(ordered)]
    while cuts[-1]:
        cuts.append(starts[cuts[-1]])
    for end, start in zip(cuts[-2::-1], cuts[:0:-1], strict=True):
        yield ordered[start:end]
