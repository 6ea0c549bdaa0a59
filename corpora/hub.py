"""A corpus as a `datasets.DatasetDict`: from its original files, or from the hub."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

from corpora.base import Corpus, Example, features, to_row
from corpora.files import Place
from corpora.registry import get, locate, read
from extract.errors import CorpusError

if TYPE_CHECKING:
    from datasets import DatasetDict

# Where the hub keeps its own Parquet copy of data sets that were published as a script.
_PARQUET_BRANCH = "refs/convert/parquet"
_DATA_SUFFIXES = (".parquet", ".arrow", ".json", ".jsonl")


def load(name: str, source: str | Path | None = None) -> DatasetDict:
    """A corpus with the columns of `features`, one dataset a split.

    `source` is the corpus folder, one file of its format, a name on the hub such as
    "declare-lab/HyperRED", or a folder with a copy of the hub's files; None is
    $TRIPACK_CORPORA/NAME. A dataset from the hub keeps the hub's split names. Raises
    `CorpusError`.
    """
    corpus = get(name)
    path = Path(source) if source is not None else locate(name)
    if not path.exists():
        if isinstance(source, str) and source.count("/") == 1 and not source.startswith("."):
            return _to_datasets(_read_hub(corpus, source))
        raise CorpusError(
            f"No file or folder {path}. Expected the data of corpus {name!r}, or a name on the "
            f"hub{f', such as {corpus.hub_name!r}' if corpus.hub_name else ''}."
        )
    if path.is_dir() and not _has_own_files(corpus, path) and _has_data(path):
        return _to_datasets(_read_hub(corpus, str(path)))
    return _to_datasets(read(name, path))


def _has_own_files(corpus: Corpus, folder: Path) -> bool:
    return any(corpus.files(folder, split) for split in corpus.split_files)


def _has_data(folder: Path) -> bool:
    return any(path.suffix in _DATA_SUFFIXES for path in folder.rglob("*"))


def _to_datasets(splits: dict[str, list[Example]]) -> DatasetDict:
    from datasets import Dataset, DatasetDict

    columns = features()
    return DatasetDict(
        {
            split: Dataset.from_list([to_row(example) for example in examples], features=columns)
            for split, examples in splits.items()
        }
    )


def _read_hub(corpus: Corpus, source: str) -> dict[str, list[Example]]:
    """The examples of a dataset in the hub's layout, by the hub's split names."""
    if type(corpus).from_hub_row is Corpus.from_hub_row:
        next(corpus.from_hub_row({}, Place(source, 1)), None)  # says what to do instead
    splits: dict[str, list[Example]] = {}
    for split, rows in _download(corpus, source).items():
        splits[str(split)] = [
            example
            for number, row in enumerate(_named_rows(rows), start=1)
            for example in corpus.from_hub_row(row, Place(split, number))
        ]
    return splits


def _download(corpus: Corpus, source: str) -> DatasetDict:
    from datasets import load_dataset

    # A folder has no configurations unless its card names them.
    config = corpus.hub_config if not Path(source).exists() else None
    try:
        try:
            return load_dataset(source, config)
        except RuntimeError as error:
            if "script" not in str(error):
                raise
            return load_dataset(source, config, revision=_PARQUET_BRANCH)
    # `datasets` documents no common base for what a failing download, build or cast raises.
    except Exception as error:
        reason = (str(error).splitlines() or [type(error).__name__])[0].rstrip(".")
        raise CorpusError(
            f"Cannot load {source!r} for corpus {corpus.name!r}: {reason}. Check the network, or "
            f"download the original files ({corpus.source}) and give their folder."
        ) from error


def _named_rows(rows: Any) -> Iterator[dict[str, Any]]:
    """The rows, with class numbers replaced by their names."""
    from datasets import ClassLabel

    labels = {key: kind for key, kind in rows.features.items() if isinstance(kind, ClassLabel)}
    for row in rows:
        yield row | {key: kind.int2str(row[key]) for key, kind in labels.items()}
