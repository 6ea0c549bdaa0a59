"""`tripack evaluate`: which sentences are scored, and what the JSON says."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest

from extract.evaluation.report import evaluate_sentences
from tests.extract.interfaces.command import assert_one_line_error, run_here


@pytest.fixture
def facts_corpus(tmp_path: Path, facts_file: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder of corpora that holds the facts as HyperRED's one split."""
    import corpora

    (name,) = corpora.get("hyperred").split_files["train"]
    folder = tmp_path / "corpora" / "hyperred"
    folder.mkdir(parents=True)
    (folder / name).write_bytes(facts_file.read_bytes())
    monkeypatch.setenv("TRIPACK_CORPORA", str(folder.parent))
    return folder


def test_file_is_scored_printed_and_written(
    tmp_path: Path, tiny_model: Path, facts_file: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    import corpora
    from extract.pipeline import load

    out = tmp_path / "report.json"
    out.write_text("an older report")
    words = ["--model", tiny_model, "--corpus", "hyperred", "--file", facts_file, "--json", out]
    assert run_here("evaluate", *words, "--batch-size", "3") == 0
    shown = capfd.readouterr().out
    result = json.loads(out.read_text())

    examples = corpora.read("hyperred", facts_file)["file"]
    gold = [example.sentence for example in examples]
    predicted = list(load(tiny_model).predict(gold, batch_size=3))
    expected = evaluate_sentences(gold, predicted, unaligned=[e.unaligned for e in examples])
    assert result["metrics"] == json.loads(json.dumps(expected.to_dict()))
    assert result["metrics"]["relation"]["strict"]["f1"] > 0.9
    assert shown == expected.to_table() + "\n"

    assert result["command"] == " ".join(
        map(str, ["tripack", "evaluate", *words, "--batch-size", 3])
    )
    assert result["model"]["name"] == "tiny" and result["corpus"] == "hyperred"
    assert (result["split"], result["file"]) == (None, str(facts_file))
    assert result["settings"]["batch_size"] == 3
    assert result["cores"] == os.cpu_count()
    assert {"tripack", "torch", "transformers"} <= set(result["versions"])
    assert result["processor"] and result["date"].startswith("20")


def test_dev_is_cut_from_the_only_split(
    tmp_path: Path, tiny_model: Path, facts_corpus: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    n_sentences = {}
    for split in ("train", "dev"):
        out = tmp_path / f"{split}.json"
        words = ["-m", tiny_model, "-c", "hyperred", "--split", split, "--dev", 5, "--seed", 3]
        assert run_here("evaluate", *words, "--json", out) == 0
        result = json.loads(out.read_text())
        assert (result["split"], result["n_dev"], result["split_seed"]) == (split, 5, 3)
        n_sentences[split] = result["metrics"]["n_sentences"]
    n_all = len(next(facts_corpus.iterdir()).read_text().splitlines())
    assert n_sentences == {"train": n_all - 5, "dev": 5}


def test_missing_dev_split_says_how_to_cut_one(
    tiny_model: Path, facts_corpus: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    assert run_here("evaluate", "-m", tiny_model, "-c", "hyperred") == 3
    err = capfd.readouterr().err
    assert_one_line_error(err)
    assert "(--dev N cuts a dev split from the train split)" in err


@pytest.mark.parametrize(
    ("words", "code", "part"),
    [
        (["-c", "nope"], 3, "Unknown corpus 'nope'. Expected one of: conll04"),
        (["-c", "hyperred", "--path", "missing"], 3, "missing"),
        (["-c", "hyperred", "--file", "missing.json"], 3, "missing.json"),
        (["-c", "hyperred", "--split", "test", "--dev", "2"], 3, "got 'test'"),
        (["-c", "hyperred", "--dev", "9999"], 3, "got 9999"),
        (["-c", "hyperred", "--dev", "2", "--json", "missing/r.json"], 4, "No such file"),
    ],
)
def test_wrong_data_is_one_line(
    tmp_path: Path,
    facts_corpus: Path,
    capfd: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
    words: list[str],
    code: int,
    part: str,
) -> None:
    monkeypatch.chdir(tmp_path)
    before = sorted(tmp_path.iterdir())
    assert run_here("evaluate", "--model", "none needed", *words) == code
    err = capfd.readouterr().err
    assert_one_line_error(err)
    assert part in err
    assert sorted(tmp_path.iterdir()) == before


def test_decoder_is_used_and_reported(
    tmp_path: Path, tiny_model: Path, facts_file: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "report.json"
    words = ["-m", tiny_model, "-c", "hyperred", "--file", facts_file, "--decoder", "exact"]
    assert run_here("evaluate", *words, "--json", out) == 0
    result = json.loads(out.read_text())
    assert result["settings"]["decoder"] == "exact"
    assert result["metrics"]["relation"]["strict"]["f1"] > 0.9
    assert run_here("evaluate", *words[:-1], "best") == 2
