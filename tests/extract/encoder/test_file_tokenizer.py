"""Tokenizers read from their file: those of transformers, or none."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from extract.encoder.file_tokenizer import FileTokenizer, read_tokenizer
from extract.encoder.pretrained import _tokenizer, load_tokenizer, resolve_encoder

MINILM = "all-MiniLM-L6-v2"
IDS = [f"{kind}_token_id" for kind in ("pad", "unk", "cls", "sep", "mask", "bos", "eos")]


@pytest.fixture(scope="module", params=["tiny", MINILM])
def name(request: pytest.FixtureRequest, tiny_encoder: Path) -> str:
    return str(tiny_encoder) if request.param == "tiny" else MINILM


@pytest.fixture(scope="module")
def pair(name: str) -> tuple[Any, Any]:
    """Ours and transformers'."""
    ours = load_tokenizer(name)
    assert isinstance(ours, FileTokenizer)
    theirs = _tokenizer(name, resolve_encoder(name))
    theirs.backend_tokenizer.no_truncation()
    theirs.backend_tokenizer.no_padding()
    return ours, theirs


def test_it_is_transformers_own(pair: tuple[Any, Any]) -> None:
    ours, theirs = pair
    assert ours.backend_tokenizer.to_str() == theirs.backend_tokenizer.to_str()
    assert [getattr(ours, name) for name in IDS] == [getattr(theirs, name) for name in IDS]


@given(st.text())
def test_texts_are_the_same_pieces(pair: tuple[Any, Any], text: str) -> None:
    ours, theirs = pair
    assert ours.backend_tokenizer.encode(text).ids == theirs(text)["input_ids"]


def altered(name: str, to: Path, file: str, **changes: object) -> str:
    folder = Path(shutil.copytree(resolve_encoder(name), to / "altered"))
    held = json.loads((folder / file).read_text(encoding="utf-8"))
    (folder / file).write_text(json.dumps(held | changes), encoding="utf-8")
    return str(folder)


@pytest.mark.parametrize(
    ("file", "changes"),
    [
        ("tokenizer_config.json", {"do_lower_case": False}),
        ("tokenizer_config.json", {"strip_accents": True}),
        ("tokenizer_config.json", {"tokenize_chinese_chars": False}),
        ("tokenizer_config.json", {"tokenizer_class": "RobertaTokenizer"}),
        ("tokenizer_config.json", {"mask_token": "<mask>"}),
        ("tokenizer_config.json", {"bos_token": "[CLS]"}),
        ("tokenizer_config.json", {"pad_token": None}),
        ("tokenizer.json", {"normalizer": None}),
        ("tokenizer.json", {"pre_tokenizer": {"type": "Whitespace"}}),
        ("tokenizer.json", {"added_tokens": []}),
    ],
)
def test_where_the_file_does_not_tell_all_it_is_left_to_transformers(
    tmp_path: Path, file: str, changes: dict[str, object]
) -> None:
    assert read_tokenizer(altered(MINILM, tmp_path, file)) is not None
    shutil.rmtree(tmp_path / "altered")
    assert read_tokenizer(altered(MINILM, tmp_path, file, **changes)) is None


@pytest.mark.parametrize("content", [b"", b"[]", b"{}", b"\xff", b'{"model": {"type": 5}}'])
@pytest.mark.parametrize("file", ["tokenizer_config.json", "tokenizer.json"])
def test_damaged_files_are_not_read(tmp_path: Path, file: str, content: bytes) -> None:
    folder = Path(shutil.copytree(resolve_encoder(MINILM), tmp_path / "damaged"))
    (folder / file).write_bytes(content)
    assert read_tokenizer(str(folder)) is None
