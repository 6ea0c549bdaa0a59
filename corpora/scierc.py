"""SciERC: scientific abstracts with six entity types and seven relations."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any, ClassVar

from corpora.base import Corpus, Example, SplitFiles
from corpora.build import Draft, UniqueIds, contexts
from corpora.files import Place, read_json_lines


class SciErc(Corpus):
    """JSON lines of documents: `sentences`, and `ner` and `relations` a sentence.

    Offsets count the tokens of the document, ends included. The words of the other sentences are
    context. Coreference clusters are not read.
    """

    name = "scierc"
    title = "SciERC, scientific abstracts: 6 entity types, 7 relations"
    licence = "research use"
    source = "https://nlp.cs.washington.edu/sciIE/"
    citation = (
        "Luan et al. 2018, Multi-Task Identification of Entities, Relations, and Coreference for "
        "Scientific Knowledge Graph Construction"
    )
    split_files: ClassVar[SplitFiles] = {
        "train": ("train.json",),
        "dev": ("dev.json",),
        "test": ("test.json",),
    }

    def read_file(self, path: Path) -> Iterator[Example]:
        """Each sentence of each abstract of a file."""
        unique = UniqueIds()
        for place, record in read_json_lines(path):
            key = place.field(record, "doc_key", str)
            yield from _examples(record, place.at(repr(key[:60])), unique(f"{path.stem}-{key}"))


def _examples(record: dict[str, Any], place: Place, doc_id: str) -> Iterator[Example]:
    sentences = [place.texts(s, "a sentence") for s in place.field(record, "sentences", list)]
    lists = {key: place.field(record, key, list) for key in ("ner", "relations")}
    for key, values in lists.items():
        if len(values) != len(sentences):
            raise place.error(
                f"expected {key!r} to have {len(sentences)} lists, one a sentence, "
                f"got {len(values)}."
            )
    flat = [word for sentence in sentences for word in sentence]
    around = contexts(sentences)
    offset = 0
    for number, words in enumerate(sentences):
        here = place.at(f"sentence {number}")
        draft = Draft.of_tokens(words, here)
        for row in here.check(lists["ner"][number], list, "'ner'"):
            start, end, label = here.row(row, (int, int, str), "an entity")[:3]
            draft.entity(start - offset, end + 1 - offset, label)
        for row in here.check(lists["relations"][number], list, "'relations'"):
            _add_relation(draft, row, offset, flat, here)
        yield draft.finish(f"{doc_id}-{number}", doc_id, *around[number])
        offset += len(words)


def _add_relation(draft: Draft, row: Any, offset: int, flat: list[str], place: Place) -> None:
    hs, he, ts, te, label = place.row(row, (int, int, int, int, str), "a relation")[:5]
    for start, end in ((hs, he), (ts, te)):
        if not 0 <= start <= end < len(flat):
            raise place.error(
                f"expected a relation within the {len(flat)} words of the document, "
                f"got {start} to {end} (end included)."
            )
    subject = draft.known(hs - offset, he + 1 - offset)
    object_ = draft.known(ts - offset, te + 1 - offset)
    if subject is not None and object_ is not None:
        draft.triple(subject, label, object_)
    else:  # an end in another sentence, or one that 'ner' does not list
        draft.unaligned(" ".join(flat[hs : he + 1]), label, " ".join(flat[ts : te + 1]))
