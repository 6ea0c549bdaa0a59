"""`tripack evaluate`: which sentences are scored, and what the JSON says."""

from __future__ import annotations

import json
import os
import shutil
from pathlib import Path
from typing import Any

import pytest

import corpora
from extract.evaluation.report import evaluate_sentences
from extract.interfaces.cli.trained_on import TrainedOn
from extract.training.recipe import Recipe, read_recipe, write_recipe
from tests.extract.interfaces.command import assert_one_line_error, run_here


@pytest.fixture
def facts_corpus(tmp_path: Path, facts_file: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder of corpora that holds the facts as HyperRED's one split."""
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


@pytest.fixture
def of_two_corpora(tmp_path: Path, tiny_model: Path) -> Path:
    """The tiny model with a recipe that names a second corpus and reads no types of the first."""
    model = Path(shutil.copytree(tiny_model, tmp_path / "model"))
    data = read_recipe(model / "recipe.toml").model_dump()
    first = data["corpora"][0] | {"path": None, "typed": False}
    first |= {"train": "train", "dev": "none"}
    data["corpora"] = [first, {"name": "conll04"}]
    write_recipe(Recipe.model_validate(data), model / "recipe.toml")
    return model


def test_model_of_several_corpora_is_scored_on_what_the_corpus_annotates(
    of_two_corpora: Path,
    tiny_model: Path,
    facts_corpus: Path,
    facts_file: Path,
    tmp_path: Path,
    capfd: pytest.CaptureFixture[str],
) -> None:
    lines = facts_file.read_text(encoding="utf-8").splitlines(keepends=True)
    (whole,) = facts_corpus.iterdir()
    whole.write_text("".join(line for line in lines if "educated at" in line), encoding="utf-8")
    words = ["evaluate", "-c", "hyperred", "--file", facts_file, "--json", tmp_path / "out.json"]

    def scored(*more: object) -> dict[str, Any]:
        assert run_here(*words, *more) == 0
        return dict(json.loads((tmp_path / "out.json").read_text()))

    own = scored("-m", of_two_corpora)
    err = capfd.readouterr().err
    assert "tripack: note: scored as trained on hyperred: " in err and err.count("\n") == 1
    assert "12 of 13 relations that it does not annotate are left out; " in err
    assert "entity types, which it does not annotate, are not compared" in err
    assert own["as_trained"] == {"words": "corpus", "typed": False, "relations": ["educated at"]}
    every = scored("-m", of_two_corpora, "--all-labels", "--quiet")
    assert every["as_trained"] is None and capfd.readouterr().err == ""
    alone = scored("-m", tiny_model)
    assert alone["metrics"] == every["metrics"]
    left, all_ = (found["metrics"]["relation"]["boundary"] for found in (own, every))
    assert 0 < left["n_pred"] < all_["n_pred"]
    assert left["n_gold"] == all_["n_gold"]
    # Where the corpus is not at hand, its labels are those of what is scored.
    whole.unlink()
    assert scored("-m", of_two_corpora)["metrics"]["relation"]["boundary"] == all_


def test_cut_keeps_together_what_the_recipe_does(
    tiny_model: Path, facts_corpus: Path, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    model = Path(shutil.copytree(tiny_model, tmp_path / "model"))
    data = read_recipe(model / "recipe.toml").model_dump()
    cut = {"path": None, "train": "file", "n_dev": 4, "split_seed": 1, "apart": "subject"}
    data["corpora"] = [data["corpora"][0] | cut]
    write_recipe(Recipe.model_validate(data), model / "recipe.toml")
    (whole,) = facts_corpus.iterdir()
    examples = corpora.read("hyperred", whole, "file")["file"]

    def scored(name: object, *words: object) -> int:
        asked = ["evaluate", "-m", name, "-c", "hyperred", "--path", facts_corpus, *words]
        assert run_here(*asked, "--json", tmp_path / "out.json") == 0
        found = json.loads((tmp_path / "out.json").read_text())["metrics"]
        return int(found["n_sentences"])

    sizes = {
        apart: len(corpora.split(examples, 4, 1, apart=apart)[1])
        for apart in ("document", "subject")
    }
    assert scored(model, "--dev", 4, "--seed", 1) == sizes["subject"]
    assert "may know these sentences" not in capfd.readouterr().err
    scored(model, "--dev", 4, "--seed", 2)
    err = capfd.readouterr().err
    assert "trained on hyperred with --dev 4 --seed 1, and may know these sentences" in err


def test_corpus_of_one_relation_is_scored_as_it_was_learnt(
    tiny_model: Path, facts_corpus: Path, facts_file: Path, tmp_path: Path
) -> None:
    model = Path(shutil.copytree(tiny_model, tmp_path / "model"))
    data = read_recipe(model / "recipe.toml").model_dump()
    first = data["corpora"][0] | {"path": None, "relations": "one", "dev": "none"}
    data["corpora"] = [first, {"name": "conll04"}]
    write_recipe(Recipe.model_validate(data), model / "recipe.toml")
    trained = TrainedOn.of(str(model), "hyperred", None, [])
    assert trained is not None
    gold = trained.gold(corpora.read("hyperred", facts_file)["file"])
    assert {t.relation for e in gold for t in e.sentence.triples} == {"related"}


def test_corpus_of_other_relations_is_noted(
    tiny_model: Path, facts_file: Path, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    other = tmp_path / "other.jsonl"
    lines = facts_file.read_text(encoding="utf-8").splitlines(keepends=True)
    own = lines[0].replace("[r]educated at", "[r]likes")
    assert own != lines[0] and own.count("[r]") == 1
    other.write_text(own, encoding="utf-8")
    words = ["evaluate", "-m", tiny_model, "-c", "hyperred", "--file", other]
    assert run_here(*words) == 0
    noted = "tripack: note: the model knows none of the relations of hyperred\n"
    assert capfd.readouterr().err == noted
    assert run_here(*words, "--quiet") == 0
    assert capfd.readouterr().err == ""
