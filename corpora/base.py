"""What every corpus gives: examples, their columns as a dataset, and how a reader is described."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterator
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

from corpora.files import Place
from extract.errors import CorpusError
from extract.structures import Entity, Qualifier, Sentence, Span, Token, Triple

if TYPE_CHECKING:
    from datasets import Features


@dataclass(frozen=True, slots=True)
class Changes:
    """How an example differs from its record in the file, counted so that nothing is silent.

    `dropped_tokens`: blank tokens left out. `dropped_entities`: entities without a word, or
    not whole in one sentence where sentences are cut here.
    `moved_entities`: entities whose offsets missed their text by a few characters.
    `expanded_entities`: entities widened to whole words. `merged_entities`, `merged_triples`:
    repetitions stored once. `repaired_tags`: I- tags that continue no entity, read as B-.
    """

    dropped_tokens: int = 0
    dropped_entities: int = 0
    moved_entities: int = 0
    expanded_entities: int = 0
    merged_entities: int = 0
    merged_triples: int = 0
    repaired_tags: int = 0

    def __add__(self, other: Changes) -> Changes:
        return Changes(*(getattr(self, f.name) + getattr(other, f.name) for f in fields(self)))


@dataclass(frozen=True, slots=True)
class Example:
    """A text and a sentence of it with gold entities and triples; the offsets index `text`.

    `unaligned` holds the gold triples (subject, relation, object) whose ends do not both stand in
    the sentence: they count as gold where a metric compares strings.
    """

    text: str
    sentence: Sentence
    unaligned: tuple[tuple[str, str, str], ...] = ()
    changes: Changes = Changes()


SplitFiles = dict[str, tuple[str, ...]]


class Corpus(ABC):
    """A corpus: what it is, which files hold its splits, and how one file is read."""

    name: ClassVar[str]
    title: ClassVar[str]
    licence: ClassVar[str]
    source: ClassVar[str]
    citation: ClassVar[str]
    hub_name: ClassVar[str | None] = None
    hub_config: ClassVar[str | None] = None
    # split -> file names or glob patterns, relative to the corpus folder
    split_files: ClassVar[SplitFiles]
    # whether its task is one answer for each pair of marked spans: a relation and its direction, or none
    one_answer: ClassVar[bool] = False

    @abstractmethod
    def read_file(self, path: Path) -> Iterator[Example]:
        """Each example of a file. Raises `CorpusError` "FILE, line N: reason"."""

    def from_hub_row(self, row: dict[str, Any], place: Place) -> Iterator[Example]:
        """The examples of one row of the dataset on the hub. Raises `CorpusError`."""
        raise CorpusError(
            f"The layout of {self.name!r} on the hub is not supported. "
            f"Download the original files ({self.source}) and give their folder."
        )

    def notes(self, path: Path) -> dict[str, int]:
        """Further counts of a file that its examples alone do not show, by name."""
        return {}

    def files(self, folder: Path, split: str) -> list[Path]:
        """The files of a split that are in the folder, in a fixed order."""
        return sorted(path for pattern in self.split_files[split] for path in folder.glob(pattern))


def features() -> Features:
    """The columns of every corpus as a dataset.

    Words and characters are counted from 0, ends are not included. `subject`, `object` and
    `value` are places in `entities`. `word_starts` are the character offsets of `words` in `text`.
    """
    from datasets import Features, Value

    text, number = Value("string"), Value("int32")
    entity = {"start_word": number, "end_word": number, "label": text}
    offsets = {"start_char": number, "end_char": number, "text": text}
    qualifier = {"label": text, "label_id": text, "value": number}
    return Features(
        {
            "id": text,
            "doc_id": text,
            "text": text,
            "words": [text],
            "word_starts": [number],
            "entities": [entity | offsets],
            "triples": [
                {
                    "subject": number,
                    "relation": text,
                    "relation_id": text,
                    "object": number,
                    "qualifiers": [qualifier],
                }
            ],
            "unaligned": [{"subject": text, "relation": text, "object": text}],
            "left_context": [text],
            "right_context": [text],
            "changes": {f.name: number for f in fields(Changes)},
        }
    )


def to_row(example: Example) -> dict[str, Any]:
    """The example as a row with the columns of `features`. Scores, 1 for gold, are left out."""
    sentence = example.sentence
    place_of = {(e.span, e.label): i for i, e in enumerate(sentence.entities)}

    def place(entity: Entity) -> int:
        return place_of[entity.span, entity.label]

    return {
        "id": sentence.id,
        "doc_id": sentence.doc_id,
        "text": example.text,
        "words": sentence.words,
        "word_starts": [token.start_char for token in sentence.tokens],
        "entities": [_entity_row(entity) for entity in sentence.entities],
        "triples": [
            {
                "subject": place(triple.subject),
                "relation": triple.relation,
                "relation_id": triple.relation_id,
                "object": place(triple.object),
                "qualifiers": [
                    {"label": q.label, "label_id": q.label_id, "value": place(q.value)}
                    for q in triple.qualifiers
                ],
            }
            for triple in sentence.triples
        ],
        "unaligned": [{"subject": s, "relation": r, "object": o} for s, r, o in example.unaligned],
        "left_context": list(sentence.left_context),
        "right_context": list(sentence.right_context),
        "changes": asdict(example.changes),
    }


def _entity_row(entity: Entity) -> dict[str, Any]:
    return {
        "start_word": entity.span.start_word,
        "end_word": entity.span.end_word,
        "label": entity.label,
        "start_char": entity.start_char,
        "end_char": entity.end_char,
        "text": entity.text,
    }


def from_row(row: dict[str, Any]) -> Example:
    """The example of a row: `from_row(to_row(example)) == example`."""
    tokens = tuple(
        Token(word, start, start + len(word))
        for word, start in zip(row["words"], row["word_starts"], strict=True)
    )
    entities = tuple(
        Entity(
            Span(e["start_word"], e["end_word"]),
            e["start_char"],
            e["end_char"],
            e["text"],
            e["label"],
        )
        for e in row["entities"]
    )
    ends = (tokens[0].start_char, tokens[-1].end_char)
    triples = tuple(
        Triple(
            entities[t["subject"]],
            t["relation"],
            entities[t["object"]],
            tuple(
                Qualifier(q["label"], entities[q["value"]], q["label_id"]) for q in t["qualifiers"]
            ),
            t["relation_id"],
            ends,
        )
        for t in row["triples"]
    )
    sentence = Sentence(
        tokens=tokens,
        entities=entities,
        triples=triples,
        id=row["id"],
        doc_id=row["doc_id"],
        left_context=tuple(row["left_context"]),
        right_context=tuple(row["right_context"]),
    )
    unaligned = tuple((u["subject"], u["relation"], u["object"]) for u in row["unaligned"])
    return Example(row["text"], sentence, unaligned, Changes(**row["changes"]))
