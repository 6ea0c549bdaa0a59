"""Bad input through the real command: one clear line, a non-zero exit code, no half-written file.

What can be worked on is worked on: such texts come back unchanged, and the run succeeds.
"""

from __future__ import annotations

import json
import os
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.extract.interfaces.command import (
    assert_one_line_error,
    command,
    environment,
    run_here,
    tripack,
)

FACT = "Leonard Parker received his PhD from Harvard University in 1967."


def text_of(content: bytes) -> Callable[[Path], list[str]]:
    """A case that reads `bad.txt` of that content."""

    def prepare(folder: Path) -> list[str]:
        (folder / "bad.txt").write_bytes(content)
        return ["--input", str(folder / "bad.txt")]

    return prepare


def file_of(name: str, content: bytes) -> Callable[[Path], list[str]]:
    """A case that reads a file of that name and content."""

    def prepare(folder: Path) -> list[str]:
        (folder / name).write_bytes(content)
        return ["--input", str(folder / name)]

    return prepare


def unreadable(folder: Path) -> list[str]:
    path = folder / "secret.txt"
    path.write_text(FACT)
    path.chmod(0)
    if os.geteuid() == 0:  # root may read anything but what the kernel itself refuses to read
        path.unlink()
        path.symlink_to("/proc/self/mem")
    return ["--input", str(path)]


def empty_folder(folder: Path) -> list[str]:
    (folder / "in").mkdir()
    (folder / "in" / "notes.md").touch()
    return ["--input", str(folder / "in")]


REFUSED: list[tuple[str, Callable[[Path], list[str]], str]] = [
    ("invalid UTF-8", text_of(b"Zo\xeb"), "bad.txt is not valid UTF-8 at byte 2."),
    ("UTF-16", text_of("Zoë".encode("utf-16")), "try --encoding utf-16"),
    ("PNG", text_of(b"\x89PNG\r\n\x1a\n\0\0\0"), "is a PNG image, expected text"),
    ("PDF", text_of(b"%PDF-1.7\n"), "is a PDF document, expected text"),
    ("ZIP", file_of("a.docx", b"PK\x03\x04.."), "is a ZIP archive or an Office document"),
    ("ELF", file_of("prog", b"\x7fELF\x02"), "is an ELF program"),
    ("gzip", file_of("a.jsonl", b"\x1f\x8b\x08"), "is a gzip file"),
    ("NUL bytes, no suffix", file_of("data", b"ab\0cd"), "looks binary (a NUL at byte 2)"),
    ("malformed JSON", file_of("a.jsonl", b'{"text": "a"\n'), "a.jsonl, line 1: not JSON"),
    ("no text field", file_of("a.jsonl", b'{"txt": "a"}\n'), "a.jsonl, line 1: no field 'text'"),
    ("malformed CSV", file_of("a.csv", b'text\n"a\n'), "not CSV"),
    ("not Parquet", file_of("a.parquet", b"PAR0"), "is not a Parquet file"),
    ("unreadable file", unreadable, "Cannot read"),
    ("missing file", lambda folder: ["--input", str(folder / "no.txt")], "No such file"),
    ("name too long", lambda folder: ["--input", "x" * 5000], "File name too long"),
    ("folder without texts", empty_folder, "holds no .txt"),
]


@pytest.mark.parametrize(
    ("prepare", "part"), [case[1:] for case in REFUSED], ids=[case[0] for case in REFUSED]
)
def test_input_that_cannot_be_used_is_refused(
    tmp_path: Path, prepare: Callable[[Path], list[str]], part: str
) -> None:
    out = tmp_path / "made" / "out.jsonl"
    out.parent.mkdir()
    done = tripack("extract", *prepare(tmp_path), "--output", out, "--model", "none needed")
    assert done.returncode == 3
    assert_one_line_error(done.stderr)
    assert part in done.stderr
    assert done.stdout == ""
    assert list(out.parent.iterdir()) == []


def test_text_argument_of_invalid_bytes_is_refused() -> None:
    done = tripack(
        "extract", b"Zo\xff".decode("utf-8", "surrogateescape"), "--model", "none needed"
    )
    assert done.returncode == 3
    assert_one_line_error(done.stderr)
    assert "The text argument is not valid UTF-8 at byte 2." in done.stderr


UNUSUAL = {
    "empty": "",
    "white space": " \n\t\u3000 ",
    "NUL": f"\0{FACT}\0",
    "control characters": "\x01Leonard\x07 \x1b[31mParker\x7f\x9b",
    "emoji": f"👩‍👩‍👧‍👦 {FACT} 🇳🇴👍🏽",
    "combining marks": "Le\u0301onard " + "a" + "\u0301" * 1000 + " Pa\u0308rker",
    "right to left": "وُلِدَ ليونارد باركر في باريس. ולדימיר \u202e FACT \u202c",
    "long word": "x" * 50_000 + f" {FACT}",
    "HTML": f"<html><p class='a'>{FACT}</p>&nbsp;<script>alert(1)</script>",
    "only marks": "\u0301\u0302",
    "private use and noncharacters": "\ue000\uffff\U0010ffff",
    "line and paragraph separators": f"{FACT}\u2028{FACT}\u2029\x85{FACT}",
}


@pytest.fixture(scope="module")
def unusual_output(
    tmp_path_factory: pytest.TempPathFactory, tiny_model: Path
) -> dict[str, dict[str, object]]:
    """The documents that one run over a folder of unusual texts gives, by file name."""
    folder = tmp_path_factory.mktemp("unusual")
    for name, text in UNUSUAL.items():
        (folder / f"{name}.txt").write_bytes(text.encode())
    out = folder / "out.jsonl"
    done = tripack("extract", "--input", folder, "--output", out, "--model", tiny_model)
    assert done.returncode == 0, done.stderr
    assert done.stderr.startswith(f"tripack: {len(UNUSUAL)} documents, ")
    documents = [json.loads(line) for line in out.read_text(encoding="utf-8").split("\n")[:-1]]
    assert [d["id"] for d in documents] == sorted(f"{name}.txt" for name in UNUSUAL)
    return {str(d["id"]).removesuffix(".txt"): d for d in documents}


@pytest.mark.parametrize("name", list(UNUSUAL))
def test_unusual_text_comes_back_unchanged_with_exact_offsets(
    unusual_output: dict[str, dict[str, object]], name: str
) -> None:
    found = unusual_output[name]
    text = UNUSUAL[name]
    assert found["text"] == text
    entities, triples = found["entities"], found["triples"]
    assert isinstance(entities, list) and isinstance(triples, list)
    ends = [triple[end] for triple in triples for end in ("subject", "object")]
    for entity in [*entities, *ends]:
        assert text[entity["start"] : entity["end"]] == entity["text"]
    if not any(c.isalnum() for c in text):
        assert triples == []


def test_control_characters_separate_words_and_hide_no_fact(
    unusual_output: dict[str, dict[str, object]],
) -> None:
    entities = unusual_output["NUL"]["entities"]
    assert isinstance(entities, list)
    assert {"Leonard Parker", "Harvard University"} <= {e["text"] for e in entities}


def test_ten_megabytes_on_one_line(
    tmp_path: Path, tiny_model: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    # 300 sentences, far apart: what is tested is the line's length, not the model's speed.
    line = (FACT + " " * 35_000) * 300
    (tmp_path / "long.txt").write_text(line + "\n")
    out = tmp_path / "out.jsonl"
    assert len(line) > 10_000_000
    words = ["--input", tmp_path / "long.txt", "--lines", "-o", out, "--model", tiny_model]
    assert run_here("extract", *words) == 0
    (document,) = [json.loads(row) for row in out.read_text().splitlines()]
    assert document["id"] == "long.txt:1" and document["text"] == line
    assert len(document["triples"]) == 300
    assert document["triples"][-1]["subject"]["start"] == 299 * (len(FACT) + 35_000)
    assert "1 document, 300 triples" in capfd.readouterr().err


@pytest.mark.parametrize("n_lines", [20_000, pytest.param(1_000_000, marks=pytest.mark.slow)])
def test_empty_lines_are_documents_without_triples(
    tmp_path: Path, tiny_model: Path, capfd: pytest.CaptureFixture[str], n_lines: int
) -> None:
    (tmp_path / "empty.txt").write_text("\n" * n_lines)
    out = tmp_path / "out.jsonl"
    words = ["--input", tmp_path / "empty.txt", "--lines", "-o", out, "--model", tiny_model]
    assert run_here("extract", *words) == 0
    with out.open() as lines:
        ids = [json.loads(line)["id"] for line in lines]
    assert len(ids) == n_lines and ids[-1] == f"empty.txt:{n_lines}"
    assert f"{n_lines} documents, 0 triples" in capfd.readouterr().err


@pytest.mark.slow
def test_sentence_of_200000_words(tmp_path: Path, tiny_model: Path) -> None:
    text = "Leonard Parker lives in Paris " * 40_000
    (tmp_path / "long.txt").write_text(text)
    out = tmp_path / "out.jsonl"
    words = ["--input", tmp_path / "long.txt", "--output", out, "--model", tiny_model]
    assert run_here("extract", *words) == 0
    document = json.loads(out.read_text())
    assert document["text"] == text
    for entity in document["entities"]:
        assert text[entity["start"] : entity["end"]] == entity["text"]


@pytest.mark.parametrize(
    ("output", "reason"),
    [
        ("/dev/full", "No space left on device"),
        ("missing/out.jsonl", "No such file or directory"),
        ("folder", "is a folder"),
        ("kept.jsonl", "kept.jsonl exists; use --force to replace it"),
        ("/proc/version/out.jsonl", "Not a directory"),
    ],
)
def test_output_that_cannot_be_written(
    tmp_path: Path,
    tiny_model: Path,
    capfd: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
    output: str,
    reason: str,
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "folder").mkdir()
    (tmp_path / "kept.jsonl").write_text("precious\n")
    assert run_here("extract", FACT, "--output", output, "--model", tiny_model) == 4
    err = capfd.readouterr().err
    assert_one_line_error(err)
    assert reason in err
    assert sorted(p.name for p in tmp_path.iterdir()) == ["folder", "kept.jsonl"]
    assert (tmp_path / "kept.jsonl").read_text() == "precious\n"


def test_full_disk_behind_standard_output(tiny_model: Path) -> None:
    with open("/dev/full", "wb") as full:
        done = subprocess.run(
            command("extract", FACT, "--model", tiny_model),
            stdout=full,
            stderr=subprocess.PIPE,
            env=environment(),
            check=False,
        )
    err = done.stderr.decode()
    assert done.returncode == 4
    assert_one_line_error(err)
    assert "Cannot write standard output: No space left on device" in err


@pytest.mark.parametrize(
    ("model", "reason"), [("no-such-model", "Unknown model"), (".", "is no model folder")]
)
def test_model_that_cannot_be_loaded(
    tmp_path: Path,
    capfd: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
    model: str,
    reason: str,
) -> None:
    monkeypatch.chdir(tmp_path)
    assert run_here("extract", FACT, "--model", model, "--output", "out.jsonl") == 5
    err = capfd.readouterr().err
    assert_one_line_error(err)
    assert reason in err
    assert list(tmp_path.iterdir()) == []
