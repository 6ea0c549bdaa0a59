"""Saving and moving the spaCy component: folders, bytes, pickles, worker processes."""

from __future__ import annotations

import multiprocessing
import pickle
import shutil
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

import pytest
import spacy
import srsly
from spacy.language import Language
from spacy.tokens import Doc

from extract.errors import InputError, ModelError
from extract.interfaces.spacy import Settings, TripackComponent

TEXTS = [
    "Leonard Parker received his PhD from Harvard University in 1967. "
    "In 2004, Anna Lind joined Northwind as chief engineer.",
    "",
    "Peter Moss was mayor of Lund from 2001 until 2009.",
    "Hugo Lind, born in Lund, plays for FC Basel.",
    "Clara Diaz and Peter Moss married in 1999.",
]


def pipeline(model: Path | str, **config: Any) -> Language:
    nlp = spacy.blank("en")
    nlp.add_pipe("tripack", config={"model": str(model), **config})
    return nlp


def component(nlp: Language) -> TripackComponent:
    found = nlp.get_pipe("tripack")
    assert isinstance(found, TripackComponent)
    return found


@pytest.fixture
def own_model(tiny_model: Path, tmp_path: Path) -> Path:
    """A copy of the model that a test may delete."""
    return Path(shutil.copytree(tiny_model, tmp_path / "own-model"))


def rounded(value: Any) -> Any:
    """Plain values with scores to one digit: the last ones may change with the batch."""
    if isinstance(value, dict):
        return {k: round(v, 1) if k == "score" else rounded(v) for k, v in value.items()}
    return [rounded(item) for item in value] if isinstance(value, list) else value


def relations_of(docs: Iterable[Doc]) -> list[Any]:
    return [rounded(doc._.relations) for doc in docs]


def read(nlp: Language) -> list[Any]:
    return relations_of(nlp.pipe(TEXTS))


@pytest.fixture(scope="module")
def expected(tiny_model: Path) -> list[Any]:
    relations = read(pipeline(tiny_model))
    assert len(relations[0]) >= 2
    return relations


def test_pipeline_folder_holds_the_model_folder(
    own_model: Path, tmp_path: Path, expected: list[Any]
) -> None:
    pipeline(own_model).to_disk(tmp_path / "saved")
    shutil.rmtree(own_model)
    moved = tmp_path / "elsewhere"
    (tmp_path / "saved").rename(moved)
    nlp = spacy.load(moved)
    assert component(nlp).model == moved / "tripack" / "model"
    assert nlp.pipe_labels["tripack"]
    assert read(nlp) == expected
    assert not list(moved.rglob("*.part"))


def test_pipeline_saved_again_elsewhere_and_onto_itself(
    own_model: Path, tmp_path: Path, expected: list[Any]
) -> None:
    pipeline(own_model).to_disk(tmp_path / "first")
    shutil.rmtree(own_model)
    nlp = spacy.load(tmp_path / "first")
    nlp.to_disk(tmp_path / "first")
    nlp.to_disk(tmp_path / "second")
    shutil.rmtree(tmp_path / "first")
    nlp = spacy.load(tmp_path / "second")
    nlp.to_disk(tmp_path / "second")
    assert read(spacy.load(tmp_path / "second")) == expected


def test_named_model_is_stored_by_name(tmp_path: Path) -> None:
    pipeline("wikidata-small", threshold=0.25).to_disk(tmp_path)
    assert [p.name for p in (tmp_path / "tripack").iterdir()] == ["component.json"]
    loaded = component(spacy.load(tmp_path))
    assert loaded.model == "wikidata-small"
    assert loaded.settings == Settings(threshold=0.25)


def test_saving_without_the_model_keeps_its_path(own_model: Path, tmp_path: Path) -> None:
    pipe = component(pipeline(own_model))
    pipe.to_disk(tmp_path / "pipe", exclude=["model"])
    assert not (tmp_path / "pipe" / "model").exists()
    assert TripackComponent().from_disk(tmp_path / "pipe").model == str(own_model)


def test_saving_replaces_an_older_model(own_model: Path, tmp_path: Path) -> None:
    old = tmp_path / "pipe" / "model"
    old.mkdir(parents=True)
    (old / "stale.txt").write_text("old")
    component(pipeline(own_model)).to_disk(tmp_path / "pipe")
    assert {p.name for p in old.iterdir()} == {p.name for p in own_model.iterdir()}


def test_saving_a_named_model_over_a_copied_one_uses_the_name(
    own_model: Path, tmp_path: Path
) -> None:
    component(pipeline(own_model)).to_disk(tmp_path / "pipe")
    TripackComponent(Settings(threshold=0.3)).to_disk(tmp_path / "pipe")
    assert TripackComponent().from_disk(tmp_path / "pipe").model == "wikidata-small"


def test_saving_a_run_folder_copies_the_model_in_it(tiny_run: Path, tmp_path: Path) -> None:
    component(pipeline(tiny_run)).to_disk(tmp_path / "pipe")
    names = {p.name for p in (tmp_path / "pipe" / "model").iterdir()}
    assert names == {p.name for p in (tiny_run / "model").iterdir()}


def test_saving_without_a_model_at_hand_says_so(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    pipeline(tmp_path / "nowhere").to_disk(tmp_path / "saved")
    assert "saved without its model" in caplog.text
    assert spacy.load(tmp_path / "saved").pipe_names == ["tripack"]


def test_load_with_overrides_keeps_the_copied_model(own_model: Path, tmp_path: Path) -> None:
    pipeline(own_model, threshold=0.2, batch_size=4).to_disk(tmp_path / "saved")
    shutil.rmtree(own_model)
    nlp = spacy.load(tmp_path / "saved", config={"components.tripack.threshold": 0.9})
    assert component(nlp).settings.threshold == 0.9
    assert component(nlp).settings.batch_size == 4
    found = [r for relations in read(nlp) for r in relations]
    assert found and all(r["score"] >= 0.9 for r in found)


def test_load_with_another_model_uses_that_one(
    own_model: Path, tiny_model: Path, tmp_path: Path
) -> None:
    pipeline(own_model).to_disk(tmp_path / "saved")
    config = {"components.tripack.model": str(tiny_model)}
    assert component(spacy.load(tmp_path / "saved", config=config)).model == str(tiny_model)


def test_component_from_disk_takes_the_stored_settings(own_model: Path, tmp_path: Path) -> None:
    settings = Settings(model=str(own_model), threshold=0.4, attr="saved_relations", batch_size=3)
    TripackComponent(settings).to_disk(tmp_path / "pipe")
    other = TripackComponent().from_disk(tmp_path / "pipe")
    assert other.settings == settings
    assert Doc.has_extension("saved_relations")
    assert TripackComponent().from_disk(tmp_path / "nothing").settings == Settings()


def test_bytes_hold_the_model_folder(own_model: Path, expected: list[Any]) -> None:
    nlp = pipeline(own_model)
    data, config = nlp.to_bytes(), nlp.config
    shutil.rmtree(own_model)
    other = spacy.blank("en").from_config(config).from_bytes(data)
    assert read(other) == expected
    again = spacy.blank("en").from_config(config).from_bytes(other.to_bytes())
    assert read(again) == expected


def test_bytes_of_other_things_are_refused() -> None:
    with pytest.raises(InputError, match="got list without 'settings'"):
        TripackComponent().from_bytes(srsly.msgpack_dumps([1, 2]))
    newer = srsly.msgpack_dumps({"settings": {"colour": "red"}, "files": {}})
    with pytest.raises(InputError, match="unknown names: colour"):
        TripackComponent().from_bytes(newer)
    escape = srsly.msgpack_dumps({"settings": {}, "files": {"../x": b""}})
    with pytest.raises(InputError, match=r"got '\.\./x'"):
        TripackComponent().from_bytes(escape)


def test_pickle_carries_settings_and_no_weights(tiny_model: Path, expected: list[Any]) -> None:
    nlp = pipeline(tiny_model, batch_size=2)
    assert read(nlp) == expected
    data = pickle.dumps(component(nlp))
    assert len(data) < 5000
    other = pickle.loads(data)
    assert other.settings == component(nlp).settings
    assert relations_of(other.pipe(map(spacy.blank("en"), TEXTS))) == expected


def test_pickle_of_an_unpacked_model_outlives_it(tiny_model: Path, expected: list[Any]) -> None:
    first = TripackComponent().from_bytes(component(pipeline(tiny_model)).to_bytes())
    data = pickle.dumps(first)
    shutil.rmtree(first.model)
    second = pickle.loads(data)
    assert relations_of(second.pipe(map(spacy.blank("en"), TEXTS))) == expected


@pytest.mark.parametrize("used_before", [False, True])
def test_two_processes_give_what_one_gives(
    tiny_model: Path, expected: list[Any], used_before: bool
) -> None:
    nlp = pipeline(tiny_model)
    if used_before:
        assert read(nlp) == expected
    docs = list(nlp.pipe(TEXTS * 4, n_process=2, batch_size=3))
    assert [doc.text for doc in docs] == TEXTS * 4
    assert relations_of(docs) == expected * 4
    assert all("tripack" in doc.spans for doc in docs)


def _read_in_child(data: bytes, send: Callable[[Any], None]) -> None:
    pipe = pickle.loads(data)
    send(relations_of(pipe.pipe(map(spacy.blank("en"), TEXTS))))


def test_a_spawned_process_reads_alike(tiny_model: Path, expected: list[Any]) -> None:
    context = multiprocessing.get_context("spawn")
    receive, send = context.Pipe(duplex=False)
    data = pickle.dumps(component(pipeline(tiny_model)))
    child = context.Process(target=_read_in_child, args=(data, send.send))
    child.start()
    assert receive.poll(300)
    assert receive.recv() == expected
    child.join()
    assert child.exitcode == 0


def test_worker_process_on_a_gpu_is_refused(tiny_model: Path) -> None:
    pipe = component(pipeline(tiny_model, device="cuda"))
    pipe._home = -1  # as in a forked worker, whose process is not the one that built it
    with pytest.raises(ModelError, match="device 'cuda' in a worker process"):
        pipe(spacy.blank("en")("Paris is in France."))
