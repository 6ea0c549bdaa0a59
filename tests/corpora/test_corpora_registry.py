"""Every registered corpus is described, tested, read whole, and split by documents."""

from __future__ import annotations

import os
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest

import corpora
from corpora.base import Corpus, Example
from corpora.triple_list import TripleListCorpus
from extract.errors import CorpusError
from tests.corpora.cases import FILES, write
from tests.extract.cases import sentence_of

HERE = Path(__file__).parent


def _subclasses(kind: type[Corpus]) -> set[type[Corpus]]:
    return {kind, *(c for sub in kind.__subclasses__() for c in _subclasses(sub))}


@pytest.mark.parametrize("name", corpora.names())
def test_registered_corpus_has_metadata_fixture_and_tests(name: str) -> None:
    corpus = corpora.get(name)
    for field in ("title", "licence", "source", "citation"):
        assert getattr(corpus, field).strip(), f"{name} has no {field}"
    assert corpus.split_files and all(corpus.split_files.values())
    assert name in FILES
    assert (HERE / f"test_{name}.py").is_file()
    assert f"| `{name}` |" in (HERE.parent.parent / "docs" / "corpora.md").read_text("utf-8")


def test_every_concrete_corpus_is_registered_once() -> None:
    registered = [type(corpora.get(name)) for name in corpora.names()]
    assert set(registered) == _subclasses(Corpus) - {Corpus, TripleListCorpus}
    assert len(corpora.names()) == 13
    titles = [corpora.get(name).title for name in corpora.names()]
    assert len(set(titles)) == len(titles)


@pytest.mark.parametrize("name", corpora.names())
def test_read_folder_gives_the_split_of_its_file(name: str, tmp_path: Path) -> None:
    _, split, _ = FILES[name]
    path = write(tmp_path, name)
    whole = corpora.read(name, tmp_path)
    assert list(whole) == [split]
    assert whole == corpora.read(name, tmp_path, split)
    assert corpora.read(name, path) == {"file": whole[split]}
    assert corpora.read(name, path, "mine") == {"mine": whole[split]}
    ids = [example.sentence.id for example in whole[split]]
    assert len(set(ids)) == len(ids) and all(ids)


@pytest.mark.parametrize("name", corpora.names())
def test_read_offsets_index_the_text(name: str, tmp_path: Path) -> None:
    for example in corpora.read(name, write(tmp_path, name))["file"]:
        sentence = example.sentence
        for token in sentence.tokens:
            assert example.text[token.start_char : token.end_char] == token.text
            assert token.text.strip()
        for entity in sentence.entities:
            assert example.text[entity.start_char : entity.end_char] == entity.text
        for triple in sentence.triples:
            assert triple.sentence == (sentence.start_char, sentence.end_char)
            values = [qualifier.value for qualifier in triple.qualifiers]
            assert {triple.subject, triple.object, *values} <= set(sentence.entities)


def test_get_unknown_name_lists_the_known() -> None:
    with pytest.raises(CorpusError, match=r"Unknown corpus 'conll03'.*conll04.*webnlg_star"):
        corpora.get("conll03")


def test_read_unknown_split_lists_the_known(tmp_path: Path) -> None:
    write(tmp_path, "conll04")
    with pytest.raises(CorpusError, match=r"Unknown split 'valid'\. Expected one of: dev, test"):
        corpora.read("conll04", tmp_path, "valid")


def test_read_split_without_files_names_them(tmp_path: Path) -> None:
    write(tmp_path, "conll04")
    with pytest.raises(CorpusError, match=r"No files of corpus 'conll04' in .* test\.txt\."):
        corpora.read("conll04", tmp_path, "test")


def test_read_missing_source_is_refused(tmp_path: Path) -> None:
    with pytest.raises(CorpusError, match="No file or folder"):
        corpora.read("conll04", tmp_path / "nowhere")


def test_locate_finds_the_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "conll04").mkdir()
    monkeypatch.setenv("TRIPACK_CORPORA", str(tmp_path))
    assert corpora.locate("conll04") == tmp_path / "conll04"
    with pytest.raises(CorpusError, match=r"No folder .*scierc"):
        corpora.locate("scierc")
    monkeypatch.delenv("TRIPACK_CORPORA")
    with pytest.raises(CorpusError, match="TRIPACK_CORPORA is not set"):
        corpora.locate("conll04")


def test_split_keeps_documents_whole_and_depends_on_the_seed_alone(tmp_path: Path) -> None:
    records = [f"#doc {n}\n0\tword\tO\t['N']\t[0]\n" for n in range(40)]
    examples = corpora.read("conll04", write(tmp_path, "conll04", "".join(records)))["file"]
    train, dev = corpora.split(examples, 7, seed=3)
    assert (len(train), len(dev)) == (33, 7)
    assert sorted(train + dev, key=examples.index) == examples
    assert [examples.index(e) for e in dev] == sorted(examples.index(e) for e in dev)
    assert corpora.split(examples, 7, seed=3) == (train, dev)
    assert corpora.split(examples, 7, seed=4) != (train, dev)


def test_split_by_document_counts_documents(tmp_path: Path) -> None:
    examples = corpora.read("scierc", write(tmp_path, "scierc"))["file"]
    assert len(examples) == 2
    assert corpora.split(examples, 1, seed=0) == ([], examples)
    with pytest.raises(CorpusError, match="between 0 and the 1 documents at hand, got 2"):
        corpora.split(examples, 2, seed=0)


def test_split_apart_by_subject_shares_no_subject() -> None:
    examples = []
    for n, name in enumerate(["Ann", "ann", "Bob", "Cid", "Cid", "Cid", "Dan", None]):
        text = f"{name} left Rome"
        spans = [(0, 1, "PER"), (2, 3, "LOC")]
        found = sentence_of(text, spans, [(0, "left", 1, [])] if name else [])
        examples.append(Example(text, replace(found, doc_id=str(n))))
    subjects = ["ann", "ann", "bob", "cid", "cid", "cid", "dan", "none"]
    for seed in range(20):
        train, dev = corpora.split(examples, 4, seed, apart="subject")
        assert sorted(train + dev, key=examples.index) == examples
        parts = [{subjects[examples.index(e)] for e in part} for part in (train, dev)]
        assert not parts[0] & parts[1]
        assert 1 <= len(dev) <= 4


def test_read_works_without_datasets_and_torch(tmp_path: Path) -> None:
    write(tmp_path, "conll04")
    code = (
        "import sys\n"
        "sys.modules['datasets'] = sys.modules['torch'] = None\n"  # importing either now fails
        "import corpora\n"
        f"print(len(corpora.read('conll04', {str(tmp_path)!r})['train']))\n"
        f"print(corpora.describe('conll04', {str(tmp_path)!r})['splits']['train']['triples'])\n"
    )
    root = HERE.parent.parent
    env = os.environ | {"PYTHONPATH": str(root)}
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, env=env, cwd=root, check=False
    )
    assert done.stdout.split() == ["2", "2"], done.stderr
