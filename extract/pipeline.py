"""The object users hold: texts in, documents with entities and triples out."""

from __future__ import annotations

import logging
from collections import deque
from collections.abc import Iterable, Iterator
from copy import copy
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Literal, overload

import torch

from extract.decode.base import Solver
from extract.decode.bias import RelationBias
from extract.decode.candidates import Candidates
from extract.decode.constraints import Constraint
from extract.decode.decoder import Decoder
from extract.decode.restrict import restrict
from extract.decode.solvers import make_solver
from extract.documents import DocumentStream, Part, up_to_last
from extract.errors import InputError, ModelError, one_of
from extract.models.folder import ModelFolder, Settings, read_model, read_settings
from extract.models.registry import is_stack, resolve
from extract.models.stack_folder import StackFolder, read_stack
from extract.predict import CandidateSource, Predictor, windower_of
from extract.schema import Schema
from extract.stacked import StackMember, StackPredictor
from extract.structures import Document, Sentence

logger = logging.getLogger(__name__)

RUNTIMES = ["auto", "onnx", "torch"]


def load(
    model: str | Path = "wikidata-small",
    *,
    accuracy: str | None = None,
    device: str = "auto",
    dtype: str = "auto",
    threads: int | None = None,
    runtime: str = "torch",
    decoder: str | Solver = "greedy",
    constraints: Iterable[Constraint] = (),
    back_off: bool | None = None,
    exit_layer: int | None = None,
    merge: bool = True,
) -> Extractor:
    """Load a model by bundled name or folder.

    Args:
        model: "wikidata-small", "wikidata-nano", or a model or run folder, or a stack of models.
        accuracy: of a stack: "fast", "balanced" or "best"; None takes the stack's own choice.
        device: "auto" (a GPU if there is one), "cpu", "cuda", "cuda:1", ...
        dtype: "float32" or "bfloat16" for matrix products; "auto" is float32. In bfloat16 scores depend
            on the batch a sentence is read in.
        threads: CPU threads; None leaves PyTorch's setting.
        runtime: "torch", or "onnx" for a folder that `tripack models export` made; its number format is the
            file's, so `dtype` must be left. "auto": what `tripack models tune` found to be the fastest for
            this model, processor and number of threads, else "torch".
        decoder: "greedy", "beam", "exact" or "cp-sat", or a solver with settings of its own
            (`docs/decoding.md`).
        constraints: what holds beyond the schema.
        back_off: whether a relation stands for those below it where none of them is sure
            (`extract.decode.back_off`). None: once `restricted` to a schema whose relations have parents.
        exit_layer: the encoder's layer, counted from 1, to end after, for a model that was trained with early
            exits; None: the last (`docs/adapters.md`).
        merge: whether low-rank adapters are added to the encoder's weights, as is fastest; otherwise they run
            beside them, by the library peft.

    Raises `ModelError` if there is no such model, accuracy, device, precision, runtime, decoder or exit, or
    the files are damaged.
    """
    solver = make_solver(decoder) if isinstance(decoder, str) else decoder
    extractor = _load(
        model, accuracy, device, dtype, threads, runtime, exit_layer=exit_layer, merge=merge
    )
    extractor._decoder = replace(
        extractor._decoder, solver=solver, further=tuple(constraints), back_off=bool(back_off)
    )
    extractor._back_off = back_off
    return extractor


def _load(
    model: str | Path,
    accuracy: str | None,
    device: str,
    dtype: str,
    threads: int | None,
    runtime: str,
    *,
    exit_layer: int | None,
    merge: bool,
) -> Extractor:
    if threads is not None:
        if threads < 1:
            raise ModelError(f"Expected threads of at least 1, got {threads}.")
        torch.set_num_threads(threads)
    if dtype not in ("auto", "float32", "bfloat16"):
        raise ModelError(f"Unknown dtype {dtype!r}. Expected one of: auto, bfloat16, float32.")
    if runtime not in RUNTIMES:
        raise ModelError(one_of("runtime", runtime, RUNTIMES))
    if runtime == "onnx":
        _refuse_with_onnx(device, dtype, exit_layer)
        device = "cpu"
    device, path = usable_device(device), resolve(model)
    if runtime == "auto":
        runtime = "torch" if exit_layer is not None else _tuned(path, device, dtype, threads)
    runs = _Runs(device, dtype == "bfloat16", runtime == "onnx", threads, merge)
    if is_stack(path):
        if runtime == "onnx":
            raise ModelError(
                f"{path} is a stack of models, expected a model alone with the onnx runtime. "
                "Use the torch runtime."
            )
        if exit_layer is not None:
            raise ModelError(
                f"{path} is a stack of models, expected a model alone with exit layer {exit_layer}."
            )
        return _load_stack(StackFolder(path), accuracy, runs)
    if accuracy is not None:
        raise ModelError(
            f"Model {read_settings(ModelFolder(path)).name!r} has one head; --accuracy needs a stack: "
            f"make one by `tripack stack`, or leave out accuracy {accuracy!r}."
        )
    predictor, schema, settings = runs.read(ModelFolder(path))
    own = settings.at_exit(exit_layer, predictor.model.encoder.n_layers)
    if exit_layer is not None:
        predictor.model.cut(exit_layer)
    decoder = Decoder(
        schema,
        nested=settings.nested,
        calibration=own.calibration,
        thresholds=own.thresholds,
    )
    return Extractor(
        predictor,
        decoder,
        name=settings.name,
        version=settings.version,
        entities=settings.entities,
        exit_layer=own.layer,
    )


def _tuned(path: Path, device: str, dtype: str, threads: int | None) -> str:
    """The runtime that "auto" means: PyTorch where it alone can do what is asked for."""
    if device != "cpu" or dtype != "auto" or is_stack(path):
        return "torch"
    from extract.runtime.tuned import tuned_runtime

    return tuned_runtime(ModelFolder(path), threads or torch.get_num_threads())


def _refuse_with_onnx(device: str, dtype: str, exit_layer: int | None) -> None:
    if exit_layer is not None:
        raise ModelError(
            f"Got exit layer {exit_layer} with the onnx runtime, whose file holds all layers. Write the "
            "exit as a model by `tripack models cut`, then export that."
        )
    if dtype != "auto":
        raise ModelError(
            f"Got dtype {dtype!r} with the onnx runtime, whose number format is that of the exported file. "
            "Leave dtype out."
        )
    if device not in ("auto", "cpu"):
        raise ModelError(f"Got device {device!r}, the onnx runtime runs on cpu. Leave device out.")


@dataclass(frozen=True, slots=True)
class _Runs:
    """Where and how models are run."""

    device: str
    autocast: bool
    onnx: bool = False
    threads: int | None = None
    merge: bool = True

    def read(
        self, folder: ModelFolder, floor: float | None = None
    ) -> tuple[Predictor, Schema, Settings]:
        states = None
        if self.onnx:
            from extract.runtime.load import read_onnx

            states = read_onnx(folder, self.threads)
        network, schema, settings = read_model(
            folder, floor, merge=self.merge, encoder=states is None, trainable=False
        )
        predictor = Predictor(
            network,
            windower_of(network),
            device=self.device,
            autocast=self.autocast,
            word_states=states,
        )
        return predictor, schema, settings


def _load_stack(folder: StackFolder, accuracy: str | None, runs: _Runs) -> Extractor:
    settings = read_stack(folder)
    chosen = accuracy if accuracy is not None else settings.default
    profile = next((own for name, own in settings.profiles.items() if name == chosen), None)
    if profile is None:
        raise ModelError(one_of("accuracy", chosen, [*settings.profiles]))
    members = [settings.members[place] for place in profile.members]
    # A model alone is what it is without the stack, so the stack's floor is none of its own.
    floor = None if profile.weights is None else settings.floor
    predictors = [runs.read(folder.member(member), floor)[0] for member in members]
    source: CandidateSource = predictors[0]
    if profile.weights is not None:
        source = StackPredictor(
            [
                StackMember(predictor, member.verifier)
                for predictor, member in zip(predictors, members, strict=True)
            ],
            profile.weights,
        )
    decoder = Decoder(
        Schema.read(folder.schema),
        nested=settings.nested,
        calibration=profile.calibration,
        thresholds=profile.thresholds,
    )
    return Extractor(source, decoder, name=settings.name, version=settings.version, accuracy=chosen)


def usable_device(device: str) -> str:
    """The device that is meant, "auto" being a GPU if there is one.

    Raises `ModelError` if it is not there.
    """
    if device == "auto":
        device = "cuda" if torch.cuda.is_available() else "cpu"
    try:
        torch.empty(0, device=device)
    except (RuntimeError, AssertionError) as error:
        raise ModelError(
            f"Device {device!r} cannot be used: {str(error).splitlines()[0]}"
        ) from error
    return device


class Extractor:
    """Extracts entities and triples with qualifiers from texts; made by `load`.

    `entities` says what the model's figures are about: entities that it finds, or given ones.
    """

    def __init__(
        self,
        predictor: CandidateSource,
        decoder: Decoder,
        *,
        name: str,
        version: str,
        accuracy: str | None = None,
        entities: Literal["found", "given"] = "found",
        exit_layer: int | None = None,
    ) -> None:
        self._predictor = predictor
        self._decoder = decoder
        self.name = name
        self.version = version
        self._back_off: bool | None = None
        self.accuracy = accuracy  # of a stack: the profile that runs
        self.entities = entities
        self.exit_layer = exit_layer  # the layer that the model ends after; None: its last

    @property
    def schema(self) -> Schema:
        """What the model can extract, were it not restricted."""
        return self._decoder.schema

    @property
    def backs_off(self) -> bool:
        """Whether some relation may stand for those below it."""
        return self._decoder.back_off and any(r.parents for r in self.schema.relations)

    def restricted(self, schema: Schema) -> Extractor:
        """An extractor of the same model that gives only what a schema admits.

        Labels are matched by name, id, IRI or alias (see `extract.decode.restrict.restrict`); what the
        schema has and the model does not is reported in one warning.

        Raises `SchemaError` if the model knows none of the schema's relations.
        """
        back_off = self._back_off
        if back_off is None:
            back_off = any(relation.parents for relation in schema.relations)
        restriction = restrict(self.schema, schema, self.full_name, hierarchy=back_off)
        if (unknown := restriction.report()) is not None:
            logger.warning(
                "%s does not know of schema %s: %s", self.full_name, schema.name, unknown
            )
        decoder = replace(
            self._decoder,
            schema=restriction.schema,
            limits=restriction.limits,
            back_off=back_off,
        )
        held = Extractor(
            self._predictor,
            decoder,
            name=self.name,
            version=self.version,
            accuracy=self.accuracy,
            entities=self.entities,
            exit_layer=self.exit_layer,
        )
        held._back_off = self._back_off
        return held

    def biased(self, bias: RelationBias) -> Extractor:
        """An extractor of the same model whose decoder adds `bias` to the log-odds of triples."""
        biased = copy(self)
        biased._decoder = replace(self._decoder, bias=bias)
        return biased

    @property
    def full_name(self) -> str:
        """Name and version, as written to outputs, with the accuracy of a stack or an early exit."""
        early = None if self.exit_layer is None else f"exit-{self.exit_layer}"
        return " ".join(filter(None, [self.name, self.version, self.accuracy, early]))

    # A text is an iterable of texts to the type checker, but the first match decides.
    @overload
    def extract(  # type: ignore[overload-overlap]
        self,
        texts: str,
        *,
        batch_size: int = ...,
        threshold: float | None = ...,
        explain: bool = ...,
    ) -> Document: ...

    @overload
    def extract(
        self,
        texts: Iterable[str | tuple[str, str]],
        *,
        batch_size: int = ...,
        threshold: float | None = ...,
        explain: bool = ...,
    ) -> Iterator[Document]: ...

    def extract(
        self,
        texts: str | Iterable[str | tuple[str, str]],
        *,
        batch_size: int = 32,
        threshold: float | None = None,
        explain: bool = False,
    ) -> Document | Iterator[Document]:
        """Extract from one text (gives a `Document`) or from many (gives an iterator of them).

        Args:
            texts: a text, or texts or (id, text) pairs; ids default to "doc-1", "doc-2", ...
                They are read as results are taken, a few batches ahead, so streams may be endless.
            batch_size: windows (sentences, mostly) the encoder reads at once. Changes speed, not results.
            threshold: least probability of triples and qualifiers; None takes the model's own.
            explain: whether documents say what decoding left out (`Document.removed`).

        Raises `InputError` for a text that is not a string, and for settings out of range.
        """
        _check(batch_size, threshold)
        if isinstance(texts, str):
            return next(self._documents(iter([texts]), batch_size, threshold, explain))
        if not isinstance(texts, Iterable):
            raise InputError(f"Expected a text or texts, got {type(texts).__name__}.")
        return self._documents(iter(texts), batch_size, threshold, explain)

    def predict(
        self,
        sentences: Iterable[Sentence],
        *,
        batch_size: int = 32,
        threshold: float | None = None,
        entities: Literal["found", "given"] = "found",
    ) -> Iterator[Sentence]:
        """Replace the annotation of sentences, whose words are taken as they are, by predictions.

        The text of an entity is its words with their gaps as spaces, since no text is given.

        Args:
            sentences: read as results are taken, a few batches ahead.
            batch_size, threshold: as for `extract`.
            entities: "given" keeps the entities of the sentences, with their types as far as the schema
                has them, and predicts triples among them alone.

        Raises `InputError` for settings out of range, and `ModelError` if the model's head cannot take
        entities as given.
        """
        _check(batch_size, threshold)
        if entities not in ("found", "given"):
            raise InputError(one_of("kind of entities", entities, ["found", "given"]))
        given = entities == "given"
        for sentence, candidates in self._predictor.stream(sentences, batch_size, given=given):
            known = sentence.entities if given else None
            yield self._decoder.decode(None, sentence, candidates, threshold, known)

    def by_sentence(
        self,
        texts: Iterable[str | tuple[str, str]],
        *,
        batch_size: int = 32,
        threshold: float | None = None,
        explain: bool = False,
    ) -> Iterator[tuple[Document, Iterator[Sentence]]]:
        """As `extract`, for texts so long that what is found in one should not be held at once.

        Gives each document without its sentences, and its sentences as they are found; what is not taken of
        them when the next document is asked for is skipped.

        Raises as `extract`.
        """
        _check(batch_size, threshold)
        if isinstance(texts, str) or not isinstance(texts, Iterable):
            raise InputError(f"Expected texts in a list or a stream, got {type(texts).__name__}.")
        return self._by_sentence(iter(texts), batch_size, threshold, explain)

    def _documents(
        self,
        texts: Iterator[str | tuple[str, str]],
        batch_size: int,
        threshold: float | None,
        explain: bool,
    ) -> Iterator[Document]:
        for document, sentences in self._by_sentence(texts, batch_size, threshold, explain):
            yield replace(document, sentences=tuple(sentences))

    def _by_sentence(
        self,
        texts: Iterator[str | tuple[str, str]],
        batch_size: int,
        threshold: float | None,
        explain: bool,
    ) -> Iterator[tuple[Document, Iterator[Sentence]]]:
        stream = DocumentStream(
            texts,
            context=bool(self._predictor.context_words),
            removed=() if explain else None,
        )

        def decoded(document: Document, parts: Iterator[Part[Candidates]]) -> Iterator[Sentence]:
            for _, sentence, candidates, _ in parts:
                if sentence.tokens:
                    sentence = self._decoder.decode(
                        document.text, sentence, candidates, threshold, explain=explain
                    )
                    document.check(sentence)
                    yield sentence
                elif explain:  # of a document without words: it says that none was removed
                    yield sentence

        parts = stream.parts(self._predictor.stream(stream.sentences(), batch_size))
        for first in parts:
            own = up_to_last(first, parts)
            document = Document(first.document.text, (), first.document.name, self.full_name)
            yield document, decoded(document, own)
            deque(own, maxlen=0)


def _check(batch_size: int, threshold: float | None) -> None:
    if batch_size < 1:
        raise InputError(f"Expected a batch_size of at least 1, got {batch_size}.")
    if threshold is not None and not 0 <= threshold <= 1:
        raise InputError(f"Expected a threshold in [0, 1], got {threshold}.")
