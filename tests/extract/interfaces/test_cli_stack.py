"""`tripack stack`, and `--accuracy` of the commands that run a stack."""

from __future__ import annotations

import json
import logging
import shutil
from pathlib import Path
from typing import Any

import pytest
import spacy

from extract.interfaces.cli.options import ACCURACIES
from extract.models.stack_folder import StackFolder, StackSettings, read_stack
from extract.schema import Relation, Schema
from tests.extract.interfaces.command import assert_one_line_error, run_here

LEONARD = "Leonard Parker received his PhD from Harvard University in 1967."


@pytest.fixture
def other_schema(tiny_model: Path, tmp_path: Path) -> Path:
    """A copy of the tiny model whose schema knows one relation more."""
    folder = Path(shutil.copytree(tiny_model, tmp_path / "other"))
    schema = Schema.read(folder / "schema.json")
    whole = Schema(schema.entity_types, (*schema.relations, Relation("more")), schema.qualifiers)
    whole.write(folder / "schema.json")
    return folder


@pytest.fixture
def flat(tiny_model: Path, tmp_path: Path) -> Path:
    """A copy of the tiny model that does not let entities overlap."""
    folder = Path(shutil.copytree(tiny_model, tmp_path / "flat"))
    config = json.loads((folder / "config.json").read_text())
    (folder / "config.json").write_text(json.dumps({**config, "nested": False}))
    return folder


@pytest.fixture
def classifier(tiny_model: Path, tmp_path: Path) -> Path:
    """A copy of the tiny model that says it was scored on given entities."""
    folder = Path(shutil.copytree(tiny_model, tmp_path / "classifier"))
    config = json.loads((folder / "config.json").read_text())
    (folder / "config.json").write_text(json.dumps({**config, "entities": "given"}))
    return folder


def percent(score: dict[str, Any]) -> str:
    return f"{100 * score['f1']:.2f}"


def test_two_models_become_one_that_all_commands_read(
    tmp_path: Path,
    tiny_unsure: Path,
    tiny_verifier: Path,
    facts_file: Path,
    capfd: pytest.CaptureFixture[str],
) -> None:
    out = tmp_path / "mine"
    words = [tiny_unsure, "--verifier", tiny_verifier, "-o", out, "--weights", "relation"]
    words += ["--corpus", "hyperred", "--split", "file", "--floor", "-5", "--folds", "3", "--quiet"]
    assert run_here("stack", *words) == 0
    shown = capfd.readouterr().out
    metrics = json.loads((out / "metrics.json").read_text())
    assert metrics["weights"] == "relation" and metrics["folds"] == 3 and metrics["floor"] == -5
    assert metrics["sentences"] == {"hyperred": 16}

    # Members stand in the table with the figures of the folds, stacks below them.
    lines = shown.splitlines()
    assert "hyperred, 16 sentences" in lines[0] and "3 folds" in lines[0]
    assert [line.split("  ")[0] for line in lines[2:]] == [
        "unsure (table)", "verifier (packed_markers)", "first 2", "fast", "balanced", "best",
    ]  # fmt: skip
    for line, found in zip(lines[2:4], metrics["members"], strict=True):
        scores = found["out_of_fold"]["hyperred"]
        assert line.split()[-5:] == [
            percent(scores["entity"]),
            percent(scores["relation"]["boundary"]),
            percent(scores["relation"]["strict"]),
            percent(scores["hyper"]["triplet"]),
            percent(scores["hyper"]["quintuplet"]),
        ]
        assert found["as_trained"]["hyperred"]["n_sentences"] == 16
    assert metrics["profiles"]["best"] == metrics["profiles"]["balanced"] == metrics["growing"][0]
    assert metrics["profiles"]["fast"]["out_of_fold"] == metrics["members"][0]["out_of_fold"]

    settings = read_stack(StackFolder(out))
    assert settings.name == "mine" and settings.floor == -5
    assert [member.verifier for member in settings.members] == [False, True]

    capfd.readouterr()
    for accuracy in ("fast", "best", None):
        chosen = [] if accuracy is None else ["--accuracy", accuracy]
        assert run_here("extract", LEONARD, "--model", out, *chosen) == 0
        document = json.loads(capfd.readouterr().out)
        assert document["model"] == f"mine 1.0.0 {accuracy or 'balanced'}"
        assert [t["relation"] for t in document["triples"]] == ["educated at"]

    report = tmp_path / "report.json"
    words = ["--model", out, "-c", "hyperred", "--file", facts_file, "--json", report]
    assert run_here("evaluate", *words, "--accuracy", "best") == 0
    result = json.loads(report.read_text())
    assert result["model"]["accuracy"] == "best" and result["model"]["name"] == "mine"
    assert result["metrics"]["relation"]["strict"]["f1"] > 0.8

    capfd.readouterr()
    assert run_here("models", "info", out, "--json") == 0
    described = json.loads(capfd.readouterr().out)
    assert described["profiles"][1] == "balanced: unsure + verifier"
    assert run_here("models", "info", out) == 0
    assert "verifier 1.0.0 (packed_markers, verifier)" in capfd.readouterr().out


def test_spacy_component_runs_a_stack_at_the_accuracy_asked(tiny_stack: Path) -> None:
    for accuracy in ("best", None):
        nlp = spacy.blank("en")
        nlp.add_pipe("tripack", config={"model": str(tiny_stack), "accuracy": accuracy})
        doc = nlp(LEONARD)
        assert doc.spans["tripack"].attrs["model"] == f"tiny-stack 1.0.0 {accuracy or 'balanced'}"
        assert doc._.triples == [("Leonard Parker", "educated at", "Harvard University")]


def test_saved_pipeline_holds_the_stack(tiny_stack: Path, tmp_path: Path) -> None:
    nlp = spacy.blank("en")
    copied = Path(shutil.copytree(tiny_stack, tmp_path / "stack"))
    nlp.add_pipe("tripack", config={"model": str(copied), "accuracy": "fast"})
    nlp.to_disk(tmp_path / "pipe")
    shutil.rmtree(copied)
    again = spacy.load(tmp_path / "pipe")
    assert again.get_pipe("tripack").settings.accuracy == "fast"
    assert again(LEONARD).spans["tripack"].attrs["model"] == "tiny-stack 1.0.0 fast"


def test_accuracy_of_a_model_alone_is_one_line(
    tiny_model: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    assert run_here("extract", LEONARD, "--model", tiny_model, "--accuracy", "best") == 5
    err = capfd.readouterr().err
    assert_one_line_error(err)
    assert "Model 'tiny' has one head; --accuracy needs a stack" in err


@pytest.mark.parametrize(
    ("words", "code", "part"),
    [
        (["{model}"], 3, "Expected two models to stack at least"),
        (["{model}", "{other}"], 3, "of the relations, the first lacks 'more'"),
        (["{model}", "{flat}"], 3, "one lets entities overlap, the other does not"),
        (["{model}", "{classifier}"], 5, "is one of relations between given entities"),
        (["{model}", "missing"], 5, "Unknown model 'missing'"),
        (["{model}", "--verifier", "missing"], 5, "Unknown model 'missing'"),
        (["{model}", "{stack}"], 5, "is a stack of models, expected a model alone"),
        (["{model}", "{model}", "--profile", "best=1,3"], 3, "name some of 2 models"),
        (["{model}", "{model}", "--profile", "best=2,1"], 3, "in their order, got 2, 1"),
        (["{model}", "{model}", "--profile", "fast=0"], 3, "got 0"),
        (["{model}", "--verifier", "{markers}", "--profile", "fast=2"], 3, "a verifier; expected"),
        (["{model}", "{model}", "--split", "file"], 3, "Expected --corpus together with --split"),
        (["{model}", "{model}", "-c", "nope"], 3, "Unknown corpus 'nope'"),
        (["{model}", "{model}", "-c", "hyperred", "--split", "test"], 3, "has no split 'test'"),
        (
            ["{model}", "{model}", "-c", "hyperred", "--split", "file", "--dev", "4"],
            3,
            "Got --split file and --dev 4",
        ),
        (["{model}", "{model}", "-c", "hyperred", "--dev", "2"], 3, "of 3 documents at least"),
    ],
)
def test_what_cannot_be_stacked_is_one_line_and_leaves_nothing(
    tmp_path: Path,
    tiny_model: Path,
    tiny_verifier: Path,
    tiny_stack: Path,
    other_schema: Path,
    flat: Path,
    classifier: Path,
    capfd: pytest.CaptureFixture[str],
    words: list[str],
    code: int,
    part: str,
) -> None:
    known = {"model": tiny_model, "markers": tiny_verifier, "stack": tiny_stack}
    known |= {"other": other_schema, "flat": flat, "classifier": classifier}
    given = [word.format(**known) for word in words]
    before = sorted(tmp_path.iterdir())
    assert run_here("stack", *given, "-o", tmp_path / "out", "--quiet") == code
    shown = capfd.readouterr()
    assert_one_line_error(shown.err)
    assert part in shown.err and shown.out == ""
    assert sorted(tmp_path.iterdir()) == before


def test_head_that_takes_no_spans_cannot_verify(
    tmp_path: Path, tiny_model: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    folder = Path(shutil.copytree(tiny_model, tmp_path / "pairs"))
    config = json.loads((folder / "config.json").read_text())
    config["model"]["head"] = {"name": "token_pair"}
    (folder / "config.json").write_text(json.dumps(config))
    out = tmp_path / "out"
    assert run_here("stack", tiny_model, "--verifier", folder, "-o", out, "-q") == 5
    err = capfd.readouterr().err
    assert_one_line_error(err)
    assert "cannot verify: its head 'token_pair' finds its own spans" in err


def test_existing_output_is_refused_and_only_a_stack_is_replaced(
    tmp_path: Path, tiny_model: Path, tiny_stack: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    stack = Path(shutil.copytree(tiny_stack, tmp_path / "stack"))
    full = tmp_path / "full"
    full.mkdir()
    (full / "thesis.txt").write_text("years of work")
    for out, options, part in (
        (stack, [], "exists already"),
        (full, [], "exists already"),
        (full, ["--force"], "is no stack, and is not replaced"),
        (full / "thesis.txt" / "stack", [], "Cannot write to"),
    ):
        assert run_here("stack", tiny_model, tiny_model, "-o", out, *options) == 4
        err = capfd.readouterr().err
        assert_one_line_error(err)
        assert part in err
    assert (full / "thesis.txt").exists()


def test_member_developed_on_another_part_is_noted(tiny_run: Path) -> None:
    from extract.training.recipe import read_recipe
    from extract.training.stack_data import DataChoice, dev_corpora, logger, note_other_dev_parts

    class Notes(logging.Handler):
        def emit(self, record: logging.LogRecord) -> None:
            noted.append(record.getMessage().split(" was developed on another part of ")[0])

    noted: list[str] = []
    recipe = read_recipe(tiny_run / "recipe.toml")
    section = recipe.corpora[0].model_copy(update={"n_dev": 4})
    other = recipe.model_copy(update={"corpora": (section,)})
    data = DataChoice("hyperred", n_dev=6, seed=3)
    corpora = dev_corpora(recipe, data)
    assert [len(corpus.dev) for corpus in corpora] == [6]
    handler = Notes()
    logger.addHandler(handler)
    try:
        note_other_dev_parts([("a 1", recipe), ("b 1", other), ("c 1", None)], corpora, data)
        assert noted == ["a 1", "b 1"]
        noted.clear()
        note_other_dev_parts([("a 1", recipe)], dev_corpora(recipe, DataChoice()), DataChoice())
        assert noted == []
        cuts = [section.model_copy(update={"apart": apart}) for apart in ("document", "subject")]
        one, two = (recipe.model_copy(update={"corpora": (cut,)}) for cut in cuts)
        own = dev_corpora(one, DataChoice())
        note_other_dev_parts([("a 1", one), ("b 1", two)], own, DataChoice())
        assert noted == ["b 1"]
    finally:
        logger.removeHandler(handler)


def test_corpus_of_given_entities_is_refused(tiny_run: Path) -> None:
    from extract.errors import RecipeError
    from extract.training.recipe import read_recipe
    from extract.training.stack_data import DataChoice, dev_corpora

    recipe = read_recipe(tiny_run / "recipe.toml")
    section = recipe.corpora[0].model_copy(update={"entities": "given"})
    recipe = recipe.model_copy(update={"corpora": (section,)})
    with pytest.raises(RecipeError, match="gives the entities of corpus 'hyperred'"):
        dev_corpora(recipe, DataChoice())


def test_corpus_of_relations_that_the_models_do_not_know_is_refused(tiny_run: Path) -> None:
    from extract.errors import RecipeError
    from extract.training.recipe import read_recipe
    from extract.training.stack_data import DataChoice, check_known, dev_corpora

    corpora = dev_corpora(read_recipe(tiny_run / "recipe.toml"), DataChoice())
    check_known(corpora, corpora[0].schema, "a stack")
    with pytest.raises(
        RecipeError, match=r"models know to fit a stack on; 'hyperred' has .*, .*\."
    ):
        check_known(corpora, Schema((), (Relation("Kill"),)), "a stack")


def test_accuracies_are_those_of_the_folder() -> None:
    known = StackSettings.model_json_schema()["properties"]["default"]["enum"]
    assert known == ACCURACIES
