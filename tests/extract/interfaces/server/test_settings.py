"""Limits that make no sense and keys that no client could send are refused in words."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from extract.errors import InputError
from extract.interfaces.server.settings import ServerSettings, read_api_key


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"max_words": 0}, "max_words of at least 1, got 0"),
        ({"batch_wait": -0.1}, "batch_wait of at least 0, got -0.1"),
        ({"time_limit": 0.0}, "time_limit of at least 0.01, got 0.0"),
        ({"time_limit": float("nan")}, "got nan"),
        ({"time_limit": float("inf")}, "got inf"),
        ({"max_words": 50_000}, "max_words 50000 and waiting_words 40000"),
    ],
)
def test_settings_out_of_range_are_refused(changes: dict[str, Any], message: str) -> None:
    with pytest.raises(InputError, match=message):
        ServerSettings(**changes)


def test_key_is_not_shown() -> None:
    assert "secret-key" not in repr(ServerSettings(api_key="secret-key"))


def test_key_comes_from_the_file_else_the_environment(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("TRIPACK_API_KEY", raising=False)
    assert read_api_key(None) is None
    monkeypatch.setenv("TRIPACK_API_KEY", "from-the-environment")
    assert read_api_key(None) == "from-the-environment"
    file = tmp_path / "key"
    file.write_text("from-the-file\n")
    assert read_api_key(file) == "from-the-file"


@pytest.mark.parametrize(
    "content", [b"", b"short", b"with a space", b"\xff" * 20, "schlüssel".encode()]
)
def test_unusable_keys_are_refused(tmp_path: Path, content: bytes) -> None:
    file = tmp_path / "key"
    file.write_bytes(content)
    with pytest.raises(InputError, match="API key") as raised:
        read_api_key(file)
    assert str(file) in str(raised.value)
    with pytest.raises(InputError, match="Cannot read"):
        read_api_key(tmp_path / "missing")
