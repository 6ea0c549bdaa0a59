"""Every reader of files, with valid files to damage; `check` holds it to what all of them promise.

Whatever a file holds, it is read, or refused by one `TripackError` whose message is one line of bearable
length that names the file or its folder.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

from spacy.tokens import Doc
from spacy.vocab import Vocab

import corpora
from corpora.files import Place, read_json
from corpora.text2kgbench import read_ontology
from extract.errors import CorpusError, TripackError
from extract.interfaces.batch.manifest import read_manifest
from extract.interfaces.cli.graph.inputs import open_inputs, read_inputs
from extract.interfaces.io.settings import ReadSettings
from extract.interfaces.io.sources import Source
from extract.interfaces.spacy_relations import relations_from_json
from extract.kg.alias_file import read_aliases
from extract.kg.builder import build_graph
from extract.kg.prior import RelationPrior
from extract.kg.rdf import graph_quads
from extract.kg.store import GraphStore
from extract.kg.structures import DocumentFacts
from extract.models.folder import ModelFolder, read_checked, read_settings, read_weights
from extract.models.registry import read_info
from extract.models.stack_folder import StackSettings
from extract.runtime.onnx_folder import OnnxFiles
from extract.schema import Schema
from extract.schemas.read import read_schema
from extract.training.recipe import read_recipe
from tests.conftest import ROOT
from tests.corpora.cases import FILES, ONTOLOGY
from tests.fuzz import seeds

LONGEST = 2000  # characters of a message


@dataclass(frozen=True)
class FileReader:
    """A reader of one kind of file.

    Args:
        file: the path below a folder at which it reads.
        make: gives files that it reads.
        read: reads it. Raises `TripackError`, and nothing else.
        beside: files that stand with it.
    """

    file: str
    make: Callable[[], list[bytes]]
    read: Callable[[Path], object]
    beside: Mapping[str, bytes] = field(default_factory=dict)

    @cached_property
    def seeds(self) -> list[bytes]:
        """Files that it reads."""
        return self.make()

    def place(self, folder: Path) -> Path:
        """Where the file belongs below a folder, with what stands beside it written."""
        for name, content in self.beside.items():
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            (folder / name).write_bytes(content)
        path = folder / self.file
        path.parent.mkdir(parents=True, exist_ok=True)
        return path

    def check(self, path: Path, content: bytes) -> bool:
        """Whether the content is read. Raises whatever it should not raise."""
        path.write_bytes(content)
        try:
            self.read(path)
        except TripackError as error:
            message = str(error)
            assert len(message) <= LONGEST, f"{len(message)} characters: {message[:200]}"
            assert not {"\n", "\r"} & set(message), f"more than one line: {message!r}"
            assert str(path.parent) in message, f"names neither file nor folder: {message}"
            return False
        return True


def _corpus(name: str) -> Callable[[Path], object]:
    def read(path: Path) -> None:
        with _place_of(path):
            examples = corpora.read(name, path)["file"]
        assert examples
        for example in examples:
            assert corpora.from_row(corpora.to_row(example)) == example
            for entity in example.sentence.entities:
                assert example.text[entity.start_char : entity.end_char] == entity.text
            example.text.encode("utf-8")

    return read


@contextmanager
def _place_of(path: Path) -> Iterator[None]:
    """Refusals of a corpus file say where in it the fault is, and are of no other kind."""
    try:
        yield
    except TripackError as error:
        assert isinstance(error, CorpusError), repr(error)
        assert str(error).startswith(f"{path}, line "), str(error)
        raise


def _ontology(path: Path) -> None:
    with _place_of(path):
        read_ontology(path).to_dict()


def _hub_row(name: str) -> Callable[[Path], object]:
    def read(path: Path) -> None:
        _, row = read_json(path)
        if isinstance(row, dict):  # what `datasets` gives is one
            list(corpora.get(name).from_hub_row(row, Place(path, 1)))

    return read


def _input(**settings: Any) -> Callable[[Path], object]:
    def read(path: Path) -> None:
        # Bad records left out, it reads on; each id and text can be written.
        for skip_bad in (True, False):
            for id, text in Source.open(str(path), ReadSettings(skip_bad=skip_bad, **settings)):
                (id + text).encode("utf-8")

    return read


@contextmanager
def _of(path: Path) -> Iterator[None]:
    """Name the file in errors about what is not read as one."""
    try:
        yield
    except TripackError as error:
        raise type(error)(f"{path}: {error}") from error


def _graph(path: Path) -> None:
    sources = open_inputs([str(path)], ReadSettings())
    with _of(path):  # which of several files two documents of one id are in is not said
        read = list(read_inputs(sources))
    graph = build_graph([one for one in read if isinstance(one, DocumentFacts)])
    for _ in graph_quads(graph):
        pass


def _store(path: Path) -> None:
    with GraphStore(path.parent) as store:
        store.graph()
        store.counts()
        store.is_current  # noqa: B018 (reads what is noted)


def _overrides(path: Path) -> None:
    lines = path.read_text("utf-8", errors="replace").splitlines()
    with _of(path):  # an override is no file
        read_recipe(ROOT / "recipes" / "conll04-minilm.toml", lines)


def _relations(path: Path) -> None:
    doc = Doc(Vocab(), ["Ada", "Mayfield", "led", "North", "Rail"])
    with _of(path):  # relations are no file
        relations_from_json(doc, path.read_text("utf-8", errors="replace"))


def _config(path: Path) -> None:
    read_info(path.parent)
    read_settings(ModelFolder(path.parent))


def _corpus_files() -> dict[str, FileReader]:
    files = {
        name: FileReader(file, lambda text=text: [text.encode()], _corpus(name))
        for name, (file, _, text) in FILES.items()
    }
    rows = {
        f"{name}-hub": FileReader("row.json", lambda row=row: [row], _hub_row(name))
        for name, row in seeds.hub_rows().items()
    }
    return files | rows


def _json(*values: Any) -> Callable[[], list[bytes]]:
    return lambda: [seeds.as_json(value) for value in values]


def _text(*values: str) -> Callable[[], list[bytes]]:
    return lambda: [value.encode() for value in values]


_JSONL = _text(seeds.JSON_LINES)
READERS: dict[str, FileReader] = {
    **_corpus_files(),
    "text2kgbench-ontology": FileReader("1_college_ontology.json", _json(ONTOLOGY), _ontology),
    # Inputs of `tripack extract`.
    "txt": FileReader("a.txt", _text(seeds.TEXT), _input()),
    "txt-lines": FileReader("a.txt", _text(seeds.TEXT), _input(lines=True)),
    "txt-replaced": FileReader("a.txt", _text(seeds.TEXT), _input(lines=True, errors="replace")),
    "txt-utf-16": FileReader(
        "a.txt", lambda: [seeds.TEXT.encode("utf-16")], _input(lines=True, encoding="utf-16")
    ),
    "no-suffix": FileReader("data", _text(seeds.TEXT), _input()),
    "jsonl": FileReader("a.jsonl", _JSONL, _input()),
    "jsonl-replaced": FileReader("a.jsonl", _JSONL, _input(errors="replace")),
    "csv": FileReader("a.csv", _text(seeds.CSV), _input()),
    "parquet": FileReader("a.parquet", seeds.parquet, _input()),
    "txt.gz": FileReader("a.txt.gz", lambda: seeds.gzipped([seeds.TEXT.encode()]), _input()),
    "jsonl.gz": FileReader("a.jsonl.gz", lambda: seeds.gzipped(_JSONL()), _input()),
    "jsonl.zst": FileReader("a.jsonl.zst", lambda: seeds.zstandard(_JSONL()), _input()),
    "csv.zst": FileReader("a.csv.zst", lambda: seeds.zstandard([seeds.CSV.encode()]), _input()),
    "parquet.gz": FileReader("a.parquet.gz", lambda: seeds.gzipped(seeds.parquet()), _input()),
    # Schemas.
    "schema": FileReader("a.json", _json(seeds.SCHEMA), read_schema),
    "schema-any": FileReader(
        "schema", lambda: [*_json(seeds.SCHEMA, ONTOLOGY)(), *seeds.turtle()], read_schema
    ),
    "schema-ontology": FileReader("a.json", _json(ONTOLOGY), read_schema),
    "turtle": FileReader("a.ttl", seeds.turtle, read_schema),
    "ntriples": FileReader("a.nt", _text(seeds.NTRIPLES), read_schema),
    "rdf-xml": FileReader("a.rdf", _text(seeds.RDF_XML), read_schema),
    # Recipes and model folders.
    "recipe": FileReader("a.toml", seeds.recipes, read_recipe),
    "overrides": FileReader("a.txt", _text(seeds.OVERRIDES), _overrides),
    "config": FileReader("m/config.json", lambda: seeds.model_file("config.json"), _config),
    "model-schema": FileReader("schema.json", _json(seeds.SCHEMA), Schema.read),
    "weights": FileReader(
        "m/model.safetensors", seeds.weights, lambda path: read_weights(ModelFolder(path.parent))
    ),
    "onnx": FileReader(
        "m/onnx.json", _json(seeds.ONNX), lambda path: OnnxFiles(ModelFolder(path.parent)).read()
    ),
    "stack": FileReader(
        "s/stack.json", _json(seeds.STACK), lambda p: read_checked(p, StackSettings, 1, "stack")
    ),
    "manifest": FileReader("o/manifest.json", _json(seeds.MANIFEST), read_manifest),
    # What graphs are made from.
    "aliases": FileReader("a.json", _text(seeds.ALIASES), read_aliases),
    "prior": FileReader("a.json", _json(seeds.PRIOR), RelationPrior.read),
    "graph": FileReader("a.jsonl", seeds.documents, _graph),
    "facts": FileReader("g/facts.sqlite", seeds.fact_base, _store),
    "spacy-relations": FileReader(
        "relations.json", lambda: [json.dumps(seeds.RELATIONS).encode()], _relations
    ),
}
