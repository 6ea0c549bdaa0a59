"""What a figure was measured with."""

from __future__ import annotations

import datetime
import importlib.metadata
import json
import os
import sys
from pathlib import Path

import pytest
import torch

from extract.versions import environment


def test_environment_names_versions_machine_and_time_as_plain_values() -> None:
    found = environment()
    assert json.loads(json.dumps(found)) == found
    assert found["versions"]["torch"] == importlib.metadata.version("torch")
    assert found["cores"] == os.cpu_count()
    assert found["threads"] == torch.get_num_threads()
    assert found["processor"]
    assert (found["accelerator"] is not None) == torch.cuda.is_available()
    age = datetime.datetime.now(datetime.UTC) - datetime.datetime.fromisoformat(found["date"])
    assert datetime.timedelta(seconds=-1) <= age < datetime.timedelta(minutes=10)


def test_environment_command_names_no_folder_of_the_machine(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    program = tmp_path / "seeds.py"
    monkeypatch.setattr(
        sys, "argv", [str(program), "recipes/a.toml", "--out", f"{tmp_path}/a.json"]
    )
    assert environment()["command"] == ["seeds.py", "recipes/a.toml", "--out", "a.json"]


def test_environment_package_that_is_missing_is_none() -> None:
    versions = environment()["versions"]
    installed = {name for name, version in versions.items() if version is not None}
    for name in set(versions) - installed:
        try:
            importlib.metadata.version(name)
        except importlib.metadata.PackageNotFoundError:
            continue
        raise AssertionError(f"{name} is installed but reported missing")
    assert {"torch", "transformers", "numpy"} <= installed
