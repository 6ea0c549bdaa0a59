"""The format of the WebNLG and NYT files of CasRel: a text and its triples as surface strings."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any, ClassVar

from corpora.base import Corpus, Example, SplitFiles
from corpora.build import Draft, find_words
from corpora.files import Place, read_json_array

_TYPE = "Entity"


class TripleListCorpus(Corpus):
    """A JSON array of `text` and `triple_list`, [subject, relation, object] as they are written.

    Each string stands for its first occurrence among the words of the text, which are the
    stretches between white space. In the starred corpora a string is the last word of its name.
    """

    split_files: ClassVar[SplitFiles] = {
        "train": ("train_triples.json",),
        "dev": ("dev_triples.json",),
        "test": ("test_triples.json",),
    }

    def read_file(self, path: Path) -> Iterator[Example]:
        """Each text of a file."""
        for number, (place, record) in enumerate(read_json_array(path), start=1):
            yield _read_record(record, place, f"{path.stem}-{number}")


def _read_record(record: dict[str, Any], place: Place, id: str) -> Example:
    draft = Draft.of_spaced_text(place.field(record, "text", str), place)
    words = [token.text for token in draft.tokens]
    for row in place.field(record, "triple_list", list):
        subject, relation, object_ = place.row(row, (str, str, str), "a triple")[:3]
        ends = find_words(words, subject.split()), find_words(words, object_.split())
        if ends[0] is None or ends[1] is None:
            draft.unaligned(subject, relation, object_)
        else:
            draft.triple(draft.mention(*ends[0], _TYPE), relation, draft.mention(*ends[1], _TYPE))
    return draft.finish(id)
