"""`tripack extract`: where texts come from, where documents go, and what is said on the way."""

from __future__ import annotations

import csv
import io
import json
import os
import pty
import shutil
import subprocess
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from extract.schema import Schema
from tests.extract.interfaces.command import (
    assert_one_line_error,
    command,
    environment,
    run_here,
    tripack,
)

FACT = "Leonard Parker received his PhD from Harvard University in 1967."
OTHER = "In 2004, Anna Lind joined Northwind as chief engineer."


def documents(text: str) -> list[dict[str, Any]]:
    return [json.loads(line) for line in text.splitlines()]


def test_text_in_a_pipe_is_json_lines_as_the_contract_says(tiny_model: Path) -> None:
    done = tripack("extract", FACT, "--model", tiny_model)
    assert done.returncode == 0, done.stderr
    (document,) = documents(done.stdout)
    assert list(document) == ["id", "text", "entities", "triples", "model"]
    assert document["id"] == "doc-1" and document["text"] == FACT
    (triple,) = document["triples"]
    assert list(triple) == [
        *("subject", "relation", "relation_id", "object", "qualifiers", "score", "sentence")
    ]
    assert triple["subject"] == {"text": "Leonard Parker", "start": 0, "end": 14, "label": "Entity"}
    assert (triple["relation"], triple["object"]["text"]) == ("educated at", "Harvard University")
    found = {(q["label"], q["value"]["text"]) for q in triple["qualifiers"]}
    assert found == {("academic degree", "PhD"), ("end time", "1967")}
    assert document["model"].startswith("tiny ")
    assert done.stderr.startswith("tripack: 1 document, 1 triple in ")


@pytest.mark.parametrize("named", [(), ("-",), ("--input", "-")])
def test_pipe_is_read_unnamed_or_as_a_dash(tiny_model: Path, named: tuple[str, ...]) -> None:
    done = tripack("extract", *named, "--quiet", "--model", tiny_model, stdin=FACT.encode())
    assert (done.returncode, done.stderr) == (0, "")
    assert [d["id"] for d in documents(done.stdout)] == ["stdin"]


@pytest.mark.parametrize("no_color", [False, True])
def test_text_on_a_terminal_is_a_table(tiny_model: Path, no_color: bool) -> None:
    screen, side = pty.openpty()
    env = environment(
        TERM="xterm-256color", COLUMNS="100", **({"NO_COLOR": "1"} if no_color else {})
    )
    words = command("extract", FACT, "--model", tiny_model, "--quiet")
    with subprocess.Popen(words, stdin=side, stdout=side, stderr=side, env=env) as run:
        os.close(side)
        shown = b""
        try:
            while block := os.read(screen, 65536):
                shown += block
        except OSError:
            pass  # the other side is closed: all has been read
        os.close(screen)
        assert run.wait() == 0
    text = shown.decode()
    assert ("\x1b[32m" in text) != no_color
    assert "Harvard University" in text and "educated at" in text and "{" not in text


def test_input_file_to_output_file(tmp_path: Path, tiny_model: Path) -> None:
    lines = [{"text": FACT, "id": "a"}, {"text": ""}, {"text": OTHER}]
    source, out = tmp_path / "in.jsonl", tmp_path / "out.jsonl"
    source.write_text("\n".join(map(json.dumps, lines)))
    words = ["--input", source, "--output", out, "--model", tiny_model]
    assert run_here("extract", *words) == 0
    found = documents(out.read_text())
    assert [d["id"] for d in found] == ["a", "in.jsonl:2", "in.jsonl:3"]
    assert [d["text"] for d in found] == [FACT, "", OTHER]
    assert [len(d["triples"]) for d in found] == [1, 0, 1]
    assert run_here("extract", *words) == 4  # it exists now
    assert run_here("extract", *words, "--force") == 0


def test_results_do_not_depend_on_batch_size(tmp_path: Path, tiny_model: Path) -> None:
    source = tmp_path / "in.txt"
    source.write_text("\n".join([FACT, "", OTHER, f"{FACT} {OTHER}"] * 3))
    results = []
    for size in (1, 5, 64):
        out = tmp_path / f"{size}.jsonl"
        words = ["--input", source, "--lines", "-o", out, "--batch-size", size]
        assert run_here("extract", *words, "--model", tiny_model) == 0
        results.append(documents(out.read_text()))
    for found in results[1:]:
        for one, other in zip(results[0], found, strict=True):
            assert [t["relation"] for t in one["triples"]] == [
                t["relation"] for t in other["triples"]
            ]
            for a, b in zip(one["entities"], other["entities"], strict=True):
                assert (a["start"], a["end"]) == (b["start"], b["end"])
                assert a["score"] == pytest.approx(b["score"], abs=2e-4)


def test_suffix_of_the_output_chooses_csv(tmp_path: Path, tiny_model: Path) -> None:
    out = tmp_path / "out.csv"
    assert run_here("extract", FACT, "-o", out, "--model", tiny_model) == 0
    (row,) = csv.DictReader(io.StringIO(out.read_text()))
    assert (row["subject"], row["object"]) == ("Leonard Parker", "Harvard University")
    table = tmp_path / "out.txt"
    assert run_here("extract", FACT, "-o", table, "-f", "table", "--model", tiny_model) == 0
    assert "Leonard Parker 0-14" in table.read_text() and "\x1b" not in table.read_text()


def test_threshold_one_leaves_no_triple_out_of_reach(
    tiny_model: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    counts = []
    for threshold in (0.0, 1.0):
        words = ["extract", FACT, "--threshold", threshold, "--model", tiny_model]
        assert run_here(*words) == 0
        (document,) = documents(capfd.readouterr().out)
        assert all(t["score"] >= threshold for t in document["triples"])
        counts.append(len(document["triples"]))
    assert counts[0] >= 1 and counts[0] >= counts[1]


def test_bad_record_stops_after_the_good_ones_before_it(
    tmp_path: Path, tiny_model: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    source, out = tmp_path / "in.jsonl", tmp_path / "out.jsonl"
    good = json.dumps({"text": FACT})
    source.write_text(f"{good}\n{good}\nnot JSON\n{good}\n")
    words = ["extract", "--input", source, "-o", out, "--model", tiny_model]
    assert run_here(*words) == 3
    err = capfd.readouterr().err
    assert f"{source}, line 3: not JSON at column 1" in err
    assert f"(2 complete documents are in {out}.part)" in err
    assert not out.exists()
    part = tmp_path / "out.jsonl.part"
    assert [d["id"] for d in documents(part.read_text())] == ["in.jsonl:1", "in.jsonl:2"]
    part.unlink()

    assert run_here(*words, "--skip-bad") == 0
    err = capfd.readouterr().err
    assert "tripack: skipped: " in err and "1 bad record or file skipped" in err
    assert [d["id"] for d in documents(out.read_text())] == [f"in.jsonl:{i}" for i in (1, 2, 4)]


def test_folder_reports_files_of_other_kinds(
    tmp_path: Path, tiny_model: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "a.txt").write_text(FACT)
    (tmp_path / "b.png").write_bytes(b"\x89PNG\r\n\x1a\n")
    assert run_here("extract", "--input", tmp_path, "--model", tiny_model) == 0
    shown = capfd.readouterr()
    assert [d["id"] for d in documents(shown.out)] == ["a.txt"]
    assert "1 file of other kinds skipped" in shown.err


def test_output_that_is_the_input_is_refused(
    tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "a.txt"
    path.write_text(FACT)
    assert run_here("extract", "--input", path, "--output", path, "--force") == 2
    assert "is both input and output" in capfd.readouterr().err
    assert path.read_text() == FACT


def test_file_name_as_text_is_noted(
    tmp_path: Path, tiny_model: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "a.txt"
    path.write_text(FACT)
    assert run_here("extract", path, "--model", tiny_model) == 0
    assert "to read the file use --input" in capfd.readouterr().err


def test_text_with_a_leading_dash_goes_after_two_dashes(
    tiny_model: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    assert run_here("extract", "--model", tiny_model, "--", "--debug") == 0
    assert documents(capfd.readouterr().out)[0]["text"] == "--debug"


def test_unusable_device_is_a_model_error(
    tiny_model: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    import torch

    if torch.cuda.is_available():
        pytest.skip("this machine has the device")
    assert run_here("extract", FACT, "--device", "cuda", "--model", tiny_model) == 5
    assert "Device 'cuda' cannot be used" in capfd.readouterr().err


def test_pairs_are_hints_for_a_prompt(tiny_model: Path, capfd: pytest.CaptureFixture[str]) -> None:
    text = "Leonard Parker received his PhD from Harvard University in 1967."
    assert run_here("extract", text, "--format", "pairs", "--model", tiny_model, "--quiet") == 0
    assert capfd.readouterr().out == "(Leonard Parker, Harvard University)\n"


@pytest.mark.parametrize("decoder", ["greedy", "beam", "exact", "cp-sat"])
def test_each_decoder_finds_the_fact(
    tiny_model: Path, decoder: str, capfd: pytest.CaptureFixture[str]
) -> None:
    assert (
        run_here("extract", FACT, "--decoder", decoder, "--model", tiny_model, "-f", "jsonl") == 0
    )
    (document,) = documents(capfd.readouterr().out)
    assert [t["relation"] for t in document["triples"]] == ["educated at"]
    assert "removed" not in document


def test_explain_says_what_was_removed_by_which_constraint(
    tmp_path: Path, tiny_model: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    model = tmp_path / "model"
    shutil.copytree(tiny_model, model)
    schema = Schema.read(model / "schema.json")
    taken = tuple(name for name in schema.relation_names if name != "educated at")
    own = [replace(q, relations=taken) if q.name == "end time" else q for q in schema.qualifiers]
    replace(schema, qualifiers=tuple(own)).write(model / "schema.json")
    source = tmp_path / "in.txt"
    source.write_text(f"{FACT}\n\n")
    words = ["extract", "-i", source, "--lines", "--explain", "--model", model]
    assert run_here(*words, "--decoder", "exact", "--format", "jsonl") == 0
    full, empty = documents(capfd.readouterr().out)
    assert list(full)[-1] == "removed"
    assert empty["removed"] == []
    (triple,) = full["triples"]
    assert [q["label"] for q in triple["qualifiers"]] == ["academic degree"]
    (removed,) = (one for one in full["removed"] if "qualifier" in one)
    assert removed["triple"] == {key: triple[key] for key in ("subject", "relation", "object")}
    assert removed["qualifier"]["label"] == "end time"
    assert removed["qualifier"]["value"]["text"] == "1967"
    assert removed["constraint"] == "the qualifier fits its triple and value"
    assert removed["in_favour_of"] == []
    assert run_here(*words, "--format", "table") == 0
    table = capfd.readouterr().out
    assert "in favour of" in table and "end time 1967" in " ".join(table.split())


def test_back_off_gives_the_relation_above_those_the_schema_leaves_out(
    tmp_path: Path, tiny_model: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    model, coarse = tmp_path / "model", tmp_path / "coarse.json"
    shutil.copytree(tiny_model, model)
    schema = Schema.read(model / "schema.json")
    above = next(r.name for r in schema.relations if r.name != "educated at")
    own = [
        replace(r, parents=(above,)) if r.name == "educated at" else replace(r, domain=(), range=())
        for r in schema.relations
    ]
    replace(schema, relations=tuple(own)).write(model / "schema.json")
    coarse.write_text(json.dumps({"entity_types": [], "relations": [{"name": above}]}))
    words = ["extract", FACT, "--model", model, "--schema", coarse, "-f", "jsonl"]
    for off in ([], ["--no-back-off"]):
        assert run_here(*words, *off) == 0
        assert documents(capfd.readouterr().out)[0]["triples"] == []
    assert run_here(*words, "--back-off", "--explain") == 0
    (document,) = documents(capfd.readouterr().out)
    assert [t["relation"] for t in document["triples"]] == [above]
    told = [r for r in document["removed"] if r["constraint"] == "backed off to the relation above"]
    assert [r["triple"]["relation"] for r in told] == ["educated at"]


def test_back_off_without_a_hierarchy_is_refused(
    tiny_model: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    assert run_here("extract", FACT, "--model", tiny_model, "--back-off") == 2
    assert "no relation of the model or --schema has parents" in capfd.readouterr().err


def test_objective_and_time_limit_go_to_the_exact_decoders(
    tiny_model: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    words = ["extract", FACT, "--model", tiny_model, "-f", "jsonl"]
    exact = ["--objective", "entity_first", "--time-limit", "2.5"]
    assert run_here(*words, "--decoder", "exact", *exact) == 0
    assert len(documents(capfd.readouterr().out)[0]["triples"]) == 1
    assert run_here(*words, *exact) == 2
    assert (
        "--objective with the decoder greedy, expected one of: exact, cp-sat"
        in capfd.readouterr().err
    )
    assert run_here(*words, "--objective", "best") == 2
    assert "Unknown objective 'best'" in capfd.readouterr().err
    assert run_here(*words, "--time-limit", "-1") == 2
    assert "seconds from 0 up, got -1" in capfd.readouterr().err


@pytest.mark.parametrize("kind", ["csv", "html", "pairs", "turtle"])
def test_explain_needs_a_format_that_shows_it(kind: str, capfd: pytest.CaptureFixture[str]) -> None:
    assert run_here("extract", FACT, "--explain", "--format", kind) == 2
    assert f"--explain with format {kind}, expected table or jsonl" in capfd.readouterr().err


@pytest.mark.parametrize("name", ["out.parquet", "out.jsonl.gz", "out.csv.ZST"])
def test_output_whose_name_promises_another_content_is_refused(
    tmp_path: Path, capfd: pytest.CaptureFixture[str], name: str
) -> None:
    assert run_here("extract", "Ada.", "--output", tmp_path / name) == 2
    err = capfd.readouterr().err
    assert_one_line_error(err)
    assert f"expected a name without .{name.lower().rsplit('.', 1)[1]}" in err
    assert list(tmp_path.iterdir()) == []
