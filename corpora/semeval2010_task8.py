"""SemEval-2010 Task 8: sentences with two marked nominals and the relation between them."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any, ClassVar

from corpora.base import Corpus, Example, SplitFiles
from corpora.build import Draft
from corpora.files import Place, read_lines
from extract.encoder.words import split_words

_TYPE = "Entity"
_OTHER = "Other"
# A tag and the space that sets it off from what it encloses.
_TAG = re.compile(r"<e[12]> ?| ?</e[12]>")
_LABEL = re.compile(r"([^\s()]+)\(e([12]),e([12])\)")


class SemEval2010Task8(Corpus):
    """Lines of label, tab, sentence with `<e1>` and `<e2>`.

    `Cause-Effect(e2,e1)` gives the triple (e2, Cause-Effect, e1); `Other` gives none. The text is
    the sentence without the tags.
    """

    name = "semeval2010_task8"
    title = "SemEval-2010 Task 8, web text: 9 directed relations and Other"
    licence = "CC BY 3.0"
    source = "https://aclanthology.org/S10-1006"
    citation = (
        "Hendrickx et al. 2010, SemEval-2010 Task 8: Multi-Way Classification of Semantic "
        "Relations Between Pairs of Nominals"
    )
    hub_name = "SemEvalWorkshop/sem_eval_2010_task_8"
    one_answer = True
    split_files: ClassVar[SplitFiles] = {"train": ("train.tsv",), "test": ("test.tsv",)}

    def read_file(self, path: Path) -> Iterator[Example]:
        """Each sentence of a file."""
        for place, line in read_lines(path):
            if not line.strip():
                continue
            label, tab, sentence = line.partition("\t")
            if not tab:
                raise place.error(f"expected a label, a tab and a sentence, got {line[:60]!r}.")
            yield _read_sentence(label.strip(), sentence, place, f"{path.stem}-{place.line}")

    def from_hub_row(self, row: dict[str, Any], place: Place) -> Iterator[Example]:
        """A row with `sentence` and `relation`, the name of the relation."""
        label, sentence = place.field(row, "relation", str), place.field(row, "sentence", str)
        yield _read_sentence(label, sentence, place, f"{place.path}-{place.line}")


def _read_sentence(label: str, sentence: str, place: Place, id: str) -> Example:
    text, ends = _untag(sentence, place)
    draft = Draft(text, split_words(text), place)
    entities = {number: draft.entity_of_chars(*ends[number], _TYPE) for number in "12"}
    if label != _OTHER:
        match = _LABEL.fullmatch(label)
        if match is None or match[2] == match[3]:
            raise place.error(
                f"expected a label like Cause-Effect(e1,e2) or Other, got {label[:60]!r}."
            )
        subject, object_ = entities[match[2]], entities[match[3]]
        if subject is None or object_ is None:
            raise place.error("expected a word between the tags of an entity, got none.")
        draft.triple(subject, match[1], object_)
    return draft.finish(id)


def _untag(sentence: str, place: Place) -> tuple[str, dict[str, tuple[int, int]]]:
    """The sentence without tags, and the characters of entity "1" and "2" in it."""
    tags = [match.group().strip() for match in _TAG.finditer(sentence)]
    first, second = ["<e1>", "</e1>"], ["<e2>", "</e2>"]
    if tags not in (first + second, second + first):
        raise place.error(
            f"expected <e1> ... </e1> and <e2> ... </e2> once each, got {' '.join(tags)[:60]!r}."
        )
    text, at, marks = "", 0, []
    for match in _TAG.finditer(sentence):
        text += sentence[at : match.start()]
        marks.append(len(text))
        at = match.end()
    text += sentence[at:]
    lead = len(text) - len(text.lstrip())
    marks = [mark - lead for mark in marks]
    if marks[0] < 0 or marks[0] >= marks[1] or marks[2] >= marks[3]:
        raise place.error("expected a word between the tags of an entity, got none.")
    opened = tags[0][2], tags[2][2]  # the number in "<e1>"
    return text.strip(), {opened[0]: (marks[0], marks[1]), opened[1]: (marks[2], marks[3])}
