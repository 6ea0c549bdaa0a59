"""The examples of docs/spacy.md run, in order, as one program."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest
import spacy

from extract.interfaces.spacy import Settings

PAGE = Path(__file__).resolve().parents[3] / "docs" / "spacy.md"


def blocks(language: str) -> list[str]:
    return re.findall(rf"```{language}\n(.*?)```", PAGE.read_text(encoding="utf-8"), re.DOTALL)


@pytest.mark.filterwarnings("ignore:.*W101")
def test_python_examples_run(
    tiny_model: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: Any
) -> None:
    monkeypatch.chdir(tmp_path)
    code = "\n".join(blocks("python"))
    # The page uses the bundled model; this test must not depend on what that one finds.
    code = code.replace(
        '"tripack", config={', f'"tripack", config={{"model": {str(tiny_model)!r}, '
    )
    code = code.replace('("tripack")', f'("tripack", config={{"model": {str(tiny_model)!r}}})')
    names: dict[str, Any] = {}
    exec(compile(code, PAGE.name, "exec"), names)
    printed = capsys.readouterr().out
    assert "Leonard Parker | educated at | Harvard University" in printed
    assert names["html"].count("Entity") >= 3
    assert names["scores"]["rel_per_type"].keys() >= {"place of birth"}


def test_relation_on_the_page_has_the_shape_that_is_written(tiny_model: Path) -> None:
    shown = json.loads(blocks("json")[0])
    nlp = spacy.blank("en")
    nlp.add_pipe("tripack", config={"model": str(tiny_model)})
    doc = nlp("Leonard Parker received his PhD from Harvard University in 1967.")
    (written,) = doc._.relations
    assert list(written) == list(shown)
    assert list(written["qualifiers"][0]) == list(shown["qualifiers"][0])
    for end in ("head", "tail", "evidence"):
        assert {k: v for k, v in shown[end].items() if k != "label"} == {
            k: v for k, v in written[end].items() if k != "label"
        }
    assert shown["qualifiers"][0]["value"]["text"] in [
        q["value"]["text"] for q in written["qualifiers"]
    ]


def test_table_of_settings_lists_each_with_its_default() -> None:
    rows = re.findall(
        r"^\| `(\w+)` \| `?(.+?)`? \|", PAGE.read_text(encoding="utf-8"), re.MULTILINE
    )
    listed = {name: json.loads(default) for name, default in rows if name in Settings.__slots__}
    assert listed == {name: getattr(Settings(), name) for name in Settings.__slots__}
