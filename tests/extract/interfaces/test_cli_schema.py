"""`tripack schema`, and extraction and training that are held to a schema's file."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from extract.schema import Schema
from extract.schemas.read import read_schema
from tests.conftest import FIXTURES
from tests.corpora.cases import ONTOLOGY
from tests.extract.interfaces.command import assert_one_line_error, run_here, tripack

PEOPLE = FIXTURES / "schemas" / "people.ttl"
FACT = "Leonard Parker received his PhD from Harvard University in 1967."
OTHER = "In 2004, Anna Lind joined Northwind as chief engineer."


def test_show_lists_types_relations_and_constraints(capfd: pytest.CaptureFixture[str]) -> None:
    assert run_here("schema", "show", PEOPLE) == 0
    shown = capfd.readouterr()
    assert shown.out.startswith("people: 8 entity types, 7 relations, 0 qualifiers\n")
    lines = [" ".join(line.split()) for line in shown.out.splitlines()]
    assert "human Person Agent organisation" in lines
    assert "married to spouse human human functional, symmetric relatedTo" in lines
    assert shown.err == (
        f"tripack: {PEOPLE}: read without owl:TransitiveProperty 1, superclasses without a name 1\n"
    )
    assert run_here("schema", "show", PEOPLE, "--language", "de") == 0
    assert "verheiratet mit" in capfd.readouterr().out


def test_show_as_json_is_the_schema(capfd: pytest.CaptureFixture[str]) -> None:
    assert run_here("schema", "show", PEOPLE, "--json") == 0
    assert Schema.from_dict(json.loads(capfd.readouterr().out)) == read_schema(PEOPLE)


def test_show_pairs_lists_relations_by_types(capfd: pytest.CaptureFixture[str]) -> None:
    assert run_here("schema", "show", PEOPLE, "--pairs", "--json") == 0
    rows = {(r["subject"], r["object"]): r["relations"] for r in json.loads(capfd.readouterr().out)}
    assert rows["human", "City"] == ["bornIn"]
    assert rows["City", "human"] == ["knows", "birthplace of"]
    assert ("Event", "Event") not in rows
    assert run_here("schema", "show", PEOPLE, "--pairs") == 0
    assert "bornIn" in capfd.readouterr().out


def test_show_takes_models(tiny_model: Path, capfd: pytest.CaptureFixture[str]) -> None:
    assert run_here("schema", "show", "wikidata-small") == 0
    assert "place of birth" in capfd.readouterr().out
    for folder in (tiny_model, tiny_model.parent):
        assert run_here("schema", "show", folder) == 0
        assert "educated at" in capfd.readouterr().out


def test_infer_writes_a_schema_that_its_corpus_fits(
    tmp_path: Path, facts_file: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "facts.json"
    data = ["--corpus", "hyperred", "--file", facts_file]
    assert run_here("schema", "infer", *data, "--output", out, "--json") == 0
    report = json.loads(capfd.readouterr().out)
    schema = Schema.read(out)
    assert set(report["relations"]) == set(schema.relation_names)
    for relation in schema.relations:
        found = report["relations"][relation.name]
        assert relation.count == found["count"] == sum(n for *_, n in relation.pairs)
        assert not relation.functional
    assert run_here("schema", "check", out, *data, "--strict") == 0
    assert "of which 0 break the schema" in capfd.readouterr().out
    assert run_here("schema", "infer", *data, "--output", out) == 4  # it exists now
    assert "exists" in capfd.readouterr().err
    assert run_here("schema", "infer", *data, "-o", out, "--force", "--functional", 1) == 0
    shown = capfd.readouterr().out
    assert "educated at" in shown and "Entity -> Entity" in shown
    functional = [r.name for r in Schema.read(out).relations if r.functional]
    assert functional == [r for r, own in report["relations"].items() if own["functional"]]


def test_check_counts_what_breaks_and_strict_exits_3(
    tmp_path: Path, facts_file: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    schema = tmp_path / "s.json"
    schema.write_text('{"entity_types": ["Entity"], "relations": ["educated at"]}')
    words = ["schema", "check", schema, "--corpus", "hyperred", "--file", facts_file]
    assert run_here(*words, "--json") == 0
    found = json.loads(capfd.readouterr().out)
    n_other = found["triples_broken"]
    assert 0 < n_other < found["triples"]
    assert found["totals"] == dict.fromkeys(found["totals"], 0) | {"relation": n_other}
    assert run_here(*words, "--strict") == 3
    shown = capfd.readouterr()
    assert f"of which {n_other} break the schema" in shown.out and shown.err == ""


def test_extract_gives_only_what_a_schema_admits(
    tmp_path: Path, tiny_model: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    source, out = tmp_path / "in.txt", tmp_path / "out.jsonl"
    source.write_text(f"{FACT}\n{OTHER}\n")
    wanted = tmp_path / "wanted.ttl"
    wanted.write_text(
        "@prefix owl: <http://www.w3.org/2002/07/owl#> . @prefix : <http://e.org/> .\n"
        "@prefix rdfs: <http://www.w3.org/2000/01/rdf-schema#> .\n"
        ':learnt a owl:ObjectProperty ; rdfs:label "educated at" . :likes a owl:ObjectProperty .\n'
    )
    words = ["extract", "--input", source, "--lines", "--model", tiny_model, "--force", "-o", out]

    def relations() -> list[set[str]]:
        found = map(json.loads, out.read_text().splitlines())
        return [{t["relation"] for t in document["triples"]} for document in found]

    assert run_here(*words) == 0
    before = relations()
    assert before[0] == {"educated at"} and before[1]
    capfd.readouterr()
    assert run_here(*words, "--schema", wanted, "--quiet") == 0
    assert relations() == [{"educated at"}, set()]
    err = capfd.readouterr().err
    assert_one_line_error(err)
    assert err.endswith("does not know of schema wanted: relations likes\n")
    assert run_here("schema", "check", wanted, "--input", out) == 0
    assert run_here("schema", "check", wanted, "--input", out, "--strict") == 3  # it has no types
    capfd.readouterr()
    shards = tmp_path / "shards"
    words[words.index(out)] = f"{shards}/"
    assert run_here(*words, "--shard-size", 1, "--quiet") == 0
    assert len(list(shards.glob("*.jsonl"))) == 2
    counts = []
    for written in (out, shards):
        assert run_here("schema", "check", tiny_model, "--input", written, "--json") == 0
        counts.append(json.loads(capfd.readouterr().out)["triples"])
    assert counts[0] > 0 and counts[1] > counts[0]  # the shards were written without the schema


def test_extract_with_a_schema_of_other_relations_writes_nothing(
    tmp_path: Path, tiny_model: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    out, other = tmp_path / "out.jsonl", tmp_path / "other.json"
    other.write_text('{"name": "o", "entity_types": ["Entity"], "relations": ["likes"]}')
    assert run_here("extract", FACT, "-m", tiny_model, "-o", out, "--schema", other, "-q") == 3
    err = capfd.readouterr().err
    assert_one_line_error(err)
    assert "Schema 'o' has no relation that tiny 1.0.0 knows by name or id" in err
    assert not out.exists() and not out.with_name("out.jsonl.part").exists()


def test_recipes_take_a_schema_of_any_format(
    tmp_path: Path, tiny_encoder: Path, facts_file: Path
) -> None:
    from extract.training.run import train
    from tests.tiny import tiny_recipe

    wanted = tmp_path / "wanted.ttl"
    wanted.write_text(
        "@prefix owl: <http://www.w3.org/2002/07/owl#> . @prefix : <http://e.org/> .\n"
        "@prefix rdfs: <http://www.w3.org/2000/01/rdf-schema#> .\n"
        ":Entity a owl:Class . :p a owl:ObjectProperty ; "
        'rdfs:domain :Entity ; rdfs:label "educated at" .\n'
    )
    recipe = tiny_recipe(tiny_encoder, facts_file, schema_file=str(wanted)).model_dump()
    recipe["training"] |= {"epochs": 1, "eval_from": 1}
    train(type(tiny_recipe(tiny_encoder, facts_file)).model_validate(recipe), tmp_path / "run")
    assert Schema.read(tmp_path / "run" / "model" / "schema.json") == read_schema(wanted)


def test_convert_writes_json(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    source, out = tmp_path / "college_ontology.json", tmp_path / "college.json"
    source.write_text(json.dumps(ONTOLOGY))
    assert run_here("schema", "convert", source, out) == 0
    assert Schema.read(out) == read_schema(source)
    assert run_here("schema", "convert", PEOPLE, out) == 4
    assert Schema.read(out).name == "ont_1_college"
    assert run_here("schema", "convert", PEOPLE, out, "--force") == 0
    assert Schema.read(out) == read_schema(PEOPLE)


@pytest.mark.parametrize(
    ("words", "code", "part"),
    [
        (["show", "nothing"], 3, "nothing is neither a file nor a model"),
        (["show", "bad.ttl"], 3, "Schema bad.ttl is not Turtle: Parser error at line 1"),
        (["show", "bad.json"], 3, "Schema bad.json is not JSON in UTF-8"),
        (["show", "bad.docx"], 3, "Schema bad.docx is of no known format, expected"),
        (["show", "."], 3, ". is neither a file nor a model"),
        (["check", "ok.json"], 2, "Expected one of --corpus and --input, got neither"),
        (["check", "ok.json", "-c", "conll04", "-i", "x"], 2, "got both"),
        (["check", "ok.json", "-i", "missing.jsonl"], 3, "missing.jsonl"),
        (["check", "ok.json", "-i", "facts.csv"], 3, "Extract with --format jsonl"),
        (["check", "ok.json", "-i", "none"], 3, "Expected a folder with JSON Lines"),
        (["check", "ok.json", "-i", "x.jsonl", "--dev", "3"], 2, "--input together with --file"),
        (["check", "ok.json", "-i", "bad.jsonl"], 3, "bad.jsonl, line 1"),
        (["check", "ok.json", "-i", "empty.jsonl"], 3, "empty.jsonl"),
        (["check", "bad.json", "-c", "conll04"], 3, "bad.json is not JSON"),
        (["infer", "-c", "nope"], 3, "Unknown corpus 'nope'"),
        (["infer"], 2, "Missing option '--corpus'"),
        (["infer", "-c", "x", "--functional", "0"], 2, "--functional"),
        (["convert", "ok.json", "out.ttl"], 2, "Expected an output named .json, got out.ttl"),
        (["convert", "ok.json", "no/out.json"], 4, "no/out.json"),
        ([], 2, "Missing command"),
    ],
)
def test_wrong_use_is_one_line(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capfd: pytest.CaptureFixture[str],
    words: list[str],
    code: int,
    part: str,
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "ok.json").write_text('{"entity_types": ["A"]}')
    (tmp_path / "empty.jsonl").touch()
    (tmp_path / "none").mkdir()
    for name, content in {
        "bad.ttl": b"name,age\n",
        "bad.json": b'{"entity_types": [',
        "bad.docx": b"PK\x03\x04..",
        "bad.jsonl": b"{\n",
    }.items():
        (tmp_path / name).write_bytes(content)
    assert run_here("schema", *words) == code
    shown = capfd.readouterr()
    assert_one_line_error(shown.err)
    assert part.lower() in shown.err.lower()
    assert shown.out == ""


def test_a_bad_schema_is_refused_before_the_model_is_loaded() -> None:
    done = tripack("extract", FACT, "--model", "no-such-model", "--schema", "missing.ttl")
    assert done.returncode == 3
    assert_one_line_error(done.stderr)
    assert "Cannot read schema missing.ttl: No such file" in done.stderr


def test_showing_a_schema_imports_nothing_heavy() -> None:
    import subprocess
    import sys

    from tests.extract.interfaces.command import environment

    code = (
        "import sys; from extract.interfaces.cli import main;"
        f"main(['schema', 'show', {str(PEOPLE)!r}]);"
        "print('HEAVY', sorted({'torch', 'transformers', 'numpy'} & set(sys.modules)))"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, env=environment(), check=True
    )
    assert done.stdout.splitlines()[-1] == "HEAVY []"


def test_check_of_real_gold_triples_against_their_ontology(
    corpora_dir: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    """Needs the real corpus: gold triples against the ontology that they were made with."""
    root = corpora_dir / "text2kgbench" / "wikidata_tekgen"
    words = ["schema", "check", root / "ontologies" / "1_movie_ontology.json", "--json"]
    file = root / "train" / "ont_1_movie_train.jsonl"
    assert run_here(*words, "--corpus", "text2kgbench", "--file", file) == 0
    found = json.loads(capfd.readouterr().out)
    assert found["totals"]["relation"] == 0 and found["triples"] > 500
