"""Input readers: ids, line ends, encodings, bad records, streaming."""

from __future__ import annotations

import io
import json
import tracemalloc
from pathlib import Path

import pytest

from extract.errors import InputError
from extract.interfaces.io.settings import ReadSettings
from extract.interfaces.io.sources import Source, text_argument


def read(path: Path, **settings: object) -> list[tuple[str, str]]:
    return list(Source.open(str(path), ReadSettings(**settings)))  # type: ignore[arg-type]


def put(path: Path, content: str | bytes) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    return path


@pytest.mark.parametrize(
    "text", ["", " \n\t ", "a\r\nb\n", "a\0b\x07", "😀 é e\u0301", "שלום עולם", "<b>x</b>\n\n"]
)
def test_text_file_is_one_unchanged_document(tmp_path: Path, text: str) -> None:
    assert read(put(tmp_path / "a.txt", text)) == [("a.txt", text)]


def test_text_lines_keep_empty_lines_and_their_numbers(tmp_path: Path) -> None:
    path = put(tmp_path / "a.txt", "one\n\r\n three \u2028 \r\nlast")
    assert read(path, lines=True) == [
        ("a.txt:1", "one"),
        ("a.txt:2", ""),
        ("a.txt:3", " three \u2028 "),
        ("a.txt:4", "last"),
    ]


@pytest.mark.parametrize("lines", [False, True])
def test_byte_order_mark_is_no_text(tmp_path: Path, lines: bool) -> None:
    path = put(tmp_path / "a.txt", b"\xef\xbb\xbfAda")
    assert [text for _, text in read(path, lines=lines)] == ["Ada"]


@pytest.mark.parametrize("encoding", ["utf-16", "utf-32-le", "latin-1", "gb18030", "utf-8-sig"])
def test_other_encodings_are_read_whole_and_by_line(tmp_path: Path, encoding: str) -> None:
    path = put(tmp_path / "a.txt", "Zoë\nÅsa".encode(encoding))
    assert read(path, encoding=encoding) == [("a.txt", "Zoë\nÅsa")]
    by_line = read(path, encoding=encoding, lines=True)
    assert by_line == [("a.txt:1", "Zoë"), ("a.txt:2", "Åsa")]


@pytest.mark.parametrize(
    ("content", "lines", "offset"),
    [
        (b"ab\xffcd", False, 2),
        (b"\xef\xbb\xbfab\xff", False, 5),
        (b"one\ntwo\nth\xe9e\n", True, 10),
        (b"ends in \xe2\x82", False, 8),
    ],
)
def test_invalid_bytes_are_located_in_the_file(
    tmp_path: Path, content: bytes, lines: bool, offset: int
) -> None:
    path = put(tmp_path / "a.txt", content)
    with pytest.raises(InputError, match=rf"a\.txt is not valid UTF-8 at byte {offset}\. .*--enco"):
        read(path, lines=lines)


def test_invalid_bytes_replaced_on_request(tmp_path: Path) -> None:
    path = put(tmp_path / "a.txt", b"ab\xffcd")
    assert read(path, errors="replace") == [("a.txt", "ab\ufffdcd")]


def test_utf16_read_as_utf8_suggests_utf16(tmp_path: Path) -> None:
    path = put(tmp_path / "a.txt", "Ada".encode("utf-16"))
    with pytest.raises(InputError, match="try --encoding utf-16"):
        read(path)


def test_truncated_utf16_names_the_line(tmp_path: Path) -> None:
    path = put(tmp_path / "a.txt", "one\ntwo".encode("utf-16-le")[:-1])
    with pytest.raises(InputError, match=r"a\.txt, line 2 or soon after: not valid UTF-16-LE"):
        read(path, encoding="utf-16-le", lines=True)


def test_jsonl_ids_are_fields_or_line_numbers(tmp_path: Path) -> None:
    lines = [{"text": "a", "id": "x"}, {"text": "b"}, {"text": "c", "id": 7}, {"text": ""}]
    path = put(tmp_path / "a.jsonl", "\n\n".join(map(json.dumps, lines)) + "\n \n")
    assert read(path) == [("x", "a"), ("a.jsonl:3", "b"), ("7", "c"), ("a.jsonl:7", "")]


def test_jsonl_other_fields(tmp_path: Path) -> None:
    path = put(tmp_path / "a.jsonl", '{"body": "a", "key": "k", "id": "i"}')
    assert read(path, text_field="body", id_field="key") == [("k", "a")]


@pytest.mark.parametrize(
    ("line", "reason"),
    [
        ("{'text': 1}", "not JSON at column 2"),
        ('["text"]', "expected a JSON object, got a list"),
        ('{"txt": "a"}', "no field 'text', the record has 'txt'"),
        ("{}", "the record has none"),
        ('{"text": 5}', "expected a text in 'text', got a number"),
        ('{"text": null}', "got null"),
        ('{"text": "a", "id": [1]}', "whole number in 'id', got a list"),
        ('{"text": "\\ud83d"}', "half of a surrogate pair (\\ud83d)"),
        ("[" * 100_000, "nested too deeply"),
        ('{"text": ' + "9" * 5000 + "}", "not usable JSON"),
        (b'{"text": "\xff"}', "not valid UTF-8 at byte 26"),
    ],
)
def test_malformed_jsonl_line_is_named_or_skipped(
    tmp_path: Path, line: str | bytes, reason: str, caplog: pytest.LogCaptureFixture
) -> None:
    bad = line if isinstance(line, bytes) else line.encode()
    path = put(tmp_path / "a.jsonl", b'{"text": "one"}\n' + bad + b'\n{"text": "three"}\n')
    with pytest.raises(InputError) as caught:
        read(path)
    assert reason in str(caught.value) and "a.jsonl" in str(caught.value)
    source = Source.open(str(path), ReadSettings(skip_bad=True))
    assert list(source) == [("a.jsonl:1", "one"), ("a.jsonl:3", "three")]
    assert source.tally.n_bad == 1


def test_lone_surrogate_replaced_on_request(tmp_path: Path) -> None:
    path = put(tmp_path / "a.jsonl", '{"text": "a\\ud83d \\ud83d\\ude00"}')
    assert read(path, errors="replace") == [("a.jsonl:1", "a\ufffd 😀")]


def test_csv_quotes_span_lines_and_ids_count_lines(tmp_path: Path) -> None:
    content = 'n,text\r\n1,"a, ""b""\nc"\r\n\r\n2,d\r\n'
    path = put(tmp_path / "a.csv", content)
    assert read(path) == [("a.csv:2", 'a, "b"\nc'), ("a.csv:5", "d")]
    assert read(path, id_field="n") == [("1", 'a, "b"\nc'), ("2", "d")]


def test_csv_text_longer_than_the_parser_default(tmp_path: Path) -> None:
    path = put(tmp_path / "a.csv", "text\n" + "x" * 200_000 + "\n")
    assert len(read(path)[0][1]) == 200_000


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        ("body\na\n", "no column 'text'. Expected one of its columns as --text-field: body."),
        ("text,n\na,1\nb, c,2\n", "line 3: expected 2 fields as in the header, got 3"),
        ('text\na\n"b\n', "not CSV"),
    ],
)
def test_malformed_csv_is_named(tmp_path: Path, content: str, reason: str) -> None:
    with pytest.raises(InputError) as caught:
        read(put(tmp_path / "a.csv", content))
    assert reason in str(caught.value)


def test_csv_skips_bad_rows_and_keeps_line_numbers(tmp_path: Path) -> None:
    path = put(tmp_path / "a.csv", b"text\na\n\xff\nb,c\nd\n")
    source = Source.open(str(path), ReadSettings(skip_bad=True))
    assert list(source) == [("a.csv:2", "a"), ("a.csv:5", "d")]
    assert source.tally.n_bad == 2


def test_empty_csv_has_no_documents(tmp_path: Path) -> None:
    assert read(put(tmp_path / "a.csv", "")) == []


def test_parquet_rows(tmp_path: Path) -> None:
    import pyarrow as pa
    import pyarrow.parquet as pq

    path = tmp_path / "a.parquet"
    table = pa.table({"text": ["a", None, "c"], "n": [1, 2, 3], "id": ["x", "y", None]})
    pq.write_table(table, path, row_group_size=2)
    with pytest.raises(InputError, match=r"a\.parquet, row 2: expected a text in 'text', got null"):
        read(path)
    assert read(path, skip_bad=True) == [("x", "a"), ("a.parquet:3", "c")]
    with pytest.raises(InputError, match=r"no column 'body'.*text, n, id"):
        read(path, text_field="body")
    with pytest.raises(InputError, match="is not a Parquet file"):
        read(put(tmp_path / "b.parquet", "no"))


def test_folder_reads_known_suffixes_sorted_and_counts_others(tmp_path: Path) -> None:
    put(tmp_path / "b.txt", "B")
    put(tmp_path / "a" / "z.TXT", "Z")
    put(tmp_path / "a" / "y.jsonl", '{"text": "Y"}')
    put(tmp_path / "a" / "photo.png", b"\x89PNG\r\n\x1a\n")
    put(tmp_path / "notes.md", "no")
    source = Source.open(str(tmp_path), ReadSettings())
    assert list(source) == [("a/y.jsonl:1", "Y"), ("a/z.TXT", "Z"), ("b.txt", "B")]
    assert source.n_skipped_files == 2


def test_folder_with_a_binary_text_file_stops_or_skips(tmp_path: Path) -> None:
    put(tmp_path / "a.txt", b"%PDF-1.7")
    put(tmp_path / "b.txt", "B")
    with pytest.raises(InputError, match=r"a\.txt is a PDF document, expected text"):
        read(tmp_path)
    assert read(tmp_path, skip_bad=True) == [("b.txt", "B")]


def test_unknown_suffix_is_text_unless_it_holds_nul(tmp_path: Path) -> None:
    assert read(put(tmp_path / "notes.md", "# Ada")) == [("notes.md", "# Ada")]
    with pytest.raises(InputError, match=r"b\.dat looks binary \(a NUL at byte 1\)"):
        read(put(tmp_path / "b.dat", b"a\0b"))


def test_input_format_overrides_the_suffix(tmp_path: Path) -> None:
    path = put(tmp_path / "a.log", '{"text": "a"}')
    assert read(path, input_format="jsonl") == [("a.log:1", "a")]


def test_progress_counts_every_byte(tmp_path: Path) -> None:
    path = put(tmp_path / "a.txt", "one\ntwo\n" * 10)
    source = Source.open(str(path), ReadSettings(lines=True))
    assert len(list(source)) == source.tally.n_documents == 20
    assert source.tally.n_bytes == source.total_bytes == path.stat().st_size


@pytest.mark.parametrize("suffix", ["txt", "jsonl", "csv"])
def test_memory_is_flat_on_many_lines(tmp_path: Path, suffix: str) -> None:
    line = '{"text": "' + "x" * 66 + '"}' if suffix == "jsonl" else "x" * 80
    header = "text\n" if suffix == "csv" else ""
    path = put(tmp_path / f"a.{suffix}", header + (line + "\n") * 60_000)
    tracemalloc.start()
    n = sum(1 for _ in Source.open(str(path), ReadSettings(lines=True)))
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert n == 60_000
    assert path.stat().st_size > 4_500_000
    assert peak < 3_000_000  # one buffer of 1 MiB, and small change


def test_text_argument_of_invalid_bytes() -> None:
    assert text_argument("Zoë", ReadSettings()) == "Zoë"
    broken = b"Zo\xff".decode("utf-8", "surrogateescape")
    with pytest.raises(InputError, match="The text argument is not valid UTF-8 at byte 2"):
        text_argument(broken, ReadSettings())
    assert text_argument(broken, ReadSettings(errors="replace")) == "Zo\ufffd"


def test_closed_standard_input_is_an_error(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.stdin", None)
    with pytest.raises(InputError, match="Standard input is closed"):
        list(Source.open("-", ReadSettings()))


def test_standard_input_ids(monkeypatch: pytest.MonkeyPatch) -> None:
    def pipe(content: bytes) -> io.TextIOWrapper:
        return io.TextIOWrapper(io.BufferedReader(io.BytesIO(content)))  # type: ignore[arg-type]

    monkeypatch.setattr("sys.stdin", pipe(b"a\nb"))
    assert list(Source.open("-", ReadSettings())) == [("stdin", "a\nb")]
    monkeypatch.setattr("sys.stdin", pipe(b"a\nb"))
    assert list(Source.open("-", ReadSettings(lines=True))) == [("stdin:1", "a"), ("stdin:2", "b")]


def test_csv_record_of_invalid_bytes_is_left_out_whole_and_no_other(tmp_path: Path) -> None:
    content = b'id,text\n1,"Marie\nbad \xff byte\nParis."\n2,"two"\n3,"th\nree"\n"fo"ur,4\n5,five\n'
    path = put(tmp_path / "a.csv", content)
    source = Source.open(str(path), ReadSettings(skip_bad=True))
    assert list(source) == [("2", "two"), ("3", "th\nree"), ("5", "five")]
    assert source.tally.n_bad == 2
    with pytest.raises(InputError, match="not valid UTF-8 at byte 21"):
        read(path)
    with pytest.raises(InputError, match="not valid UTF-8 at byte 11"):
        read(put(tmp_path / "b.csv", b"id,text,caf\xe9\n1,a,b\n"))


def test_csv_bad_rows_do_not_move_line_numbers(tmp_path: Path) -> None:
    path = put(tmp_path / "a.csv", 'text,n\none,1\n"b"ad,2\n"three\nlines",3\nfour,4\n')
    assert read(path, skip_bad=True) == [
        ("a.csv:2", "one"),
        ("a.csv:4", "three\nlines"),
        ("a.csv:6", "four"),
    ]
    with pytest.raises(InputError, match="line 5: not CSV"):
        read(put(tmp_path / "b.csv", b'text\none\nbad \xff\ntwo\n"a"b\n'), errors="replace")


@pytest.mark.parametrize("name", ["text", "id"])
def test_two_columns_of_one_name_are_refused(tmp_path: Path, name: str) -> None:
    import pyarrow as pa
    import pyarrow.parquet as pq

    columns = ["id", "text", name]
    csv = put(tmp_path / "a.csv", ",".join(columns) + "\n1,2,3\n")
    parquet = tmp_path / "a.parquet"
    pq.write_table(pa.Table.from_arrays([pa.array(["1"])] * 3, names=columns), parquet)
    for path in (csv, parquet):
        with pytest.raises(InputError, match=f"expected one column '{name}', got 2"):
            read(path)


def test_files_that_cannot_be_read_are_skipped_and_the_next_is_read(tmp_path: Path) -> None:
    put(tmp_path / "a.parquet", b"no Parquet")
    put(tmp_path / "b.csv", "other,columns\n1,2\n")
    put(tmp_path / "c.txt", "whole")
    source = Source.open(str(tmp_path), ReadSettings(skip_bad=True))
    assert list(source) == [("c.txt", "whole")]
    assert source.tally.n_bad == 2
    with pytest.raises(InputError, match="not a Parquet file"):
        read(tmp_path)
