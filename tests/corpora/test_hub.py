"""Datasets in the hub's layouts, from a local folder that `datasets` reads as it reads the hub."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import datasets
import pytest

import corpora
from corpora.files import Place
from extract.errors import CorpusError
from tests.corpora.cases import DOCRED, FEWREL, lines, write

HYPERRED = {
    "tokens": ["Ada", "studied", "at", "Torvik", "College", "until", "1967", "."],
    "entities": [{"span": [0, 1], "label": "Entity"}, {"span": [3, 5], "label": "Entity"}],
    "relations": [
        {
            "head": [0, 1],
            "tail": [3, 5],
            "label": "educated at",
            "qualifiers": [{"span": [6, 7], "label": "end time"}],
        }
    ],
}
CONLL04 = {
    "tokens": ["Ada", "Mayfield", "left", "Torvik"],
    "entities": [{"start": 0, "end": 2, "type": "Peop"}, {"start": 3, "end": 4, "type": "Loc"}],
    "relations": [{"head": 0, "tail": 1, "type": "Live_In"}],
    "orig_id": 7,
}
CROSSRE = {
    "doc_key": "news-train-1",
    "sentence": ["Torvik", "beat", "Norway"],
    "ner": [
        {"id-start": 0, "id-end": 0, "entity-type": "organisation"},
        {"id-start": 2, "id-end": 2, "entity-type": "country"},
    ],
    "relations": [
        {
            "id_1-start": 0,
            "id_1-end": 0,
            "id_2-start": 2,
            "id_2-end": 2,
            "relation-type": "win-defeat",
            "Exp": "",
            "Un": False,
            "SA": False,
        }
    ],
}
DOCRED_ROW = DOCRED | {
    "labels": {
        "head": [0],
        "tail": [1],
        "relation_id": ["P27"],
        "relation_text": ["country of citizenship"],
        "evidence": [[0]],
    }
}
FEWREL_ROW = {
    "relation": "P27",
    "tokens": FEWREL["P27"][0]["tokens"],
    "head": {"text": "ada mayfield", "type": "Q1", "indices": [[0, 1, 2]]},
    "tail": {"text": "norway", "type": "Q20", "indices": [[4], [6]]},
    "names": ["country of citizenship", "the state of which one is a citizen"],
}
SEMEVAL = {"sentence": "A <e1>flood</e1> after <e2>rain</e2>.", "relation": "Cause-Effect(e2,e1)"}
ROWS: dict[str, tuple[dict[str, Any], tuple[str, str, str]]] = {
    "hyperred": (HYPERRED, ("Ada", "educated at", "Torvik College")),
    "conll04": (CONLL04, ("Ada Mayfield", "Live_In", "Torvik")),
    "crossre": (CROSSRE, ("Torvik", "win-defeat", "Norway")),
    "re_docred": (DOCRED_ROW, ("Ada Mayfield", "country of citizenship", "Norwegian")),
    "fewrel": (FEWREL_ROW, ("Ada Mayfield", "country of citizenship", "Norway")),
    "semeval2010_task8": (SEMEVAL, ("rain", "Cause-Effect", "flood")),
}


@pytest.fixture(autouse=True)
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(datasets.config, "HF_DATASETS_CACHE", tmp_path / "cache")


def _triples(loaded: datasets.DatasetDict, split: str) -> list[tuple[str, str, str]]:
    examples = [corpora.from_row(row) for row in loaded[split]]
    triples = [triple for example in examples for triple in example.sentence.triples]
    return [(t.subject.text, t.relation, t.object.text) for t in triples]


@pytest.mark.parametrize("name", sorted(ROWS))
def test_folder_in_the_hub_layout_is_loaded(name: str, tmp_path: Path) -> None:
    row, triple = ROWS[name]
    data = tmp_path / "copy"
    data.mkdir()
    (data / "validation.jsonl").write_text(lines(row, row), encoding="utf-8")
    loaded = corpora.load(name, data)
    assert list(loaded) == ["validation"]
    assert loaded["validation"].features == corpora.FEATURES
    assert _triples(loaded, "validation") == [triple, triple]
    ids = loaded["validation"]["id"]
    assert len(set(ids)) == len(ids)


def test_class_numbers_in_parquet_become_names(tmp_path: Path) -> None:
    relations = datasets.ClassLabel(names=["Cause-Effect(e1,e2)", "Cause-Effect(e2,e1)", "Other"])
    columns = datasets.Features({"sentence": datasets.Value("string"), "relation": relations})
    rows = [{"sentence": SEMEVAL["sentence"], "relation": number} for number in (1, 2)]
    (tmp_path / "data").mkdir()
    table = datasets.Dataset.from_list(rows, features=columns)
    table.to_parquet(tmp_path / "data" / "train-00000-of-00001.parquet")
    loaded = corpora.load("semeval2010_task8", tmp_path)
    assert len(loaded["train"]) == 2
    assert _triples(loaded, "train") == [("rain", "Cause-Effect", "flood")]


def test_hyperred_qualifiers_come_with_ids(tmp_path: Path) -> None:
    (example,) = corpora.get("hyperred").from_hub_row(HYPERRED, Place("test", 1))
    (qualifier,) = example.sentence.triples[0].qualifiers
    assert (qualifier.label, qualifier.label_id, qualifier.value.text) == (
        "end time",
        "P582",
        "1967",
    )


@pytest.mark.parametrize(
    ("name", "change", "reason"),
    [
        ("hyperred", {"tokens": None}, "expected 'tokens' to be a list, got null"),
        (
            "hyperred",
            {"entities": [{"span": [3, 99]}]},
            "within the 8 tokens .* got tokens 3 to 99",
        ),
        (
            "conll04",
            {"relations": [{"head": 0, "tail": 2, "type": "x"}]},
            r"below the 2 .*\[0, 2\]",
        ),
        ("crossre", {"ner": [{"id-start": 0}]}, "whole number, got null"),
        ("re_docred", {"labels": {"head": [0], "tail": []}}, "lists of 'labels' to have equal"),
        ("fewrel", {"head": {"indices": [[5, 3]]}}, "expected consecutive token indices"),
        ("semeval2010_task8", {"relation": 3}, "expected 'relation' to be a text, got int 3"),
    ],
)
def test_malformed_row_is_refused(name: str, change: dict[str, Any], reason: str) -> None:
    with pytest.raises(CorpusError, match=f"train, line 4.*: .*{reason}"):
        list(corpora.get(name).from_hub_row(ROWS[name][0] | change, Place("train", 4)))


@pytest.mark.parametrize("name", sorted(set(corpora.names()) - set(ROWS)))
def test_unsupported_layout_asks_for_a_local_folder(name: str, tmp_path: Path) -> None:
    expected = f"layout of '{name}' on the hub is not supported. Download the original files"
    with pytest.raises(CorpusError, match=expected):
        corpora.load(name, _hub_copy(tmp_path))


def _hub_copy(tmp_path: Path) -> Path:
    folder = tmp_path / "copy"
    folder.mkdir()
    (folder / "validation.jsonl").write_text(lines({"text": "x"}), encoding="utf-8")
    return folder


def test_folder_of_original_files_is_read_as_such(tmp_path: Path) -> None:
    write(tmp_path, "hyperred")
    assert list(corpora.load("hyperred", tmp_path)) == ["train"]


def test_load_without_source_takes_the_corpora_folder(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TRIPACK_CORPORA", str(tmp_path))
    write(tmp_path / "crossre", "crossre")
    assert corpora.load("crossre")["train"].num_rows == 1


def test_hub_out_of_reach_is_one_clear_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(datasets.config, "HF_HUB_OFFLINE", True)
    with pytest.raises(
        CorpusError, match="Cannot load 'nobody/nothing' for corpus 'hyperred'"
    ) as e:
        corpora.load("hyperred", "nobody/nothing")
    assert "\n" not in str(e.value)


def test_missing_path_is_not_taken_for_a_hub_name(tmp_path: Path) -> None:
    with pytest.raises(CorpusError, match=r"No file or folder .*such as 'declare-lab/HyperRED'"):
        corpora.load("hyperred", tmp_path / "nowhere")
    with pytest.raises(CorpusError, match="No file or folder"):
        corpora.load("hyperred", "./data/hyperred")
