"""Spark: a function for `DataFrame.mapInPandas`, which needs pandas and no Spark itself.

The model is loaded once in each Python worker of an executor and kept for all its partitions.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator
from functools import lru_cache
from typing import TYPE_CHECKING, Any

from extract.errors import InputError
from extract.interfaces.extraction import ModelOptions, load_extractor, run_over

if TYPE_CHECKING:
    import pandas as pd

    from extract.pipeline import Extractor

SPARK_SCHEMA = "id string, document string"

MapFunction = Callable[[Iterable["pd.DataFrame"]], Iterator["pd.DataFrame"]]


def map_in_pandas(
    model: str = "wikidata-small", *, text: str = "text", id: str = "id", **options: Any
) -> MapFunction:
    """A function from frames with a text and an id column to frames with the columns of `SPARK_SCHEMA`.

    `document` is the line that `tripack extract` writes for the text. Rows keep their order.

    Args:
        model: a bundled model, or a folder that all executors can read.
        text, id: names of the columns; ids are turned into strings.
        options: further fields of `ModelOptions`. `threads` is 1 by default, as Spark runs a task a core.

    The function raises `InputError` for a missing column or a text that is no string, and what `load` raises.
    """
    settings = ModelOptions(model=model, **({"threads": 1} | options))

    def extract_frames(frames: Iterable[pd.DataFrame]) -> Iterator[pd.DataFrame]:
        import pandas as pd

        extractor = _loaded(settings)
        for frame in frames:
            items = _items(frame, text, id)
            documents = [
                (document.id, json.dumps(document.to_dict(), ensure_ascii=False))
                for document in run_over(extractor, items, settings)
            ]
            yield pd.DataFrame(documents, columns=["id", "document"], dtype="object")

    return extract_frames


@lru_cache(maxsize=1)
def _loaded(options: ModelOptions) -> Extractor:
    return load_extractor(options)


def _items(frame: pd.DataFrame, text: str, id: str) -> list[tuple[str, str]]:
    for name in (text, id):
        if name not in frame.columns:
            known = ", ".join(map(str, frame.columns))
            raise InputError(f"No column {name!r}. Expected one of the frame's columns: {known}.")
    items = []
    for identifier, value in zip(frame[id].tolist(), frame[text].tolist(), strict=True):
        if not isinstance(value, str):
            raise InputError(
                f"Expected a text in column {text!r} of row {identifier!r}, got {type(value).__name__}. "
                "Leave out such rows before."
            )
        items.append((str(identifier), value))
    return items
