"""A knowledge graph from the documents of Re-DocRED: time, size, answers, and what a killed run leaves.

    python -m benchmarks.graph --out benchmarks/results/graph-re_docred.json

Texts are the corpus's words with blanks between them; the bundled model extracts, `tripack graph` builds.
Everything runs as commands, the way a user types them. A run is killed (SIGKILL) at several moments and run
again until it ends; its RDF must equal that of the run that was left alone, byte for byte as sorted N-Quads.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import resource
import signal
import sqlite3
import subprocess
import sys
import tempfile
import time
from collections import defaultdict
from collections.abc import Sequence
from contextlib import closing
from importlib.metadata import version
from pathlib import Path
from typing import Any

import corpora
from extract.kg.store import GraphStore
from extract.versions import environment

QUERIES = {
    "Who was educated where, by the surest statements?": """
        SELECT ?person ?school ?score {
          ?statement rdf:reifies <<( ?s wdt:P69 ?o )>> ; tp:score ?score .
          ?s rdfs:label ?person . ?o rdfs:label ?school
        } ORDER BY DESC(?score) ?person ?school LIMIT 5""",
    "Which statements do most documents support?": """
        SELECT ?subject ?relation ?object (COUNT(DISTINCT ?document) AS ?documents) {
          ?statement rdf:reifies <<( ?s ?p ?o )>> ; prov:wasDerivedFrom/oa:hasSource ?document .
          ?s rdfs:label ?subject . ?p rdfs:label ?relation . ?o rdfs:label ?object
        } GROUP BY ?statement ?subject ?relation ?object
        ORDER BY DESC(?documents) ?subject ?object LIMIT 5""",
    "Which sentence says so, under which qualifier?": """
        SELECT ?subject ?relation ?object ?qualifier ?value ?sentence {
          ?statement rdf:reifies <<( ?s ?p ?o )>> ; ?q ?v ;
            prov:wasDerivedFrom/oa:hasSelector/oa:exact ?sentence .
          ?reifier rdf:reifies <<( ?statement ?q ?v )>> ; tp:score ?score .
          ?s rdfs:label ?subject . ?p rdfs:label ?relation . ?o rdfs:label ?object .
          ?q rdfs:label ?qualifier . OPTIONAL { ?v rdfs:label ?name }
          BIND(COALESCE(?name, STR(?v)) AS ?value)
        } ORDER BY DESC(?score) ?subject ?object ?sentence LIMIT 5""",
}
_TRIPACK = [sys.executable, "-m", "extract.interfaces.cli"]


def main(arguments: Sequence[str] | None = None) -> None:
    """Parse the arguments, measure, write the figures."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--model", default="wikidata-small")
    parser.add_argument("--documents", type=int, help="only so many; default: all")
    parser.add_argument("--extracted", type=Path, help="extract into this file, or reuse it")
    parser.add_argument(
        "--kills", type=int, default=6, help="how often the run is killed, an even number"
    )
    parser.add_argument("--out", type=Path, required=True)
    given = parser.parse_args(arguments)
    with tempfile.TemporaryDirectory() as folder:
        extracted = given.extracted or Path(folder) / "extracted.jsonl"
        extraction = _extract(given.model, given.documents, extracted, Path(folder))
        result = {
            "corpus": "re_docred",
            "split": "dev",
            "models": _models(extracted),
            "extraction": extraction,
            **measured(extracted, Path(folder), given.kills),
            "pyoxigraph": version("pyoxigraph"),
            "environment": environment(),
        }
    text = json.dumps(result, indent=1, ensure_ascii=False) + "\n"
    given.out.write_text(text, encoding="utf-8")
    print(text)


def _extract(model: str, limit: int | None, target: Path, folder: Path) -> dict[str, Any]:
    """The corpus's documents as JSON Lines with triples; how long that took, unless it was done before."""
    if target.exists():
        return {"file": target.name, "wall_seconds": None}
    texts = folder / "texts.jsonl"
    texts.write_text("".join(_texts(limit)), encoding="utf-8")
    command = ["extract", "--input", str(texts), "--output", str(target), "--model", model]
    _, seconds = _timed(command)
    return {"file": target.name} | seconds


def _models(extracted: Path) -> list[str]:
    """The models, with versions, that the documents say extracted them."""
    with extracted.open(encoding="utf-8") as lines:
        return sorted({json.loads(line)["model"] for line in lines})


def _texts(limit: int | None) -> list[str]:
    sentences = defaultdict(list)
    for example in corpora.read("re_docred", corpora.locate("re_docred"))["dev"]:
        sentences[example.sentence.doc_id].append(example.text)
    documents = [{"id": id, "text": " ".join(own)} for id, own in sentences.items()]
    return [json.dumps(one, ensure_ascii=False) + "\n" for one in documents[:limit]]


def measured(extracted: Path, folder: Path, kills: int) -> dict[str, Any]:
    """All figures of a graph of extracted documents; stores are made below `folder`."""
    whole = folder / "whole"
    built = _tripack("build", extracted, whole)
    again = _tripack("build", extracted, whole)
    stats = _tripack("stats", None, whole)
    answers = [
        {"question": question, "sparql": " ".join(query.split())} | _answer(query, whole)
        for question, query in QUERIES.items()
    ]
    killed = _killed(extracted, folder / "killed", kills, whole)
    same = _nquads(whole) == _nquads(folder / "killed")
    if not same:
        raise SystemExit("The killed and resumed graph differs from the one built at once.")
    if again["statements"]["added"] or again["quads"]["added"]:
        raise SystemExit("Building again added something.")
    return {
        "build": built,
        "build_again": again,
        "stats": stats,
        "queries": answers,
        "killed_and_resumed": killed | {"same_nquads": same},
        "nquads_sha256": hashlib.sha256(_nquads(whole)).hexdigest(),
    }


def _tripack(name: str, extracted: Path | None, store: Path) -> dict[str, Any]:
    inputs = [] if extracted is None else [str(extracted)]
    out, seconds = _timed(["graph", name, *inputs, "--store", str(store)])
    found: dict[str, Any] = json.loads(out)
    return found | seconds


def _timed(words: list[str]) -> tuple[str, dict[str, float]]:
    """What a command prints, and its seconds by the clock and by the processor, its start included."""
    before, started = resource.getrusage(resource.RUSAGE_CHILDREN), time.perf_counter()
    run = subprocess.run([*_TRIPACK, *words], stdout=subprocess.PIPE, text=True, check=True)
    wall, after = time.perf_counter() - started, resource.getrusage(resource.RUSAGE_CHILDREN)
    cpu = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    return run.stdout, {"wall_seconds": round(wall, 2), "cpu_seconds": round(cpu, 2)}


def _answer(query: str, store: Path) -> dict[str, Any]:
    out, seconds = _timed(["graph", "query", query, "--format", "json", "--store", str(store)])
    rows = json.loads(out)["results"]["bindings"]
    answers = [{name: cell["value"] for name, cell in row.items()} for row in rows]
    return {**seconds, "answers": answers}


def _killed(extracted: Path, store: Path, kills: int, whole: Path) -> dict[str, Any]:
    """Kill builds as they pass shares of the documents, then of the RDF's bytes; then let one end."""
    command = [*_TRIPACK, "graph", "build", str(extracted), "--store", str(store)]
    n_documents, n_bytes = _progress(whole)
    shares = [(number + 1) / (kills // 2 + 1) for number in range(kills // 2)]
    moments = [(round(n_documents * s), 0) for s in shares]
    moments += [(n_documents, round(n_bytes * s)) for s in shares]
    left = []
    for moment in moments:
        process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        while process.poll() is None and not all(
            have >= wanted for have, wanted in zip(_progress(store), moment, strict=True)
        ):
            time.sleep(0.002)
        process.kill()
        if process.wait() == -signal.SIGKILL:
            left.append(_left(store))
    found, _ = _timed(command[len(_TRIPACK) :])
    last = json.loads(found)
    return {
        "left_by_each_kill": left,
        "last_run": {name: last[name] for name in ("documents", "quads")},
    }


def _progress(store: Path) -> tuple[int, int]:
    """Documents kept so far, and bytes of RDF; looks on while another process writes."""
    facts, rdf = store / "facts.sqlite", store / "rdf"
    try:
        with closing(sqlite3.connect(f"file:{facts}?mode=ro", uri=True)) as base:
            n_documents = base.execute("SELECT count(*) FROM documents").fetchone()[0]
    except sqlite3.Error:
        return 0, 0
    # Its data are in these files; others are logs for people.
    sizes = [size for suffix in ("sst", "log") for size in map(_size, rdf.glob(f"*.{suffix}"))]
    return n_documents, sum(sizes)


def _size(file: Path) -> int:
    try:
        return file.stat().st_size
    except OSError:  # removed since it was listed
        return 0


def _left(store: Path) -> dict[str, int]:
    with GraphStore(store) as opened:
        return {"documents": sum(1 for _ in opened.documents()), "quads": len(opened.rdf)}


def _nquads(store: Path) -> bytes:
    with GraphStore(store) as opened:
        return opened.nquads()


if __name__ == "__main__":
    main()
