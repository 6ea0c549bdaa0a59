"""Re-DocRED: Wikipedia documents with entity clusters and densely annotated Wikidata relations."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar

from corpora.base import Corpus, Example, SplitFiles
from corpora.build import Draft, UniqueIds, contexts
from corpora.files import Place, read_json_array
from corpora.wikidata import property_name
from extract.structures import Entity


class ReDocRed(Corpus):
    """DocRED JSON: `sents`, `vertexSet` (mentions by entity) and `labels` between entities.

    A document gives one example a sentence. A relation between two entities is written in a
    sentence for every mention of the one and every mention of the other that stand there.
    """

    name = "re_docred"
    title = "Re-DocRED, Wikipedia documents: 6 entity types, 96 Wikidata relations"
    licence = "MIT"
    source = "https://github.com/tonytan48/Re-DocRED"
    citation = (
        "Tan et al. 2022, Revisiting DocRED - Addressing the False Negative Problem in Relation "
        "Extraction"
    )
    hub_name = "thunlp/docred"
    split_files: ClassVar[SplitFiles] = {
        "train": ("train_revised.json",),
        "dev": ("dev_revised.json",),
        "test": ("test_revised.json",),
    }

    def read_file(self, path: Path) -> Iterator[Example]:
        """Each sentence of each document of a file."""
        unique = UniqueIds()
        for place, record in read_json_array(path):
            document = _read_document(record, place)
            yield from _examples(document, unique(f"{path.stem}-{document.title}"))

    def documents(self, path: Path) -> Iterator[ClusteredDocument]:
        """The documents of a file with their entities whole, as examples cannot say them."""
        return (_read_document(record, place) for place, record in read_json_array(path))

    def from_hub_row(self, row: dict[str, Any], place: Place) -> Iterator[Example]:
        """A document of DocRED, whose labels say `head`, `tail` and `relation_id`."""
        labels = [
            {"h": label.get("head"), "t": label.get("tail"), "r": label.get("relation_id")}
            for label in place.records(row, "labels")
        ]
        document = _read_document(row | {"labels": labels}, place)
        yield from _examples(document, f"{place.path}-{place.line}-{document.title}")

    def notes(self, path: Path) -> dict[str, int]:
        """Relations between entities in a file, and how many a sentence of it holds whole."""
        n_all, n_within = 0, 0
        for place, record in read_json_array(path):
            document = _read_document(record, place)
            places = [{sentence for sentence, *_ in entity} for entity in document.entities]
            n_all += len(document.relations)
            n_within += sum(bool(places[h] & places[t]) for h, _, t in document.relations)
        return {"document relations": n_all, "document relations within a sentence": n_within}


@dataclass(frozen=True, slots=True)
class ClusteredDocument:
    """A document whose mentions are clustered into entities, and relations between these."""

    title: str
    sentences: list[list[str]]
    entities: list[list[tuple[int, int, int, str]]]  # mentions: sentence, start, end, type
    relations: list[tuple[int, str, int]]  # entity, property, entity
    place: Place


def _read_document(record: dict[str, Any], place: Place) -> ClusteredDocument:
    title = place.field(record, "title", str)
    place = place.at(repr(title[:60]))
    sentences = [place.texts(s, "a sentence") for s in place.field(record, "sents", list)]
    entities = []
    for mentions in place.field(record, "vertexSet", list):
        entities.append([_mention(m, place) for m in place.check(mentions, list, "an entity")])
    relations = []
    # The test files of DocRED come without labels.
    for label in place.field(record, "labels", list) if "labels" in record else []:
        ends = place.field(label, "h", int), place.field(label, "t", int)
        for end in ends:
            if not 0 <= end < len(entities):
                raise place.error(
                    f"expected 'h' and 't' to name one of the {len(entities)} entities of "
                    f"'vertexSet', got {end}."
                )
        relations.append((ends[0], place.field(label, "r", str), ends[1]))
    for sentence, start, end, _ in (mention for entity in entities for mention in entity):
        if not 0 <= sentence < len(sentences):
            raise place.error(f"expected 'sent_id' below {len(sentences)}, got {sentence}.")
        if not 0 <= start < end <= len(sentences[sentence]):
            raise place.error(
                f"expected 'pos' within the {len(sentences[sentence])} words of sentence "
                f"{sentence}, got {start} to {end} (end not included)."
            )
    return ClusteredDocument(title, sentences, entities, relations, place)


def _mention(record: Any, place: Place) -> tuple[int, int, int, str]:
    start, end = place.row(place.field(record, "pos", list), (int, int), "'pos'")[:2]
    return place.field(record, "sent_id", int), start, end, place.field(record, "type", str)


def _examples(document: ClusteredDocument, doc_id: str) -> Iterator[Example]:
    around = contexts(document.sentences)
    for number, words in enumerate(document.sentences):
        draft = Draft.of_tokens(words, document.place.at(f"sentence {number}"))
        mentions: dict[int, list[Entity]] = defaultdict(list)
        for index, entity in enumerate(document.entities):
            for sentence, start, end, label in entity:
                if sentence == number:
                    added = draft.entity(start, end, label)
                    if added is not None and added not in mentions[index]:
                        mentions[index].append(added)
        for head, relation, tail in document.relations:
            for subject in mentions[head]:
                for object_ in mentions[tail]:
                    if subject.span != object_.span:
                        name = property_name(relation) or relation
                        draft.triple(subject, name, object_, relation_id=relation)
        yield draft.finish(f"{doc_id}-{number}", doc_id, *around[number])
