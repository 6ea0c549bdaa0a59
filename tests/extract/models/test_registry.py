"""Models by name and by folder."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from extract.errors import ModelError
from extract.models.registry import BUNDLED, available, read_info, resolve


def test_bundled_models_resolve_by_name() -> None:
    for info in available():
        assert resolve(info.name) == info.path == BUNDLED / info.name
        assert info.version
        assert info.description
    assert [i.name for i in available()] == sorted(i.name for i in available())


def test_model_folder_and_run_folder_resolve_to_the_model(tiny_run: Path, tiny_model: Path) -> None:
    assert resolve(tiny_model) == resolve(tiny_run) == resolve(str(tiny_run)) == tiny_model
    info = read_info(tiny_model)
    assert (info.name, info.version) == ("tiny", "1.0.0")
    assert info.description == "A test model that knows a handful of facts."


def test_bundled_name_wins_over_a_folder_of_that_name(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    name = available()[0].name
    (tmp_path / name).mkdir()
    (tmp_path / name / "config.json").write_text("{}", encoding="utf-8")
    assert resolve(name) == BUNDLED / name
    assert resolve(f"./{name}") == Path(name)


@pytest.mark.parametrize("name", ["wikidata-large", "no/such/folder", "/no/such", "../models"])
def test_unknown_model_lists_the_known_ones(name: str) -> None:
    known = ", ".join(i.name for i in available())
    message = f"Unknown model '{name}'. Expected one of: {known}. Or give a model folder."
    with pytest.raises(ModelError, match=re.escape(message)):
        resolve(name)


def test_folder_that_is_no_model_says_so(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match=r"is no model folder: it has no config.json"):
        resolve(tmp_path)


@pytest.mark.parametrize("content", [None, "", "{", "[]", '{"name": "x"}', "3"])
def test_info_of_a_damaged_folder_is_a_model_error(tmp_path: Path, content: str | None) -> None:
    if content is not None:
        (tmp_path / "config.json").write_text(content, encoding="utf-8")
    with pytest.raises(ModelError, match=r"is no model folder: its config\.json cannot be read"):
        read_info(tmp_path)
