"""What is in a corpus, in numbers."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from corpora.base import Changes, Example
from corpora.registry import get, locate, read_path, split_paths
from extract.errors import CorpusError


def describe(name: str, source: str | Path | None = None) -> dict[str, Any]:
    """Licence, source, citation, and per split the counts and label histograms of a corpus.

    `source` is the corpus folder or one file; None is $TRIPACK_CORPORA/NAME. Histograms are
    sorted by count, largest first. `changes` says what the reader altered; `notes` are counts
    that only this corpus has. Raises `CorpusError`.
    """
    corpus = get(name)
    path = Path(source) if source is not None else locate(name)
    if not path.exists():
        raise CorpusError(f"No file or folder {path}. Expected the data of corpus {name!r}.")
    paths = split_paths(corpus, path) if path.is_dir() else {"file": [path]}
    splits: dict[str, Any] = {}
    for split, files in paths.items():
        if files:
            examples = [example for file in files for example in read_path(corpus, file)]
            notes = Counter[str]()
            for file in files:
                notes.update(corpus.notes(file))
            splits[split] = count(examples) | {"notes": dict(notes)}
    return {
        "name": corpus.name,
        "title": corpus.title,
        "licence": corpus.licence,
        "source": corpus.source,
        "citation": corpus.citation,
        "hub_name": corpus.hub_name,
        "splits": splits,
    }


def count(examples: Sequence[Example]) -> dict[str, Any]:
    """Counts and label histograms of examples."""
    sentences = [example.sentence for example in examples]
    entities = [entity for sentence in sentences for entity in sentence.entities]
    triples = [triple for sentence in sentences for triple in sentence.triples]
    qualifiers = [qualifier for triple in triples for qualifier in triple.qualifiers]
    changes = sum((example.changes for example in examples), Changes())
    return {
        "examples": len(examples),
        "documents": len({sentence.doc_id for sentence in sentences}),
        "words": sum(len(sentence) for sentence in sentences),
        "entities": len(entities),
        "triples": len(triples),
        "qualifiers": len(qualifiers),
        "unaligned": sum(len(example.unaligned) for example in examples),
        "changes": asdict(changes),
        "entity_types": _histogram(entity.label for entity in entities),
        "relations": _histogram(triple.relation for triple in triples),
        "qualifier_labels": _histogram(qualifier.label for qualifier in qualifiers),
    }


def _histogram(labels: Iterable[str]) -> dict[str, int]:
    counted = Counter(labels)
    return dict(sorted(counted.items(), key=lambda item: (-item[1], item[0])))
