"""The gold examples that a command scores or trains on, from a split, a file, or a cut of the train split."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from extract.errors import CorpusError

if TYPE_CHECKING:
    from corpora import Example


def read_gold(
    name: str,
    split: str,
    file: Path | None,
    path: Path | None,
    n_dev: int | None,
    seed: int,
    apart: str = "document",
) -> list[Example]:
    """The examples asked for. Raises `CorpusError` if there are none of that description.

    Args:
        file: a file of the corpus's format, read whole instead of a split.
        path: the corpus's folder or file; None: its folder in $TRIPACK_CORPORA.
        n_dev: cut so many documents from the train split (or the only one) as dev, with `seed`.
        apart: what that cut keeps together, as in recipes.
    """
    import corpora

    if file is not None:
        return corpora.read(name, file, "file")["file"]
    source = path if path is not None else corpora.locate(name)
    splits = list(corpora.get(name).split_files)
    if n_dev is None:
        try:
            return corpora.read(name, source, split)[split]
        except CorpusError as error:
            if split == "dev" and split not in splits:
                error.add_note("--dev N cuts a dev split from the train split")
            raise
    if split not in ("train", "dev"):
        raise CorpusError(f"Expected --split train or dev together with --dev, got {split!r}.")
    whole = "train" if "train" in splits else splits[0]
    train, dev = corpora.split(corpora.read(name, source, whole)[whole], n_dev, seed, apart=apart)
    return dev if split == "dev" else train
