"""Text2KGBench's ontologies with their test sentences, and how much of their truth the sentences say.

Two answers, since the benchmark's own rules differ from what a reader would call said:

- `perfect`: the true triples both of whose ends the corpus reader finds in the sentence, as that writes them.
- `sayable`: the true triples that may be given without a made-up end by the benchmark's measure. A triple is
  right only if it is spelt as the truth spells it, so hardly any system can score higher and make nothing up;
  labels are tried with underscores and with blanks, not in every spacing.
"""

from __future__ import annotations

import logging
import re
from collections import Counter
from dataclasses import dataclass
from pathlib import Path

from benchmarks.written_forms import Names, day_of
from corpora.surface import fold_words
from corpora.text2kgbench import ontology_of, read_ontology, read_strings
from extract.errors import CorpusError
from extract.evaluation.text2kgbench import Stems, Strings
from extract.schema import Schema

logger = logging.getLogger(__name__)

Found = dict[str, list[Strings]]  # triples of each sentence, by its id
_REMARK = re.compile(r"[_ ]\([^()]+\)$")
_NUMBER = re.compile(r"[0-9.,]+([_ ]\(.*\))?")
_ISO_DAY = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}")
_EMPTY_DAY = re.compile(r"00 +([A-Z][a-z]+ )?[0-9]{4}")


@dataclass(frozen=True, slots=True)
class Ontology:
    """An ontology and its test sentences: text and truth by id."""

    schema: Schema
    sentences: dict[str, tuple[str, list[Strings]]]


def read_part(folder: Path) -> list[Ontology]:
    """The ontologies of a part that have a test file with ground truth. Raises `CorpusError`."""
    found = []
    for path in sorted(folder.glob("test/*_test.jsonl"), key=lambda p: int(p.stem.split("_")[1])):
        ontology, sentences = ontology_of(path), read_strings(path)
        # A sentence without truth is not scored, as in the benchmark's script.
        sentences = {id: item for id, item in sentences.items() if item[1]}
        if ontology is None or not sentences:
            logger.warning("%s: left out, without %s", path, "truth" if ontology else "ontology")
            continue
        found.append(Ontology(read_ontology(ontology), sentences))
    if not found:
        raise CorpusError(
            f"No test file with ground truth in {folder}/test. Expected ont_*_test.jsonl."
        )
    return found


def perfect(ontology: Ontology) -> Found:
    """The triples of the truth both of whose ends stand in the sentence, as it writes them."""
    found: Found = {}
    for id, (text, truth) in ontology.sentences.items():
        names, own = Names(text), []
        for subject, relation, object_ in truth:
            ends = names.find(subject), names.find(object_)
            if ends[0] is not None and ends[1] is not None:
                own.append((ends[0], relation, ends[1]))
        found[id] = own
    return found


def sayable(ontology: Ontology) -> Found:
    """The triples of the truth neither end of which the measure calls made up, blanks for underscores."""
    found: Found = {}
    for id, (text, truth) in ontology.sentences.items():
        stems = Stems.of(text, ontology.schema.entity_names)
        spelt = [(_spelt(s, stems), relation, _spelt(o, stems)) for s, relation, o in truth]
        found[id] = [(s, r, o) for s, r, o in spelt if s is not None and o is not None]
    return found


def unsayable(ontology: Ontology) -> Counter[str]:
    """How many triples of the truth cannot be said, by what ails their first end that cannot; see `_ails`."""
    counts: Counter[str] = Counter()
    for text, truth in ontology.sentences.values():
        stems, names = Stems.of(text, ontology.schema.entity_names), Names(text)
        for subject, _, object_ in truth:
            for end, label in (("subject", subject), ("object", object_)):
                if _spelt(label, stems) is None:
                    counts[_ails(label, end, names)] += 1
                    break
    return counts


def _spelt(label: str, stems: Stems) -> str | None:
    """The label with or without underscores, whichever is not made up; None if both are."""
    return next((s for s in (label.replace("_", " "), label) if s in stems), None)


def _ails(label: str, end: str, names: Names) -> str:
    """Why a label cannot be said: its form, or that its words are not in the sentence."""
    if label.startswith('"'):
        return "in quotation marks"
    if _ISO_DAY.search(label) or _EMPTY_DAY.fullmatch(label) or day_of(label) is not None:
        return "a date in another form, or more exact"
    if _NUMBER.fullmatch(label):
        return "a number in another form"
    if _REMARK.search(label):
        return "with a remark in brackets"
    if names.find(label) is not None:
        return "in another form of the name"
    words = [word for word in fold_words(label.replace("_", " ")) if len(word) > 2]
    held = any(word in names.words for word in words)
    return f"{end} of which only some words stand there" if held else f"{end} not named"
