"""The figures of exports are those of the files, and a reader that finds less ends the run."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from benchmarks import exports
from extract.kg.export import EXPORTERS
from tests.extract.kg.export.hostile import small_graph


def test_every_format_and_style_is_read_back() -> None:
    found = exports.measured(small_graph())
    assert (found["entities"], found["statements"], found["evidence"]) == (3, 2, 3)
    assert {each["format"] for each in found["exports"]} == set(EXPORTERS)
    assert len(found["exports"]) == 3 + 3 + 2 + 4
    for each in found["exports"]:
        assert (each["statements_found"], each["evidence_found"]) == (2, 3)
        assert each["bytes"] > 0


def test_reader_that_finds_less_ends_the_run(monkeypatch: pytest.MonkeyPatch) -> None:
    less = ("csv", lambda path: exports.Found({"s1"}, 2))
    monkeypatch.setattr(exports, "_reader", lambda format, style: less)
    with pytest.raises(SystemExit, match=r"finds 1 statements from 2 places .* 2 from 3"):
        exports.measured(small_graph())


def test_command_writes_the_result(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    def mention(text: str, start: int, label: str) -> dict[str, object]:
        return {"text": text, "start": start, "end": start + len(text), "label": label}

    ann, acme = mention("Ann Lee", 0, "PER"), mention("Acme", 15, "ORG")
    triple = {"subject": ann, "relation": "works for", "relation_id": "P108", "object": acme}
    triple |= {"qualifiers": [], "score": 0.9, "sentence": [0, 20]}
    document = {"id": "d", "text": "Ann Lee joined Acme.", "entities": [ann, acme]}
    document |= {"triples": [triple], "model": "tiny 1.0.0"}
    (tmp_path / "in.jsonl").write_text(json.dumps(document) + "\n", encoding="utf-8")
    exports.main([str(tmp_path / "in.jsonl"), "--out", str(tmp_path / "out.json")])
    written = json.loads((tmp_path / "out.json").read_text(encoding="utf-8"))
    assert (written["statements"], written["models"]) == (1, ["tiny 1.0.0"])
    assert json.loads(capsys.readouterr().out) == written
