"""Files that once broke a reader: those written here, and those that `benchmarks.fuzz` found, in `cases`."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.fuzz.readers import READERS

CASES = sorted(path for path in Path(__file__).with_name("cases").glob("*/*"))
DIGITS, NESTED = b"9" * 5000, b"[" * 100_000
_CONFIG = b'{"name": "m", "version": "1", "description": %s}'
_PRIOR = b'{"source": "", "strength": 1, "pairs": [%s]}'
_PAIR = b'{"subject": "", "object": "", "occasions": %s, "relations": {}}'
_DOCUMENT = (
    b'{"id": "a", "text": "ab", "entities": [], "triples": [{"relation": "r", "score": %s, '
    b'"subject": {"text": "a", "start": 0, "end": 1}, "object": {"text": "b", "start": 1, "end": 2}}]}'
)
_RELATION = (
    b'[{"label": "led", "head": {"start_char": 0, "end_char": 3}, '
    b'"tail": {"start_char": 17, "end_char": %s}}]'
)

FOUND = [
    ("schema", b'{"entity_types": [{"name": "A", "count": %s}]}' % DIGITS, "Exceeds the limit"),
    ("schema", b'{"entity_types": ["\\ud800"]}', "half of a surrogate pair"),
    ("schema", b'{"entity_types": [{"name": "A", "count": "%s"}]}' % DIGITS, r"\[\.\.\.\]"),
    ("config", b'{"format": %s}' % DIGITS, "Exceeds the limit"),
    ("config", NESTED, "nested too deeply"),
    ("config", _CONFIG % b"3", "expected texts as 'name', 'version' and 'description'"),
    ("config", _CONFIG % b'"\\udfff"', "half of a surrogate pair"),
    ("onnx", NESTED, "nested too deeply"),
    ("stack", DIGITS, "Exceeds the limit"),
    ("manifest", NESTED, "is damaged"),
    ("aliases", NESTED, "nested too deeply"),
    ("aliases", b'{"a": [%s]}' % DIGITS, "Exceeds the limit"),
    ("aliases", b'{"a": ["\\ud800"]}', "half of a surrogate pair"),
    ("prior", DIGITS, "Exceeds the limit"),
    ("prior", _PRIOR % (_PAIR % b"Infinity"), "OverflowError: cannot convert float infinity"),
    ("prior", _PRIOR.replace(b"1,", b"1" + b"0" * 400 + b",") % b"", "OverflowError: int too large"),
    ("graph", _DOCUMENT % (b"1" + b"0" * 400), r"a 'score' in \[0, 1\]"),
    ("recipe", b"a = " + DIGITS, "Exceeds the limit"),
    ("recipe", b"a = " + NESTED, "recursion"),
    ("overrides", b"seed=" + DIGITS, "setting"),
    ("overrides", b"seed=" + NESTED, "setting"),
    ("spacy-relations", b"[%s]" % DIGITS, "Exceeds the limit"),
    ("spacy-relations", NESTED, "nested too deeply"),
    ("spacy-relations", _RELATION % b"9223372036854775808", "Expected characters within 0-28, got"),
    ("spacy-relations", _RELATION % b"29", "Expected characters within 0-28, got 17-29"),
    ("txt-utf-16", b"a\0", "not valid UTF-16 .*BOM"),
    ("csv", b'"a\nb",id\n1,2\n', r"no column 'text'\. .*: a b, id"),
]  # fmt: skip


@pytest.mark.parametrize(("name", "content", "reason"), FOUND)
def test_found_file_is_refused_for_what_it_is(
    name: str, content: bytes, reason: str, tmp_path: Path
) -> None:
    reader = READERS[name]
    path = reader.place(tmp_path)
    assert not reader.check(path, content)
    with pytest.raises(Exception, match=reason):
        reader.read(path)


@pytest.mark.parametrize("case", CASES, ids=lambda path: f"{path.parent.name}-{path.name}")
def test_found_file_is_read_or_refused(case: Path, tmp_path: Path) -> None:
    reader = READERS[case.parent.name]
    reader.check(reader.place(tmp_path), case.read_bytes())


def test_damaged_page_is_not_given_the_memory_that_it_asks_for(tmp_path: Path) -> None:
    import pyarrow

    pool, reader = pyarrow.default_memory_pool(), READERS["parquet"]
    content = (Path(__file__).with_name("cases") / "parquet/page-of-671-megabytes").read_bytes()
    before = pool.max_memory()
    assert not reader.check(reader.place(tmp_path), content)
    assert pool.max_memory() < max(before, 100 << 20)


def test_every_case_is_of_a_reader() -> None:
    assert {path.parent.name for path in CASES} <= set(READERS)
