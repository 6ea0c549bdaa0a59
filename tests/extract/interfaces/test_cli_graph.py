"""`tripack graph`: building, adding, asking and correcting a stored graph, as a user types it."""

from __future__ import annotations

import csv
import json
import re
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest
from pyoxigraph import RdfFormat, parse

from extract.interfaces.cli.graph import query as query_command
from extract.kg.store import GraphStore
from tests.extract.interfaces.command import (
    assert_one_line_error,
    command,
    environment,
    run_here,
    tripack,
)
from tests.extract.kg.graphs import records, write_records

EDUCATED = "SELECT ?a ?b { ?s wdt:P69 ?o . ?s rdfs:label ?a . ?o rdfs:label ?b }"
FACTS = (
    "Leonard Parker received his PhD from Harvard University in 1967.",
    "In 2004, Anna Lind joined Northwind as chief engineer.",
)


@pytest.fixture
def extracted(tmp_path: Path) -> Path:
    """A file of three documents that `tripack extract` could have written."""
    return write_records(tmp_path / "extracted.jsonl")


@pytest.fixture
def store(tmp_path: Path, extracted: Path, capfd: pytest.CaptureFixture[str]) -> Path:
    """The graph of that file."""
    assert run_here("graph", "build", extracted, "--store", tmp_path / "kg") == 0
    capfd.readouterr()
    return tmp_path / "kg"


class Command:
    """Runs commands in this process; gives what they print."""

    def __init__(self, capfd: pytest.CaptureFixture[str]) -> None:
        self._capfd = capfd

    def __call__(self, *arguments: object) -> str:
        assert run_here("graph", *arguments) == 0
        return self._capfd.readouterr().out

    def json(self, *arguments: object) -> Any:
        return json.loads(self(*arguments))

    def error(self, code: int, *arguments: object) -> str:
        assert run_here("graph", *arguments) == code
        said = self._capfd.readouterr()
        assert said.out == ""
        assert_one_line_error(said.err)
        return said.err


@pytest.fixture
def graph(capfd: pytest.CaptureFixture[str]) -> Command:
    return Command(capfd)


@pytest.fixture
def terminal(monkeypatch: pytest.MonkeyPatch) -> None:
    """Standard output as a terminal, as far as these commands ask."""
    monkeypatch.setattr("extract.interfaces.cli.graph.shared.on_terminal", lambda: True)
    monkeypatch.setattr(query_command, "on_terminal", lambda: True)


# build and add


def test_build_counts_and_a_second_build_adds_nothing(
    graph: Command, tmp_path: Path, extracted: Path
) -> None:
    first = graph.json("build", extracted, "--store", tmp_path / "kg")
    assert first["documents"] == {"added": 3, "replaced": 0, "unchanged": 0}
    assert first["statements"] == {"added": 5, "removed": 0}
    assert first["graph"] == {"documents": 3, "names": 8, "entities": 6, "statements": 5}
    again = graph.json("build", extracted, "--store", tmp_path / "kg")
    assert again["documents"] == {"added": 0, "replaced": 0, "unchanged": 3}
    assert again["statements"] == again["quads"] == {"added": 0, "removed": 0}


@pytest.mark.usefixtures("terminal")
def test_build_on_a_terminal_says_so_in_words(
    graph: Command, tmp_path: Path, extracted: Path
) -> None:
    graph("build", extracted, "--store", tmp_path / "kg")
    shown = graph("build", extracted, "--store", tmp_path / "kg").splitlines()
    assert shown[0] == "3 documents read: 0 added, 0 replaced, 3 unchanged"
    assert shown[1].startswith("0 statements added, 0 removed in ")
    assert shown[2].endswith(" holds 3 documents, 6 entities (8 before resolution), 5 statements")


def test_add_in_parts_gives_the_graph_of_one_build(
    graph: Command, tmp_path: Path, store: Path
) -> None:
    parts = [write_records(tmp_path / f"{n}.jsonl", n) for n in (2, 0, 1)]
    graph("build", parts[0], "--store", tmp_path / "parts")
    added = graph.json("add", parts[1], parts[2], "--store", tmp_path / "parts")
    assert added["documents"]["added"] == 2
    assert nquads(tmp_path / "parts") == nquads(store)


def nquads(folder: Path) -> bytes:
    with GraphStore(folder) as opened:
        return opened.nquads()


def test_build_reads_the_pipe_by_content(tmp_path: Path, extracted: Path, store: Path) -> None:
    run = tripack(
        "graph", "build", "-", "--store", tmp_path / "piped", stdin=extracted.read_bytes()
    )
    assert (run.returncode, run.stderr) == (0, "")
    assert nquads(tmp_path / "piped") == nquads(store)


def test_texts_and_documents_are_told_apart_record_by_record(
    graph: Command, tmp_path: Path, extracted: Path, tiny_model: Path
) -> None:
    mixed = tmp_path / "mixed.jsonl"
    texts = [json.dumps({"id": f"t{n}", "text": text}) + "\n" for n, text in enumerate(FACTS)]
    mixed.write_text(texts[0] + extracted.read_text() + texts[1])
    build = ("build", mixed, "--store", tmp_path / "kg", "--model", tiny_model)
    assert graph.json(*build)["documents"]["added"] == 5
    rows = json.loads(graph("query", EDUCATED, "--store", tmp_path / "kg"))["results"]["bindings"]
    found = {(row["a"]["value"], row["b"]["value"]) for row in rows}
    assert found == {("Leonard Parker", "Harvard"), ("Leonard Parker", "Harvard University")}
    assert graph.json(*build)["documents"] == {"added": 0, "replaced": 0, "unchanged": 5}


def test_known_texts_are_not_extracted_again(
    graph: Command, tmp_path: Path, tiny_model: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "texts.txt").write_text("\n".join(FACTS))
    build = (
        "build",
        tmp_path / "texts.txt",
        "--lines",
        "--store",
        tmp_path / "kg",
        "--model",
        tiny_model,
    )
    assert graph.json(*build)["documents"]["added"] == 2
    monkeypatch.setattr("extract.pipeline.load", lambda *_, **__: pytest.fail("a model is loaded"))
    assert graph.json(*build)["documents"]["unchanged"] == 2


def test_text_of_a_file_that_changed_is_extracted_again(
    graph: Command, tmp_path: Path, tiny_model: Path
) -> None:
    text = tmp_path / "text.txt"
    build = ("build", text, "--store", tmp_path / "kg", "--model", tiny_model)
    for n, fact in enumerate(FACTS):
        text.write_text(fact)
        found = graph.json(*build)
        assert found["documents"] == {"added": 1 - n, "replaced": n, "unchanged": 0}
    assert found["graph"]["documents"] == 1 and found["statements"]["removed"] >= 1


def test_add_without_a_graph_makes_nothing(graph: Command, tmp_path: Path, extracted: Path) -> None:
    error = graph.error(3, "add", extracted, "--store", tmp_path / "kg")
    assert "holds no graph. Make one by `tripack graph build`" in error
    assert not (tmp_path / "kg").exists()


@pytest.mark.parametrize(
    ("name", "content", "options", "code"),
    [
        ("bad.jsonl", "[]", [], 3),
        ("image.txt", "\x89PNG", [], 3),
        ("text.txt", "a text", ["--model", "no-such-model"], 5),
        ("missing.jsonl", None, [], 3),
    ],
)
def test_build_of_nothing_usable_makes_no_folder(
    graph: Command, tmp_path: Path, name: str, content: str | None, options: list[str], code: int
) -> None:
    if content is not None:
        (tmp_path / name).write_bytes(content.encode("latin-1") + b"\r\n\x1a\n")
    graph.error(code, "build", tmp_path / name, "--store", tmp_path / "kg", *options)
    assert not (tmp_path / "kg").exists()


def test_two_documents_of_one_id_are_refused(graph: Command, tmp_path: Path) -> None:
    one, other = records()[:2]
    (tmp_path / "a.jsonl").write_text(json.dumps(one))
    (tmp_path / "b.jsonl").write_text(json.dumps(other | {"id": one["id"]}))
    error = graph.error(
        3, "build", tmp_path / "a.jsonl", tmp_path / "b.jsonl", "--store", tmp_path / "kg"
    )
    assert "Two documents of different content have the id 'doc/1'" in error
    assert "1 documents of this run are in" in error


@pytest.mark.parametrize(
    ("bad", "said"),
    [
        ({"text": "abc", "entities": [], "triples": [{}], "id": "x"}, "'subject', got nothing"),
        (
            {"text": "abc", "entities": [{"text": "z", "start": 0, "end": 1}], "triples": []},
            "'abc'|'z'",
        ),
        ({"text": 7, "entities": [], "triples": []}, "expected a text in 'text', got a number"),
        ({"text": "half \ud83d", "entities": [], "triples": []}, "half of a surrogate pair"),
        ("[]", "not JSON|expected a JSON object"),
    ],
)
def test_bad_record_is_named_by_line_or_skipped(
    graph: Command, tmp_path: Path, bad: object, said: str
) -> None:
    lines = [json.dumps(records()[0]), json.dumps(bad), json.dumps(records()[1])]
    (tmp_path / "bad.jsonl").write_text("\n".join(lines))
    error = graph.error(3, "build", tmp_path / "bad.jsonl", "--store", tmp_path / "kg")
    assert "bad.jsonl, line 2" in error and re.search(said, error), error
    found = graph.json("build", tmp_path / "bad.jsonl", "--store", tmp_path / "kg", "--skip-bad")
    assert (found["skipped"], found["graph"]["documents"]) == (1, 2)


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (["--style", "owl"], "Unknown RDF style 'owl'"),
        (["--namespace", "kg"], "Expected a namespace such as"),
        (["--rule", "magic"], "Unknown resolution rule 'magic'"),
        (["--similarity", "7"], "Expected similarity in (0, 1], got 7.0"),
        (["--input-format", "xml"], "Unknown input format 'xml'"),
    ],
)
def test_wrong_settings_are_usage_errors_before_anything_is_made(
    graph: Command, tmp_path: Path, extracted: Path, options: list[str], said: str
) -> None:
    assert said in graph.error(2, "build", extracted, "--store", tmp_path / "kg", *options)
    assert not (tmp_path / "kg").exists()


def test_style_rules_and_namespace_are_kept_with_the_graph(
    graph: Command, tmp_path: Path, store: Path, extracted: Path
) -> None:
    chosen = (
        "--style",
        "wikidata",
        "--namespace",
        "https://example.org/kg/",
        "--rule",
        "abbreviation",
    )
    found = graph.json("build", extracted, "--store", store, *chosen)
    assert found["documents"]["unchanged"] == 3 and found["graph"]["entities"] == 7
    query = (
        "SELECT ?v { ?s p:P69/pq:P582 ?v FILTER(STRSTARTS(STR(?s), 'https://example.org/kg/')) }"
    )
    for _ in range(2):
        assert "1967" in graph("query", query, "--store", store, "--format", "csv")
        assert graph.json("add", "--store", store)["quads"] == {"added": 0, "removed": 0}
    assert graph.json("stats", "--store", store)["style"] == "wikidata"


def test_aliases_join_names_until_others_are_given(
    graph: Command, tmp_path: Path, store: Path, extracted: Path
) -> None:
    (tmp_path / "names.json").write_text('{"Yale": ["Harvard"]}')
    build = ("build", extracted, "--store", store, "--aliases")
    assert graph.json(*build, tmp_path / "names.json")["graph"]["entities"] == 5
    (tmp_path / "names.json").write_text("{}")
    assert graph.json(*build, tmp_path / "names.json")["graph"]["entities"] == 6
    assert "Cannot read the aliases" in graph.error(3, *build, tmp_path / "none.json")


def test_build_killed_and_run_again_ends_the_same(tmp_path: Path, store: Path) -> None:
    many = [r | {"id": f"{r['id']} {n}"} for n in range(60) for r in records()]
    source = tmp_path / "many.jsonl"
    source.write_text("".join(json.dumps(one) + "\n" for one in many))
    words = command("graph", "build", source, "--store")
    started = time.monotonic()
    subprocess.run([*words, tmp_path / "whole"], env=environment(), check=True, capture_output=True)
    seconds = time.monotonic() - started
    n_killed = 0
    for share in (0.5, 0.7, 0.8, 0.9):
        with subprocess.Popen([*words, tmp_path / "killed"], env=environment(), stdout=-3) as run:
            try:
                run.wait(seconds * share)
            except subprocess.TimeoutExpired:
                run.kill()
                n_killed += 1
    assert n_killed
    subprocess.run(
        [*words, tmp_path / "killed"], env=environment(), check=True, capture_output=True
    )
    assert nquads(tmp_path / "killed") == nquads(tmp_path / "whole")


def test_writer_beside_a_writer_is_refused_in_one_line(graph: Command, store: Path) -> None:
    with GraphStore(store, write=True):
        assert "by another process" in graph.error(3, "add", "--store", store)
        assert "by another process" in graph.error(3, "stats", "--store", store)


# query


def test_query_formats_of_select(graph: Command, store: Path) -> None:
    expected = ["Leonard Parker", "Harvard"]
    assert list(
        csv.reader(graph("query", EDUCATED, "--store", store, "-f", "csv").splitlines())
    ) == [
        ["a", "b"],
        expected,
    ]
    row = json.loads(graph("query", EDUCATED, "--store", store))["results"]["bindings"][0]
    assert [row["a"]["value"], row["b"]["value"]] == expected
    assert graph("query", EDUCATED, "--store", store, "-f", "tsv") == (
        '?a\t?b\n"Leonard Parker"\t"Harvard"\n'
    )
    assert graph("query", EDUCATED, "--store", store, "-f", "table").splitlines() == [
        "a               b",
        "Leonard Parker  Harvard",
    ]


@pytest.mark.usefixtures("terminal")
def test_query_on_a_terminal_is_a_table_with_short_names(graph: Command, store: Path) -> None:
    query = "SELECT ?t ?none { ?st rdf:reifies ?t ; pq:P582 ?v }"
    assert graph("query", query, "--store", store).splitlines() == [
        "t                                                                  none",
        "<<( ent:0db62bf2b5fca26da8db wdt:P69 ent:d3c30ee29e9e34fda034 )>>",
    ]
    assert graph("query", "SELECT * { ?s wdt:P1 ?o }", "--store", store) == "No solutions.\n"
    assert graph("query", "ASK { ?s wdt:P69 ?o }", "--store", store) == "true\n"


def test_ask_construct_and_describe(graph: Command, store: Path) -> None:
    assert graph.json("query", "ASK { ?s wdt:P1 ?o }", "--store", store)["boolean"] is False
    construct = "CONSTRUCT { ?s ?p ?o } { ?st rdf:reifies <<( ?s ?p ?o )>> ; a tp:Statement }"
    for extra in ((), ("-f", "table"), ("-f", "ntriples")):
        turtle = graph("query", construct, "--store", store, *extra)
        format = RdfFormat.N_TRIPLES if "ntriples" in extra else RdfFormat.TURTLE
        assert len(list(parse(turtle, format=format))) == 5
    described = graph("query", "DESCRIBE ?o { ?s wdt:P69 ?o }", "--store", store)
    assert '"Harvard"' in described and "@prefix ent:" in described


def test_query_from_a_file(graph: Command, store: Path, tmp_path: Path) -> None:
    (tmp_path / "q.rq").write_text(EDUCATED)
    expected = graph("query", EDUCATED, "--store", store)
    for words in ([f"@{tmp_path}/q.rq"], ["--file", tmp_path / "q.rq"]):
        assert graph("query", *words, "--store", store) == expected
    error = graph.error(3, "query", "@none.rq", "--store", store)
    assert "Cannot read the query none.rq: No such file" in error


@pytest.mark.parametrize(
    ("code", "words", "said"),
    [
        (3, ["SELECT * { BAD"], "The query is not SPARQL: error at 1:"),
        (3, ["INSERT DATA { <urn:a> <urn:b> 1 }"], "Expected SELECT, ASK, CONSTRUCT or DESCRIBE"),
        (3, ["SELECT * { ?s unknown:p ?o }"], "The query is not SPARQL"),
        (3, ["ASK {}", "-f", "csv"], "Got format 'csv', expected json"),
        (3, ["SELECT * {}", "-f", "turtle"], "Got format 'turtle', expected json or csv or tsv"),
        (3, ["DESCRIBE <urn:a>", "-f", "csv"], "Got format 'csv', expected turtle or ntriples"),
        (2, ["ASK {}", "-f", "xml"], "Unknown format 'xml'"),
        (2, [], "Expected a query or --file, got neither"),
        (2, ["ASK {}", "--file", "x"], "Expected a query or --file, got both"),
    ],
)
def test_query_errors_are_one_line(
    graph: Command, store: Path, code: int, words: list[str], said: str
) -> None:
    assert said in graph.error(code, "query", *words, "--store", store)


def test_query_of_an_unfinished_graph_says_so(
    store: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    with GraphStore(store, write=True) as opened:
        from extract.kg.facts import facts_of

        opened.add(facts_of(records()[0] | {"id": "new"}))
    assert run_here("graph", "query", EDUCATED, "--store", store) == 0
    assert "the graph is behind its documents" in capfd.readouterr().err
    assert run_here("graph", "add", "--store", store) == 0
    assert json.loads(capfd.readouterr().out)["graph"]["documents"] == 4
    assert run_here("graph", "query", EDUCATED, "--store", store) == 0
    assert capfd.readouterr().err == ""


# stats, merge, unmerge, merges, explain


def test_stats_counts(graph: Command, store: Path) -> None:
    found = graph.json("stats", "--store", store)
    counted = ("documents", "mentions", "names", "entities", "statements", "evidence", "qualifiers")
    assert [found[name] for name in counted] == [3, 13, 8, 6, 5, 6, 1]
    assert found["relations"][0] == ["employer", 2]
    assert found["bytes"] == sum(f.stat().st_size for f in store.rglob("*") if f.is_file())


@pytest.mark.usefixtures("terminal")
def test_stats_on_a_terminal_is_a_table(graph: Command, store: Path) -> None:
    lines = [" ".join(line.split()) for line in graph("stats", "--store", store).splitlines()]
    assert {"entities before resolution 8", "entities 6", "employer 2", "ORG 3"} <= set(lines)


def test_merge_explain_unmerge(graph: Command, store: Path) -> None:
    before = nquads(store)
    (merged,) = graph.json("merge", "Yale", "harvard", "--store", store, "--because", "a test")
    assert {text for member in merged["members"] for text in member["texts"]} == {"Yale", "Harvard"}
    assert merged["merges"][0]["rule"] == "user" and merged["merges"][0]["because"] == "a test"
    assert graph.json("explain", "Yale", "--store", store) == [merged]
    assert graph.json("stats", "--store", store)["entities"] == 5
    apart = graph.json("unmerge", "Yale", "Harvard", "--store", store)
    assert sorted(found["label"] for found in apart) == ["Harvard", "Yale"]
    assert nquads(store) == before


def test_unmerge_takes_back_what_a_rule_merged(graph: Command, store: Path) -> None:
    one, other = graph.json("unmerge", "IBM", "International Business Machines", "--store", store)
    assert {one["label"], other["label"]} == {"IBM", "International Business Machines"}
    assert one["merges"][0]["verdict"] == "different"
    listed = graph.json("merges", "--store", store, "--rule", "user")
    assert [row["verdict"] for row in listed] == ["different"]
    graph("merge", "IBM", "International Business Machines", "--store", store)
    assert graph.json("stats", "--store", store)["entities"] == 6


@pytest.mark.usefixtures("terminal")
def test_merges_and_explain_on_a_terminal(graph: Command, store: Path) -> None:
    lines = [" ".join(line.split()) for line in graph("merges", "--store", store).splitlines()]
    assert "Leonard Parker Parker same personal name 0.95" in lines[1]
    shown = graph("explain", "IBM", "--store", store)
    assert "International Business Machines (ORG)" in shown and "abbreviation" in shown


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["merge", "Yale", "Nowhere"], "No entity is called 'Nowhere'"),
        (["merge", "Parker", "Leonard Parker"], "are one entity already, 'Leonard Parker'"),
        (["unmerge", "Yale", "Harvard"], "are not merged into one entity"),
        (["explain", "Nowhere"], "No entity is called 'Nowhere'"),
    ],
)
def test_wrong_names_are_one_line_and_change_nothing(
    graph: Command, store: Path, words: list[str], said: str
) -> None:
    before = nquads(store)
    assert said in graph.error(3, *words, "--store", store)
    assert nquads(store) == before


# extract


@pytest.mark.parametrize(
    ("name", "format"), [("out.ttl", RdfFormat.TURTLE), ("out.nq", RdfFormat.N_QUADS)]
)
def test_extract_writes_rdf_by_the_suffix(
    tmp_path: Path, tiny_model: Path, name: str, format: RdfFormat
) -> None:
    (tmp_path / "texts.txt").write_text("\n".join(FACTS))
    words = ("--input", tmp_path / "texts.txt", "--lines", "--output", tmp_path / name, "--quiet")
    assert run_here("extract", *words, "--model", tiny_model) == 0
    found = {str(quad.object) for quad in parse(path=tmp_path / name, format=format)}
    assert {'"Leonard Parker"', '"Anna Lind"', '"texts.txt:1"'} <= found


def test_extract_as_rdf_without_the_package_says_how_to_install(
    capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "extract.interfaces.io.rdf", None)
    assert run_here("extract", "a text", "--format", "turtle") == 2
    assert "Format turtle needs the package" in capfd.readouterr().err


def test_missing_package_says_how_to_install(
    graph: Command, store: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "pyoxigraph", None)
    error = graph.error(3, "stats", "--store", store)
    assert (
        "Graphs need the package pyoxigraph. Install it by: pip install 'tripack[graph]'" in error
    )
