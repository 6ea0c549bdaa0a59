"""Valid files of every kind that is read, to be damaged. Corpora have theirs in `tests.corpora.cases`."""

from __future__ import annotations

import gzip
import io
import json
import tempfile
from pathlib import Path
from typing import Any

from tests.conftest import FIXTURES, ROOT
from tests.corpora.cases import TRIPACK, lines
from tests.corpora.test_hub import ROWS

MODEL = ROOT / "extract" / "models" / "wikidata-small"
TEXT = "Ada Mayfield led North Rail until 1967.\r\nShe lives in Tørvik \U0001f600.\n"
JSON_LINES = lines({"id": "a", "text": TEXT}, {"text": "Ada", "id": 7, "more": [1, None]})
CSV = 'id,text\r\na,"Ada, of ""Torvik""\nleft."\r\nb,Rain\r\n'
SCHEMA = {
    "name": "people",
    "entity_types": [{"name": "Agent"}, {"name": "PER", "parents": ["Agent"], "aliases": ["man"]}],
    "relations": [
        {"name": "knows", "id": "P1", "domain": ["PER"], "range": ["Agent"], "symmetric": True},
        {"name": "leads", "inverse": "led by", "pairs": [["PER", "Agent", 3]], "count": 3},
        {"name": "led by", "inverse": "leads", "parents": ["knows"], "functional": True},
    ],
    "qualifiers": [{"name": "until", "relations": ["leads"], "range": ["Agent"]}],
}
NTRIPLES = (
    "<http://e.org/A> <http://www.w3.org/1999/02/22-rdf-syntax-ns#type> "
    "<http://www.w3.org/2002/07/owl#Class> .\n"
    '<http://e.org/A> <http://www.w3.org/2000/01/rdf-schema#label> "agent"@en .\n'
)
RDF_XML = (
    '<?xml version="1.0"?><rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#" '
    'xmlns:owl="http://www.w3.org/2002/07/owl#"><owl:Class rdf:about="http://e.org/A"/>'
    '<owl:ObjectProperty rdf:about="http://e.org/p"/></rdf:RDF>'
)
ALIASES = '{"Muhammad Ali": ["Cassius Clay", "Clay"], "Aristotle": []}'
PRIOR = {
    "source": "graph",
    "strength": 10.0,
    "pairs": [
        {"subject": "PER", "object": "", "occasions": 3, "relations": {"knows": 2}},
        {"subject": "", "object": "LOC", "occasions": 1, "relations": {}},
    ],
}
ONNX = {
    "format": 1,
    "precision": "int8",
    "sha256": "0" * 64,
    "weights_sha256": "1" * 64,
    "onnxruntime": "1.20.0",
    "closeness": {"n": 3, "largest": 0.01, "mean": 0.001},
    "dev": {"corpus": "conll04", "n_sentences": 3, "f1": {"strict": {"torch": 1.0, "onnx": 1.0}}},
}
STACK = {
    "format": 1,
    "name": "two",
    "version": "1.0.0",
    "members": [
        {"folder": "members/1", "name": "a", "version": "1", "head": "table"},
        {"folder": "members/2", "name": "b", "version": "1", "head": "table", "verifier": True},
    ],
    "profiles": {"fast": {"members": [0]}},
    "default": "fast",
}
MANIFEST = {
    "format": 1,
    "tripack": "0.1.0",
    "inputs": [{"name": "a.txt", "path": "a.txt", "n_bytes": 3, "sha256": "0" * 64}],
    "model": {"name": "m", "version": "1", "sha256": "1" * 64},
    "settings": {"shard_size": 10, "format": "jsonl"},
    "shards": {
        "0": {
            "file": "part-000000.jsonl",
            "first": 1,
            "n_documents": 1,
            "n_triples": 0,
            "n_bytes": 3,
            "sha256": "2" * 64,
        }
    },
}
OVERRIDES = "training.epochs=3\nname=other\ncorpora.0.dev=file\nmodel.head.width=16\nseed=7\n"
RELATIONS = [
    {
        "label": "led",
        "head": {"start": 0, "end": 2, "start_char": 0, "end_char": 12, "text": "Ada Mayfield"},
        "tail": {"start": 3, "end": 5, "start_char": 17, "end_char": 27, "text": "North Rail"},
        "score": 0.7,
        "qualifiers": [],
    }
]


def as_json(value: Any) -> bytes:
    """The value as indented JSON."""
    return json.dumps(value, ensure_ascii=False, indent=1).encode()


def recipes() -> list[bytes]:
    """Recipes that are shipped, of several heads."""
    names = ("conll04-minilm", "wikidata-small", "scierc-proposer")
    return [(ROOT / "recipes" / f"{name}.toml").read_bytes() for name in names]


def turtle() -> list[bytes]:
    """An ontology with every construct that is read."""
    return [(FIXTURES / "schemas" / "people.ttl").read_bytes()]


def model_file(name: str) -> list[bytes]:
    """A file of the bundled model."""
    return [(MODEL / name).read_bytes()]


def documents() -> list[bytes]:
    """What `tripack extract` writes, with and without a second document."""
    other = TRIPACK | {"id": "doc-8", "model": "m 1", "triples": []}
    return [lines(TRIPACK).encode(), lines(TRIPACK, other).encode(), JSON_LINES.encode()]


def parquet() -> list[bytes]:
    """Tables of texts with ids, packed in two ways."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    table = pa.table({"id": ["a", None, "c"], "text": ["Ada", "", "Tørvik"], "n": [1, 2, 3]})
    made = []
    for compression in ("none", "zstd"):
        stream = io.BytesIO()
        pq.write_table(table, stream, compression=compression)
        made.append(stream.getvalue())
    return made


def gzipped(contents: list[bytes]) -> list[bytes]:
    """The same, compressed with gzip."""
    return [gzip.compress(content, mtime=0) for content in contents]


def zstandard(contents: list[bytes]) -> list[bytes]:
    """The same, compressed with Zstandard."""
    import zstandard

    return [zstandard.ZstdCompressor().compress(content) for content in contents]


def weights() -> list[bytes]:
    """Tensors of several types as a safetensors file."""
    import torch
    from safetensors.torch import save

    tensors = {
        "head.a": torch.zeros(2, 3, dtype=torch.float16),
        "head.b": torch.arange(4),
        "encoder.model.c": torch.zeros(0, 5),
    }
    return [save(tensors)]


def fact_base() -> list[bytes]:
    """The facts of a stored graph."""
    from extract.kg.facts import facts_of
    from extract.kg.store import GraphStore

    with tempfile.TemporaryDirectory() as name:
        with GraphStore(name, write=True) as store:
            store.add(facts_of(TRIPACK))
            store.derive()
        return [Path(name, "facts.sqlite").read_bytes()]


def hub_rows() -> dict[str, bytes]:
    """A row of the hub of each corpus whose layout there is read."""
    return {name: as_json(row) for name, (row, _) in ROWS.items()}
