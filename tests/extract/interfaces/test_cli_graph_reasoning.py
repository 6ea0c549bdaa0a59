"""`tripack graph rules`, `complete`, `check` and `prior`, as a user types them."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tests.extract.interfaces.command import assert_one_line_error, run_here
from tests.extract.kg.made import families

_LETTERS = list("bcdfghjklmnprstvz")
FACT = "Leonard Parker received his PhD from Harvard University in 1967."


def _document(number: int, subject: str, relation: str, object_: str, label: str) -> dict[str, Any]:
    """One sentence that states one triple, as `tripack extract` writes it."""
    text = f"{subject} {relation} {object_}."
    ends = [
        {"text": end, "start": start, "end": start + len(end), "label": kind, "score": 0.9}
        for end, start, kind in (
            (subject, 0, "PER"),
            (object_, len(text) - 1 - len(object_), label),
        )
    ]
    triple = {
        "subject": ends[0],
        "relation": relation,
        "relation_id": None,
        "object": ends[1],
        "qualifiers": [],
        "score": 0.9,
        "sentence": [0, len(text)],
    }
    return {"id": f"d{number}", "text": text, "entities": ends, "triples": [triple], "model": "m 1"}


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A graph of twelve families whose names no rule merges, and of one impossible life."""
    folder = tmp_path_factory.mktemp("reasoning")
    made, random = families(12), np.random.default_rng(0)

    # A single word may name another person in each document, so names have two.
    def word() -> str:
        return "".join(random.choice(_LETTERS, 7)).capitalize()

    names = {node: f"{word()} {word()}" for node in made.nodes}
    said = [
        (names[s.subject], s.relation, names[str(s.object)], str(made.nodes[str(s.object)].type))
        for s in made.statements.values()
    ]
    said += [
        ("Diego Zorro", "date of birth", "1950", "TIME"),
        ("Diego Zorro", "date of death", "1940", "TIME"),
    ]
    lines = [json.dumps(_document(i, *one)) + "\n" for i, one in enumerate(said)]
    (folder / "in.jsonl").write_text("".join(lines), encoding="utf-8")
    assert run_here("graph", "build", folder / "in.jsonl", "--store", folder / "kg") == 0
    return folder / "kg"


@pytest.fixture
def as_terminal(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("extract.interfaces.cli.graph.shared.on_terminal", lambda: True)


def test_rules_are_printed_with_their_counts(
    store: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    assert run_here("graph", "rules", "--store", store, "--head", "spouse") == 0
    rules = {rule["rule"]: rule for rule in json.loads(capfd.readouterr().out)}
    mutual = rules["spouse(Y, X) => spouse(X, Y)"]
    assert (mutual["support"], mutual["confidence"], mutual["pca_confidence"]) == (24, 1.0, 1.0)
    assert mutual["body"] == [{"relation": "spouse", "inverse": True}]
    assert {rule["head"] for rule in rules.values()} == {"spouse"}


def test_rules_suggested_by_a_model_are_some_of_all(
    store: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    def rules(*arguments: object) -> set[str]:
        assert run_here("graph", "rules", "--store", store, *arguments) == 0
        return {rule["rule"] for rule in json.loads(capfd.readouterr().out)}

    suggested = rules("--suggested-by", "distmult", "--per-head", 3, "--threads", 1)
    assert suggested and suggested < rules()


@pytest.mark.usefixtures("as_terminal")
def test_rules_on_a_terminal_are_a_table(store: Path, capfd: pytest.CaptureFixture[str]) -> None:
    assert run_here("graph", "rules", "--store", store, "--most", 2) == 0
    lines = capfd.readouterr().out.splitlines()
    assert lines[0].split() == ["support", "confidence", "PCA", "coverage", "rule"]
    assert len(lines) == 3 and " => " in lines[1]
    assert run_here("graph", "rules", "--store", store, "--min-support", 1000) == 0
    assert capfd.readouterr().out.startswith("No rules in ")


def test_complete_writes_everything_and_prints_it(
    store: Path, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "completion.json"
    arguments = ["graph", "complete", "--store", store, "--model", "none", "-o", out, "--links", 5]
    assert run_here(*arguments) == 0
    printed = json.loads(capfd.readouterr().out)
    assert printed == json.loads(out.read_text(encoding="utf-8"))
    assert list(printed["ranked"]) == ["type prior", "frequency", "rules"]
    assert len(printed["links"]) <= 5 and len(printed["plausibility"]) == printed["statements"]
    assert run_here(*arguments) == 4  # the output is there
    assert_one_line_error(capfd.readouterr().err)


@pytest.mark.usefixtures("as_terminal")
def test_complete_on_a_terminal_is_tables(store: Path, capfd: pytest.CaptureFixture[str]) -> None:
    arguments = ["--model", "transe", "--epochs", 2, "--threads", 1, "--links", 3]
    assert run_here("graph", "complete", "--store", store, *arguments) == 0
    shown = capfd.readouterr().out
    for part in ("held out", "ends MRR", "type prior", "transe", "because", "least plausible"):
        assert part in shown


def test_complete_of_a_small_graph_or_unknown_model_is_one_line(
    store: Path, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    small = tmp_path / "in.jsonl"
    small.write_text(json.dumps(_document(0, "Ann", "likes", "Bob", "PER")), encoding="utf-8")
    assert run_here("graph", "build", small, "--store", tmp_path / "kg") == 0
    capfd.readouterr()
    out = tmp_path / "out.json"
    assert run_here("graph", "complete", "--store", tmp_path / "kg", "-o", out) == 3
    said = capfd.readouterr().err
    assert_one_line_error(said)
    assert "too small to complete: 1 statements" in said and not out.exists()
    assert run_here("graph", "complete", "--store", store, "--model", "bert") == 3
    said = capfd.readouterr().err
    assert_one_line_error(said)
    assert "Unknown completion model 'bert'" in said


def test_check_finds_the_impossible_life_and_may_fail(
    store: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    assert run_here("graph", "check", "--store", store) == 0
    (finding,) = json.loads(capfd.readouterr().out)
    assert finding["kind"] == "death before birth"
    texts = [s["evidence"][0]["text"] for s in finding["statements"]]
    assert texts == ["Diego Zorro date of birth 1950.", "Diego Zorro date of death 1940."]
    assert run_here("graph", "check", "--store", store, "--fail-on", "suspicion") == 0
    assert run_here("graph", "check", "--store", store, "--fail-on", "contradiction") == 3
    assert run_here("graph", "check", "--store", store, "--fail-on", "death before birth") == 3
    capfd.readouterr()
    assert run_here("graph", "check", "--store", store, "--fail-on", "typo") == 2
    assert "Unknown kind of finding 'typo'" in capfd.readouterr().err
    assert run_here("graph", "check", "--store", store, "--today", "soon") == 2
    assert "Expected a day such as" in capfd.readouterr().err


@pytest.mark.usefixtures("as_terminal")
def test_check_against_a_schema_is_a_table_with_sentences(
    store: Path, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    schema = tmp_path / "schema.json"
    relations = [{"name": "home", "domain": ["PER"], "range": ["PER"]}]
    types = [{"name": "PER"}, {"name": "LOC"}]
    schema.write_text(json.dumps({"entity_types": types, "relations": relations, "qualifiers": []}))
    arguments = ["--store", store, "--schema", schema, "--kind", "range"]
    assert run_here("graph", "check", *arguments) == 0
    shown = capfd.readouterr().out
    lines = shown.splitlines()
    assert lines[1].split()[:2] == ["48", "contradiction"]
    assert "is LOC" in shown and " home " in shown and "death before birth" not in shown
    assert run_here("graph", "check", "--store", store, "--kind", "self") == 0
    assert capfd.readouterr().out.startswith("Nothing found in ")


def test_prior_of_a_graph_counts_its_types(
    store: Path, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "prior.json"
    assert run_here("graph", "prior", out, "--store", store) == 0
    pairs = {(p["subject"], p["object"]): p for p in json.loads(out.read_text())["pairs"]}
    assert pairs["PER", "LOC"]["relations"] == {"home": 48}
    assert run_here("graph", "prior", out) == 2
    assert "Expected one of --store and --corpus, got neither" in capfd.readouterr().err


def test_extract_with_a_prior_drops_what_it_holds_for_rare(
    tmp_path: Path, tiny_model: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    def prior(relation: str) -> str:
        pairs = [
            {"subject": "Entity", "object": "Entity", "occasions": 10**9, "relations": {}},
            {"subject": "Other", "object": "Entity", "occasions": 9, "relations": {relation: 9}},
        ]
        return json.dumps({"source": "corpus", "strength": 1e-6, "pairs": pairs})

    path = tmp_path / "prior.json"
    extract = ["extract", FACT, "--model", tiny_model, "--quiet", "--relation-prior", path]
    path.write_text(prior("unheard of"))
    assert run_here(*extract) == 3
    said = capfd.readouterr().err
    assert "Expected a relation prior that counts relations of the model" in said
    path.write_text(prior("educated at"))
    assert run_here(*extract, "--prior-weight", 0) == 0
    (plain,) = json.loads(capfd.readouterr().out)["triples"]
    assert run_here(*extract, "--prior-weight", 0.1) == 0
    (less,) = json.loads(capfd.readouterr().out)["triples"]
    assert less["score"] <= plain["score"]
    assert run_here(*extract, "--prior-weight", 20) == 0
    assert json.loads(capfd.readouterr().out)["triples"] == []
