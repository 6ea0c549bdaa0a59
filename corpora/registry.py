"""The corpora by name, and reading, finding and splitting them."""

from __future__ import annotations

import os
import random
from collections import Counter
from collections.abc import Sequence
from pathlib import Path

from corpora.base import Corpus, Example
from corpora.conll04 import Conll04
from corpora.crossre import CrossRe
from corpora.fewrel import FewRel
from corpora.hyperred import HyperRed
from corpora.nyt_star import NytStar
from corpora.re_docred import ReDocRed
from corpora.rebel_sample import RebelSample
from corpora.scierc import SciErc
from corpora.semeval2010_task8 import SemEval2010Task8
from corpora.text2kgbench import Text2KgBench
from corpora.tripack import Tripack
from corpora.webnlg import WebNlg
from corpora.webnlg_star import WebNlgStar
from extract.errors import CorpusError, one_of

CORPORA_VARIABLE = "TRIPACK_CORPORA"

_CORPORA: dict[str, Corpus] = {
    corpus.name: corpus
    for corpus in (
        Conll04(),
        SciErc(),
        HyperRed(),
        ReDocRed(),
        WebNlg(),
        WebNlgStar(),
        NytStar(),
        CrossRe(),
        Text2KgBench(),
        SemEval2010Task8(),
        FewRel(),
        RebelSample(),
        Tripack(),
    )
}


def names() -> list[str]:
    """The names of all corpora, sorted."""
    return sorted(_CORPORA)


def get(name: str) -> Corpus:
    """The corpus of that name. Raises `CorpusError` listing the known names."""
    if name not in _CORPORA:
        raise CorpusError(one_of("corpus", name, names()))
    return _CORPORA[name]


def locate(name: str) -> Path:
    """The folder $TRIPACK_CORPORA/NAME. Raises `CorpusError` if unset or missing."""
    get(name)
    root = os.environ.get(CORPORA_VARIABLE)
    if not root:
        raise CorpusError(
            f"{CORPORA_VARIABLE} is not set. Expected the folder that holds one folder a corpus; "
            f"set it, or give the folder of {name!r}."
        )
    folder = Path(root) / name
    if not folder.is_dir():
        raise CorpusError(
            f"No folder {folder}. Expected {CORPORA_VARIABLE} ({root}) to hold one folder a "
            f"corpus: put the files of {name!r} there."
        )
    return folder


def read(name: str, source: str | Path, split: str | None = None) -> dict[str, list[Example]]:
    """The examples of a corpus by split, from its folder or from one file of its format.

    From a folder: every split that has files there, or the one asked for. From a file: one split,
    called `split` or "file". Raises `CorpusError` for files that are missing or malformed.
    """
    corpus, source = get(name), Path(source)
    if source.is_dir():
        splits = {key: files for key, files in split_paths(corpus, source, split).items() if files}
        return {
            key: [example for path in files for example in read_path(corpus, path)]
            for key, files in splits.items()
        }
    if not source.exists():
        raise CorpusError(f"No file or folder {source}. Expected the data of corpus {name!r}.")
    return {split or "file": read_path(corpus, source)}


def split_paths(corpus: Corpus, folder: Path, split: str | None = None) -> dict[str, list[Path]]:
    """The files of each split (or the one asked for) that stand in the folder.

    Raises `CorpusError` for an unknown split, and where no file is found.
    """
    if split is not None and split not in corpus.split_files:
        raise CorpusError(
            f"Corpus {corpus.name!r}: {one_of('split', split, list(corpus.split_files))}"
        )
    wanted = [split] if split is not None else list(corpus.split_files)
    found = {key: corpus.files(folder, key) for key in wanted}
    if not any(found.values()):
        expected = ", ".join(name for key in wanted for name in corpus.split_files[key])
        raise CorpusError(f"No files of corpus {corpus.name!r} in {folder}. Expected {expected}.")
    return found


def read_path(corpus: Corpus, path: Path) -> list[Example]:
    """The examples of one file. Raises `CorpusError`, also for a file without an example."""
    examples = list(corpus.read_file(path))
    if not examples:
        raise CorpusError(f"{path}, line 1: no example in the file. Expected at least one.")
    return examples


def split(
    examples: Sequence[Example], n_dev: int, seed: int, *, apart: str = "document"
) -> tuple[list[Example], list[Example]]:
    """Cut examples in two by whole documents: the rest, and `n_dev` documents drawn by `seed`.

    With `apart` "subject", documents that speak most of one subject, by its text, stay together, so that
    dev is not about what training has seen; a group that is too large for what is still to be drawn is
    passed over, so there may be fewer documents than asked for.

    Both parts keep the order of `examples`. The draw depends on that order and the seed alone.
    Raises `CorpusError` if there are fewer than `n_dev` documents.
    """
    of: dict[str, list[Example]] = {}
    for example in examples:
        of.setdefault(example.sentence.doc_id, []).append(example)
    if not 0 <= n_dev <= len(of):
        raise CorpusError(
            f"Expected n_dev between 0 and the {len(of)} documents at hand, got {n_dev}."
        )
    groups: dict[str, list[str]] = {}
    for document, own in of.items():
        groups.setdefault(_subject(own, document) if apart == "subject" else document, []).append(
            document
        )
    names = list(groups)
    random.Random(seed).shuffle(names)
    dev: set[str] = set()
    for name in names:
        if len(dev) + len(groups[name]) <= n_dev:
            dev.update(groups[name])
    return (
        [example for example in examples if example.sentence.doc_id not in dev],
        [example for example in examples if example.sentence.doc_id in dev],
    )


def _subject(examples: Sequence[Example], document: str) -> str:
    """The most frequent subject of a document's triples; what has no triple is a group of its own."""
    subjects = Counter(
        subject
        for example in examples
        for subject in [
            *(triple.subject.text for triple in example.sentence.triples),
            *(subject for subject, *_ in example.unaligned),
        ]
    )
    if not subjects:
        return f"document {document}"
    return min(subjects.items(), key=lambda item: (-item[1], item[0]))[0].casefold()
