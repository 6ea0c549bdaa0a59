"""Relations between given entities from training to the command line: SemEval's format, learnt by heart."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import torch

import corpora
from extract.errors import InputError, ModelError
from extract.heads.recurrent import RecurrentHead
from extract.pipeline import load
from extract.structures import Entity, Sentence
from extract.training.recipe import Recipe
from extract.training.run import train
from tests.extract.cases import key, sentence_of
from tests.extract.interfaces.command import run_here
from tests.tiny import tiny_recipe


def as_semeval(sentence: Sentence) -> list[str]:
    """Lines in SemEval's format: one for the sentence's first triple, and one for a pair without any."""
    related = {(t.subject, t.object) for t in sentence.triples}
    related |= {(o, s) for s, o in related}
    entities = sorted(sentence.entities, key=lambda e: e.span)
    apart = [
        (a, b)
        for at, a in enumerate(entities)
        for b in entities[at + 1 :]
        if a.span.end_word <= b.span.start_word and (a, b) not in related
    ]
    lines = [f"Other\t{tagged(sentence, *apart[0])}"] if apart else []
    for triple in sentence.triples[:1]:
        first, second = sorted((triple.subject, triple.object), key=lambda e: e.span)
        if first.span.end_word <= second.span.start_word:
            ends = "(e1,e2)" if first == triple.subject else "(e2,e1)"
            label = triple.relation.replace(" ", "-") + ends
            lines.append(f"{label}\t{tagged(sentence, first, second)}")
    return lines


def tagged(sentence: Sentence, first: Entity, second: Entity) -> str:
    words = list(sentence.words)
    for number, entity in (("2", second), ("1", first)):
        words.insert(entity.span.end_word, f"</e{number}>")
        words.insert(entity.span.start_word, f"<e{number}>")
    return " ".join(words)


@pytest.fixture(scope="module")
def pairs_file(tmp_path_factory: pytest.TempPathFactory, facts_file: Path) -> Path:
    facts = corpora.read("hyperred", facts_file)["file"]
    lines = [line for example in facts for line in as_semeval(example.sentence)]
    path = tmp_path_factory.mktemp("semeval") / "train.tsv"
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")
    return path


def recipe_of(encoder: Path, pairs_file: Path, head: str) -> Recipe:
    data = tiny_recipe(encoder, pairs_file).model_dump()
    data["corpora"] = [
        {
            "name": "semeval2010_task8",
            "path": str(pairs_file),
            "train": "file",
            "dev": "file",
            "metric": "directed_macro",
            "entities": "given",
        }
    ]
    data["model"]["head"] = {"name": head, "width": 32, "dropout": 0.0}
    epochs = 36 if head == "recurrent" else 20
    data["training"] |= {"epochs": epochs, "eval_from": epochs - 1}
    return Recipe.model_validate(data)


@pytest.fixture(scope="module")
def run(
    tmp_path_factory: pytest.TempPathFactory, tiny_encoder: Path, pairs_file: Path
) -> dict[str, Path]:
    """Run folders of two heads."""
    torch.set_num_threads(1)
    folders = {}
    for head in ("recurrent", "table"):
        folders[head] = tmp_path_factory.mktemp("given") / head
        train(recipe_of(tiny_encoder, pairs_file, head), folders[head], progress=False)
    return folders


@pytest.mark.parametrize("head", ["recurrent", "table"])
def test_every_answer_is_known_by_heart(head: str, run: dict[str, Path], pairs_file: Path) -> None:
    examples = corpora.read("semeval2010_task8", pairs_file)["file"]
    gold = [key(example.sentence) for example in examples]
    metrics = json.loads((run[head] / "metrics.json").read_text(encoding="utf-8"))
    dev = metrics["dev"]["semeval2010_task8"]
    assert dev["directed"]["macro_f1"] == 1.0
    assert dev["relation"]["strict"]["n_gold"] == sum(len(e.sentence.triples) for e in examples)
    assert dev["entity"]["n_pred"] == dev["entity"]["n_correct"] == dev["entity"]["n_gold"]
    assert dev["entity"]["n_gold"] == 2 * len(examples)
    extractor = load(run[head], device="cpu")
    assert extractor.entities == "given"
    told = extractor.predict([e.sentence for e in examples], entities="given")
    assert [key(sentence) for sentence in told] == gold


def test_evaluate_gives_the_entities_that_the_model_was_trained_with(
    run: dict[str, Path], pairs_file: Path, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    words = ["evaluate", "-m", run["recurrent"], "-c", "semeval2010_task8", "--file", pairs_file]
    found = {}
    for kind in (None, "given", "found"):
        out = tmp_path / f"{kind}.json"
        assert run_here(*words, "--json", out, *(["--entities", kind] if kind else [])) == 0
        assert "SemEval macro F1" in capfd.readouterr().out
        found[kind] = json.loads(out.read_text(encoding="utf-8"))
    assert found[None]["settings"]["entities"] == "given"
    assert found[None]["metrics"] == found["given"]["metrics"]
    assert found[None]["metrics"]["directed"]["macro_f1"] == 1.0
    entity = found["found"]["metrics"]["entity"]
    assert entity["n_pred"] != entity["n_correct"] or entity["n_pred"] != entity["n_gold"]


def test_unknown_kind_of_entities_is_refused(
    run: dict[str, Path], capfd: pytest.CaptureFixture[str]
) -> None:
    words = ["evaluate", "-m", run["table"], "-c", "semeval2010_task8", "--entities", "gold"]
    assert run_here(*words) == 2
    assert "Unknown kind of entities 'gold'. Expected one of: found, given." in (
        capfd.readouterr().err
    )
    extractor = load(run["table"], device="cpu")
    with pytest.raises(InputError, match="kind of entities 'gold'"):
        list(extractor.predict([], entities="gold"))  # type: ignore[arg-type]


def test_head_that_takes_no_entities_says_so(
    run: dict[str, Path], pairs_file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    extractor = load(run["recurrent"], device="cpu")
    sentences = [e.sentence for e in corpora.read("semeval2010_task8", pairs_file)["file"]]
    monkeypatch.setattr(RecurrentHead, "takes_spans", False)
    with pytest.raises(ModelError, match="'recurrent' finds its own spans and takes none"):
        next(extractor.predict(sentences, entities="given"))


def test_long_sentence_keeps_given_entities_that_no_window_holds(run: dict[str, Path]) -> None:
    extractor = load(run["recurrent"], device="cpu")
    far = sentence_of(" ".join(["word"] * 400), [(0, 300, "Entity"), (5, 6, "Entity")])
    (kept,) = extractor.predict([far], entities="given")
    assert [e.span for e in kept.entities] == sorted(e.span for e in far.entities)
