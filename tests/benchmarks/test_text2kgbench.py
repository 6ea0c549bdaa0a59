"""The benchmark Text2KGBench on a small ontology, and how labels are written."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from benchmarks import text2kgbench
from benchmarks.text2kgbench_errors import false, lost
from benchmarks.text2kgbench_truth import Ontology, sayable, unsayable
from benchmarks.written_forms import WrittenForms, day_of
from extract.encoder.words import split_words
from extract.errors import CorpusError
from extract.schema import Relation, Schema
from extract.structures import Document, Entity, Sentence, Span, Triple
from tests.corpora.cases import lines

FACT = "Leonard Parker received his PhD from Harvard University in 1967 ."
ONTOLOGY = {
    "title": "People",
    "id": "ont_1_people",
    "concepts": [{"qid": "Q5", "label": "human"}],
    "relations": [
        {"pid": "P69", "label": "schooled by", "domain": "Q5", "range": ""},
        {"pid": "P9999", "label": "shoe size", "domain": "Q5", "range": ""},
    ],
}
STRANGE = {
    "title": "Shoes",
    "id": "ont_2_shoes",
    "concepts": [],
    "relations": [{"pid": "P9999", "label": "shoe size", "domain": "", "range": ""}],
}
TRUTH = [
    {"sub": "Leonard_Parker", "rel": "schooled by", "obj": "Harvard_University"},
    {"sub": "Leonard_Parker", "rel": "shoe size", "obj": "44"},
]


@pytest.fixture
def part(tmp_path: Path) -> Path:
    """A part of two ontologies; the tiny model knows one relation of the first, by its id."""
    folder = tmp_path / "text2kgbench" / "wikidata_tekgen"
    for name, ontology in (("1_people", ONTOLOGY), ("2_shoes", STRANGE)):
        record = {"id": f"ont_{name}_test_1", "sent": FACT}
        silent = {"id": f"ont_{name}_test_2", "sent": "Nothing is known."}
        put(folder / f"ontologies/{name}_ontology.json", json.dumps(ontology))
        put(folder / f"test/ont_{name}_test.jsonl", lines(record, silent))
        truth = lines(record | {"triples": TRUTH}, silent | {"triples": []})
        put(folder / f"ground_truth/ont_{name}_ground_truth.jsonl", truth)
    return folder.parent


def put(path: Path, text: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="utf-8")


def run(part: Path, model: Path, out: Path, *further: str) -> dict[str, Any]:
    words = [
        str(model),
        *further,
        "--part",
        "wikidata_tekgen",
        "--folder",
        str(part),
        "--out",
        str(out),
    ]
    text2kgbench.main(words)
    result: dict[str, Any] = json.loads(out.read_text())
    return result


def test_model_is_held_to_each_ontology_and_scored(
    part: Path, tiny_model: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    result = run(part, tiny_model, tmp_path / "out.json")
    assert result["ontologies"]["ont_1_people"] == {"relations": 2, "sentences": 1, "triples": 2}
    (own,) = result["runs"]
    assert own["known_relations"] == {"ont_1_people": 1, "ont_2_shoes": 0}
    people, shoes = (
        own["ontologies"][f"ont_{name}"]["as_written"] for name in ("1_people", "2_shoes")
    )
    assert (people["precision"], people["recall"], people["conformance"]) == (1, 0.5, 1)
    assert people["subject_hallucination"] == people["object_hallucination"] == 0
    assert (shoes["f1"], shoes["conformance"]) == (0, 1)
    assert own["mean"]["as_written"]["recall"] == 0.25
    assert result["perfect"]["mean"]["as_written"]["recall"] == 0.5
    assert result["sayable"]["mean"]["as_written"]["recall"] == 0.5
    assert result["unsayable"] == {"a number in another form": 2}
    assert own["truth"] == {"object not named": 2, "right": 1, "relation not known": 1}
    assert own["predictions"]["said, as the reader finds it"] == 1
    untyped = run(part, tiny_model, tmp_path / "untyped.json", "--untyped")
    assert untyped["runs"][0]["mean"] == own["mean"]
    table = capsys.readouterr().out
    assert "| Vicuna-13B | published |" in table and "| 0.35 | 0.84 |" in table


def test_part_without_test_files_is_refused(tmp_path: Path) -> None:
    with pytest.raises(CorpusError, match=r"No test file with ground truth in .*/test"):
        text2kgbench.read_part(tmp_path)


TEXT = 'Ann Lee opened Torvik Hall on May 4th 1990; "Lee" played for the Owls in England.'


@pytest.mark.parametrize(
    ("label", "why"),
    [
        ("1990-05-04", "a date in another form, or more exact"),
        ("00  1990", "a date in another form, or more exact"),
        ('"Torvik Hall"', "in quotation marks"),
        ("12000.0 (metres)", "a number in another form"),
        ("Torvik_Hall_(Oslo)", "with a remark in brackets"),
        ("English_language", "object not named"),
        ("Torvik Hall, Norway", "in another form of the name"),
        ("Ann Lee Berg", "object of which only some words stand there"),
        ("Oslo", "object not named"),
        ("Torvik_Hall", None),
    ],
)
def test_what_the_measure_lets_nobody_say(label: str, why: str | None) -> None:
    schema = Schema((), (Relation("opened"),), name="x")
    ontology = Ontology(schema, {"1": (TEXT, [("Ann_Lee", "opened", label)])})
    assert unsayable(ontology) == ({why: 1} if why else {})
    assert bool(sayable(ontology)["1"]) == (why is None)


NAMES = ("Ann Lee", "Torvik Hall", "Owls", "England")


def document(*triples: tuple[str, str, str]) -> Document:
    tokens = split_words(TEXT)

    def entity(name: str) -> Entity:
        start = TEXT.index(name)
        end = start + len(name)
        words = [at for at, t in enumerate(tokens) if start <= t.start_char and t.end_char <= end]
        return Entity(Span(words[0], words[-1] + 1), start, end, name, "Entity")

    found = tuple(Triple(entity(s), r, entity(o)) for s, r, o in triples)
    known = tuple(map(entity, NAMES[:3]))
    return Document(TEXT, (Sentence(tuple(tokens), known, found),), "1")


def test_fates_of_true_triples_and_faults_of_false_ones() -> None:
    ontology = Ontology(
        Schema((), (Relation("opened"), Relation("team"), Relation("country")), name="x"),
        {
            "1": (
                TEXT,
                [
                    ("Ann_Lee", "opened", "Torvik_Hall"),
                    ("Ann_Lee", "opened", "Oslo"),
                    ("Ann Lee", "team", "Owls"),
                    ("Owls", "country", "England"),
                ],
            )
        },
    )
    documents = {"1": document(("Ann Lee", "opened", "Torvik Hall"), ("Owls", "team", "Ann Lee"))}
    assert lost(ontology, documents, {"opened", "team", "country"}) == {
        "right": 1,
        "object not named": 1,
        "in the wrong direction": 1,
        "an end not found": 1,
    }
    assert false(ontology, documents) == {
        "said, as the reader finds it": 1,
        "in the wrong direction": 1,
    }


@pytest.mark.parametrize(
    ("text", "day"),
    [
        ("October 3rd, 1983", (1983, 10, 3)),
        ("the 3rd of October, 1983", (1983, 10, 3)),
        ("3 Oct 1983", (1983, 10, 3)),
        ("1983", (1983, 1, 1)),
        ("October 1983", None),
        ("40 October 1983", None),
        ("Torvik", None),
    ],
)
def test_days_are_read(text: str, day: tuple[int, int, int] | None) -> None:
    assert day_of(text) == day


def test_forms_and_labels_are_learnt_from_sentences() -> None:
    forms = WrittenForms.learn(
        [
            ("Torvik opened on October 3rd, 1983 .", [("Torvik", "opened", "1983-10-03")]),
            ("Alm opened on 4 May 1990 .", [("Alm_(town)", "opened", "1990-05-04")]),
            ("Torvik has area 1,200 .", [("Torvik", "area", "1200.0")]),
            ("Vik is by J.R. Berg .", [("Vik_(song)", "writer", "J._R._Berg")]),
        ]
    )
    assert forms.write(("Alm", "opened", "May 5th 1991")) == ("Alm_(town)", "opened", "1991-05-05")
    assert forms.write(("Nes", "area", "3,400")) == ("Nes", "area", "3400.0")
    assert forms.write(("Nes", "opened", "last year")) == ("Nes", "opened", "last year")
    assert forms.write(("Li", "writer", "J.R. Berg")) == ("Li_(song)", "writer", "J._R._Berg")
    assert forms.write(("Torvik", "never seen", "May 5th 1991")) == (
        "Torvik",
        "never seen",
        "May 5th 1991",
    )
