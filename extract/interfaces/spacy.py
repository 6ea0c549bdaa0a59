"""The spaCy component "tripack": relations with qualifiers, and their entities, on a `Doc`.

    nlp = spacy.blank("en")
    nlp.add_pipe("tripack")        # found by its entry point, nothing to import
    doc = nlp("Marie Curie was born in Warsaw.")
    doc._.triples                  # [("Marie Curie", "place of birth", "Warsaw")]

What lands on the `Doc` is plain (dict, list, str, int, float), so `Doc.to_bytes`, `Doc.to_json`,
`DocBin` and worker processes carry it. A relation is

    {"id", "label", "score", "head", "tail", "qualifiers": [{"id", "label", "score", "value"}],
     "evidence"}

whose head, tail, value are {"start", "end", "start_char", "end_char", "label", "text"}: characters
exact, tokens those that hold them. `id` is the schema's identifier, "" if it has none. `evidence`
is the range of the sentence in tokens and characters, {} if unknown.
"""

from __future__ import annotations

import keyword
import logging
import os
import shutil
import tempfile
import warnings
from collections.abc import Callable, Iterable, Iterator
from dataclasses import asdict, dataclass, fields, replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import srsly
from spacy.language import Language
from spacy.pipeline import Pipe
from spacy.scorer import Scorer, get_ner_prf
from spacy.tokens import Doc, SpanGroup
from spacy.training import Example
from spacy.util import minibatch

from extract.errors import InputError, ModelError, SchemaError, one_of
from extract.interfaces.spacy_relations import (
    entity_spans,
    misfit,
    read_value,
    register_extensions,
    relation_from_triple,
    relations_from_json,
    score_relations,
    set_ents,
    stored_relations,
)
from extract.models.registry import BUNDLED, resolve
from extract.schema import Schema
from extract.structures import Document

if TYPE_CHECKING:
    from extract.pipeline import Extractor

__all__ = ["Settings", "TripackComponent", "make_tripack", "relations_from_json"]

logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Settings:
    """What `nlp.add_pipe("tripack", config=...)` may set. Raises `InputError` for bad values."""

    model: str = "wikidata-small"  # a bundled model's name or a model folder
    threshold: float | None = None  # least score, in [0, 1]; None: the model's own
    batch_size: int = 32  # documents read at once, at most
    attr: str = "relations"  # relations go to doc._.ATTR
    set_ents: bool = True  # whether to fill doc.ents where it is empty
    overwrite_ents: bool = False  # whether to replace the entities that are in doc.ents
    spans_key: str = "tripack"  # every entity, nested or not, goes to doc.spans[KEY]
    device: str = "cpu"  # where the model runs: "cpu", "cuda", "auto"
    accuracy: str | None = None  # of a stack: "fast", "balanced", "best"; None: the stack's own
    decoder: str = "greedy"  # search for what is kept: "greedy", "beam", "exact", "cp-sat"
    runtime: str = "torch"  # what computes: "torch", "onnx" (an exported folder), "auto"
    dtype: str = "auto"  # of the torch runtime: "auto", "float32", "bfloat16"

    def __post_init__(self) -> None:
        if self.threshold is not None and not 0.0 <= self.threshold <= 1.0:
            raise InputError(
                f"Expected threshold to be null or in [0, 1], got {self.threshold}. "
                "Scores are probabilities."
            )
        if self.batch_size < 1:
            raise InputError(f"Expected batch_size to be 1 or more, got {self.batch_size}.")
        taken = keyword.iskeyword(self.attr) or self.attr in ("get", "set", "has", "triples")
        if taken or not self.attr.isidentifier():
            raise InputError(
                f"Expected attr to be a Python name other than get, set, has and triples, "
                f"got {self.attr!r}. Choose another, such as 'relations'."
            )


@Language.factory(
    "tripack",
    assigns=["doc.ents", "doc.spans", "doc._.relations", "doc._.triples", "span._.relations"],
    default_config=asdict(Settings()),
    default_score_weights={
        "rel_micro_f": 1.0,
        "rel_micro_p": 0.0,
        "rel_micro_r": 0.0,
        "rel_macro_f": 0.0,
        "rel_strict_f": 0.0,
        "rel_per_type": None,
    },
)
def make_tripack(
    nlp: Language,
    name: str,
    model: str,
    threshold: float | None,
    batch_size: int,
    attr: str,
    set_ents: bool,
    overwrite_ents: bool,
    spans_key: str,
    device: str,
    accuracy: str | None,
    decoder: str,
    runtime: str,
    dtype: str,
) -> TripackComponent:
    """Build the component; the fields of `Settings` say what each setting does."""
    settings = Settings(
        model,
        threshold,
        batch_size,
        attr,
        set_ents,
        overwrite_ents,
        spans_key,
        device,
        accuracy,
        decoder,
        runtime,
        dtype,
    )
    return TripackComponent(settings, name=name)


class TripackComponent(Pipe):
    """Runs an `Extractor` over documents. Not trainable: models are trained by `tripack train`.

    The model is loaded at the first document, so that building, saving and inspecting a pipeline
    need no weights.
    """

    def __init__(self, settings: Settings | None = None, *, name: str = "tripack") -> None:
        self.name = name
        self.settings = settings if settings is not None else Settings()
        self._folder: Path | None = None  # the copy of the model in a saved pipeline
        self._unpacked: tempfile.TemporaryDirectory[str] | None = None
        self._extractor: Extractor | None = None
        self._schema: Schema | None = None
        self._loaded_in = -1  # process that has the extractor ready
        self._home = os.getpid()
        self._warned = False
        register_extensions(self.settings.attr)

    @property
    def model(self) -> str | Path:
        """Name or folder of the model that is used, which may be a pipeline's own copy."""
        return self._folder if self._folder is not None else self.settings.model

    @property
    def extractor(self) -> Extractor:
        """The loaded model. Raises `ModelError` if it cannot be loaded."""
        if self._extractor is None or self._loaded_in != os.getpid():
            self._extractor = self._load(inherited=self._extractor)
            self._loaded_in = os.getpid()
        return self._extractor

    def _load(self, inherited: Extractor | None) -> Extractor:
        # torch takes seconds to import; only those who extract wait for it.
        import torch

        from extract.pipeline import load

        settings = self.settings
        device = settings.device
        make = partial(
            load,
            self.model,
            accuracy=settings.accuracy,
            decoder=settings.decoder,
            dtype=settings.dtype,
            runtime=settings.runtime,
        )
        if os.getpid() == self._home:
            return make(device=device)
        if device not in ("cpu", "auto"):
            raise ModelError(
                f"Component {self.name!r} has device {device!r} in a worker process, where only "
                "the CPU works. Set device='cpu' or use n_process=1."
            )
        # Neither OpenMP's threads nor ONNX Runtime's survive a fork: a worker that waits for them hangs.
        torch.set_num_threads(1)
        if inherited is not None and device == "cpu" and settings.runtime == "torch":
            return inherited
        return make(device="cpu", threads=1)

    def __call__(self, doc: Doc) -> Doc:
        """Annotate one document in place."""
        self.set_annotations([doc], self.predict([doc]))
        return doc

    def pipe(self, stream: Iterable[Doc], *, batch_size: int | None = None) -> Iterator[Doc]:
        """Annotate documents in batches of the smaller of the two batch sizes, in order.

        A batch that fails is read again one document at a time, and the documents that fail by
        themselves go to the error handler. A model that cannot be loaded always raises.
        """
        size = self.settings.batch_size
        if batch_size is not None:
            size = max(1, min(size, batch_size))
        for docs in minibatch(stream, size):
            _ = self.extractor  # a missing model is no fault of a document
            yield from docs if self._annotated(docs) else self._pipe_singly(docs)

    def _annotated(self, docs: list[Doc]) -> bool:
        try:
            self.set_annotations(docs, self.predict(docs))
        except Exception as error:
            n_docs = len(docs)
            logger.info("A batch of %d failed (%s); reading one document at a time.", n_docs, error)
            return False
        return True

    def _pipe_singly(self, docs: list[Doc]) -> Iterator[Doc]:
        handle = self.get_error_handler()
        for doc in docs:
            try:
                self(doc)
            except Exception as error:
                handle(self.name, self, [doc], error)
            else:
                yield doc

    def predict(self, docs: Iterable[Doc]) -> list[Document]:
        """What the model finds in each document."""
        return list(
            self.extractor.extract(
                (doc.text for doc in docs),
                batch_size=self.settings.batch_size,
                threshold=self.settings.threshold,
            )
        )

    def set_annotations(self, docs: Iterable[Doc], documents: Iterable[Document]) -> None:
        """Write predictions to the documents they were made for."""
        for doc, document in zip(docs, documents, strict=True):
            spans, scores = entity_spans(doc, document.entities)
            attrs = {"model": document.model, "scores": scores}
            relations = [relation_from_triple(doc, triple) for triple in document.triples]
            self._warn_if_foreign(doc)
            key = self.settings.spans_key
            doc.spans[key] = SpanGroup(doc, name=key, attrs=attrs, spans=spans)
            if self.settings.set_ents and (self.settings.overwrite_ents or not doc.ents):
                set_ents(doc, spans, keep_blocked=not self.settings.overwrite_ents)
            doc._.set(self.settings.attr, relations)

    def _warn_if_foreign(self, doc: Doc) -> None:
        value = read_value(doc, self.settings.attr)
        if value and not self._warned and misfit(value) is not None:
            self._warned = True
            warnings.warn(
                f"doc._.{self.settings.attr} holds a value that tripack did not write "
                f"({type(value).__name__}); it is replaced. To keep both, give tripack another "
                f'name: nlp.add_pipe("tripack", config={{"attr": "tripack_relations"}}).',
                stacklevel=2,
            )

    @property
    def schema(self) -> Schema:
        """What the model may extract, read without loading its weights."""
        if self._schema is None:
            self._schema = Schema.read(resolve(self.model) / "schema.json")
        return self._schema

    @property
    def labels(self) -> tuple[str, ...]:
        """The relations of the model; none while the model cannot be found.

        spaCy asks before a saved pipeline has told where its model lies, so this cannot raise.
        """
        try:
            return tuple(self.schema.relation_names)
        except (ModelError, SchemaError) as error:
            logger.debug("No labels yet: %s", error)
            return ()

    @property
    def label_data(self) -> dict[str, list[str]]:
        """Names by kind, in the form that `initialize(labels=...)` takes."""
        return {
            "relations": list(self.schema.relation_names),
            "entity_types": list(self.schema.entity_names),
            "qualifiers": list(self.schema.qualifier_names),
        }

    def initialize(
        self,
        get_examples: Callable[[], Iterable[Example]],
        *,
        nlp: Language | None = None,
        labels: dict[str, list[str]] | list[str] | None = None,
    ) -> None:
        """Check that the model knows the labels; there is nothing to learn.

        `labels` are relations, or names by kind as in `label_data`: unknown ones raise
        `SchemaError`. Relations of the examples that the model cannot predict are logged.
        """
        known = self.label_data
        wanted = labels if isinstance(labels, dict) else {"relations": list(labels or ())}
        for kind, names in wanted.items():
            if kind not in known:
                raise SchemaError(one_of("kind of label", kind, list(known)))
            for name in names:
                if name not in known[kind]:
                    raise SchemaError(one_of(f"label in {kind}", name, known[kind]))
        found = {
            relation["label"]
            for example in get_examples()
            for relation in stored_relations(example.reference, self.settings.attr) or ()
        }
        if unknown := sorted(found - set(known["relations"])):
            logger.warning(
                "%d relations of the examples are not among the %d of model %s: %s.",
                len(unknown),
                len(known["relations"]),
                self.model,
                ", ".join(unknown),
            )

    def score(self, examples: Iterable[Example], **kwargs: Any) -> dict[str, Any]:
        """Scores of relations (see `score_relations`) and entities, None without gold.

        Entities: `spans_KEY_p/r/f/per_type` for doc.spans, `ents_p/r/f/per_type` for doc.ents.
        """
        examples = list(examples)
        key = self.settings.spans_key
        scores: dict[str, Any] = Scorer.score_spans(
            examples,
            f"spans_{key}",
            getter=lambda doc, _: doc.spans.get(key, []),
            has_annotation=lambda doc: key in doc.spans,
            allow_overlap=True,
        )
        if self.settings.set_ents:
            scores |= get_ner_prf(examples)
        return scores | score_relations(examples, self.settings.attr)

    def to_disk(self, path: str | Path, *, exclude: Iterable[str] = ()) -> None:
        """Write the settings, and a copy of the model if it is a folder, to a folder.

        A bundled model is stored by its name. `exclude=["model"]` leaves the copy out.
        """
        path = Path(path)
        path.mkdir(parents=True, exist_ok=True)
        folder = None if "model" in exclude else self._model_folder()
        if folder is not None:
            _copy_folder(folder, path / "model")
        state = {"settings": asdict(self.settings), "has_model": folder is not None}
        srsly.write_json(path / "component.json", state)

    def from_disk(self, path: str | Path, *, exclude: Iterable[str] = ()) -> TripackComponent:
        """Read what `to_disk` wrote; a folder without it changes nothing.

        A setting that the component was built with and that is not the default stays, so that
        `spacy.load(path, config=...)` can override what is stored.
        """
        path = Path(path)
        if (path / "component.json").is_file():
            state = _checked(srsly.read_json(path / "component.json"))
            copied = state.get("has_model") and "model" not in exclude
            self._restore(state["settings"], path / "model" if copied else None)
        return self

    def to_bytes(self, *, exclude: Iterable[str] = ()) -> bytes:
        """What `to_disk` writes, as bytes; a model folder goes in whole."""
        folder = None if "model" in exclude else self._model_folder()
        files = {} if folder is None else _read_files(folder)
        return srsly.msgpack_dumps({"settings": asdict(self.settings), "files": files})

    def from_bytes(self, data: bytes, *, exclude: Iterable[str] = ()) -> TripackComponent:
        """Read what `to_bytes` wrote; a model folder is unpacked for as long as this lives."""
        state = _checked(srsly.msgpack_loads(data))
        folder = None
        if state.get("files") and "model" not in exclude:
            self._unpacked = tempfile.TemporaryDirectory(prefix="tripack-")
            folder = Path(self._unpacked.name)
            _write_files(folder, state["files"])
        self._restore(state["settings"], folder)
        return self

    def _model_folder(self) -> Path | None:
        """The model folder to copy; None for a bundled model, which its name finds anywhere."""
        try:
            folder = resolve(self.model)
        except ModelError as error:
            logger.warning("Component %r is saved without its model. %s", self.name, error)
            return None
        return None if folder.parent == BUNDLED else folder

    def _restore(self, stored: dict[str, Any], folder: Path | None) -> None:
        known = {field.name: field.default for field in fields(Settings)}
        if unknown := sorted(set(stored) - set(known)):
            raise InputError(
                f"Stored settings of {self.name!r} have unknown names: {', '.join(unknown)}. "
                "They may come from a newer tripack: update it."
            )
        built = asdict(self.settings)
        kept = {name: built[name] for name in known if built[name] != known[name]}
        self.settings = replace(Settings(**stored), **kept)
        self._folder = folder if self.settings.model == stored.get("model") else None
        self._extractor = self._schema = None
        register_extensions(self.settings.attr)

    def __reduce__(self) -> tuple[Any, ...]:
        # A pickle carries no weights: the process that opens it loads them when it needs them.
        data = self.to_bytes() if self._unpacked is not None else None
        handler = getattr(self, "error_handler", None)
        return _rebuild, (self.settings, self.name, self._folder, data, handler, self._home)


def _rebuild(
    settings: Settings,
    name: str,
    folder: Path | None,
    data: bytes | None,
    handler: Callable[..., Any] | None,
    home: int,
) -> TripackComponent:
    component = TripackComponent(settings, name=name)
    component._folder, component._home = folder, home
    if data is not None:
        component.from_bytes(data)
    if handler is not None:
        component.set_error_handler(handler)
    return component


def _checked(state: Any) -> dict[str, Any]:
    if isinstance(state, dict) and isinstance(state.get("settings"), dict):
        return state
    raise InputError(
        f"Expected the stored data of a tripack component, got {type(state).__name__} "
        "without 'settings'. Save the pipeline again."
    )


def _copy_folder(source: Path, target: Path) -> None:
    """Replace `target`, in which an interrupted copy is never found."""
    if source.resolve() == target.resolve():
        return
    part = target.with_name(target.name + ".part")
    shutil.rmtree(part, ignore_errors=True)
    shutil.copytree(source, part)
    shutil.rmtree(target, ignore_errors=True)
    part.rename(target)


def _read_files(folder: Path) -> dict[str, bytes]:
    files = sorted(path for path in folder.rglob("*") if path.is_file())
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in files}


def _write_files(folder: Path, files: dict[str, bytes]) -> None:
    for name, content in files.items():
        path = folder / name
        if not path.resolve().is_relative_to(folder.resolve()):
            raise InputError(f"Expected file names within a model folder, got {name!r}.")
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
