"""What a model is loaded and run with, for every interface that runs one over many texts."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from extract.errors import InputError
from extract.schemas.read import read_schema

if TYPE_CHECKING:
    from extract.kg.prior import RelationPrior
    from extract.pipeline import Extractor
    from extract.structures import Document, Sentence


class OptionsError(InputError):
    """Options that do not go together, or not with the model."""


@dataclass(frozen=True, slots=True)
class ModelOptions:
    """The options of `extract.load` and of `Extractor.extract`, as plain values.

    schema: a file that holds the only schema whose labels are wanted.
    relation_prior: a file of a `RelationPrior`, which counts `prior_weight` times.
    """

    model: str
    accuracy: str | None = None
    decoder: str = "greedy"
    objective: str | None = None
    time_limit: float | None = None
    back_off: bool | None = None
    schema: Path | None = None
    threshold: float | None = None
    batch_size: int = 32
    threads: int | None = None
    device: str = "auto"
    dtype: str = "auto"
    runtime: str = "torch"
    explain: bool = False
    relation_prior: Path | None = None
    prior_weight: float = 1.0
    exit_layer: int | None = None


def load_extractor(options: ModelOptions) -> Extractor:
    """The model as the options ask for it.

    Raises `ModelError` or `SchemaError` for what cannot be loaded, and `OptionsError` for a back-off
    without a hierarchy.
    """
    wanted = None if options.schema is None else read_schema(options.schema)
    from extract.decode.solvers import make_solver
    from extract.pipeline import load

    prior = _prior(options)
    solver = make_solver(
        options.decoder, objective=options.objective, time_limit=options.time_limit
    )
    extractor = load(
        options.model,
        accuracy=options.accuracy,
        device=options.device,
        dtype=options.dtype,
        runtime=options.runtime,
        threads=options.threads,
        decoder=solver,
        back_off=options.back_off,
        exit_layer=options.exit_layer,
    )
    if prior is not None:
        extractor = extractor.biased(prior.bias(extractor.schema, options.prior_weight))
    if wanted is not None:
        extractor = extractor.restricted(wanted)
    if options.back_off and not extractor.backs_off:
        raise OptionsError(
            "Got --back-off, but no relation of the model or --schema has parents among those "
            "that it knows. Give a schema with a hierarchy of relations."
        )
    return extractor


def _prior(options: ModelOptions) -> RelationPrior | None:
    if options.relation_prior is None:
        return None
    from extract.kg.prior import RelationPrior

    return RelationPrior.read(options.relation_prior)


def sentences_over(
    extractor: Extractor, items: Iterable[tuple[str, str]], options: ModelOptions
) -> Iterator[tuple[Document, Iterator[Sentence]]]:
    """The documents of (id, text) pairs, in order, each with its sentences as they are found."""
    return extractor.by_sentence(
        items,
        batch_size=options.batch_size,
        threshold=options.threshold,
        explain=options.explain,
    )


def run_over(
    extractor: Extractor, items: Iterable[tuple[str, str]], options: ModelOptions
) -> Iterator[Document]:
    """The documents of (id, text) pairs, in order."""
    return extractor.extract(
        items,
        batch_size=options.batch_size,
        threshold=options.threshold,
        explain=options.explain,
    )


class TripleCount:
    """How many triples the sentences have that passed."""

    def __init__(self) -> None:
        self.n_triples = 0

    def passing(self, sentences: Iterable[Sentence]) -> Iterator[Sentence]:
        """The same sentences, counted as they are taken."""
        for sentence in sentences:
            self.n_triples += len(sentence.triples)
            yield sentence
