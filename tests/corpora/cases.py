"""A small valid file of each corpus, written for these tests; no text is from a corpus."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

CONLL04 = """#doc 7
0\tAda\tB-Peop\t['N']\t[0]
1\tMayfield\tI-Peop\t['Live_In', 'Work_For']\t[3, 6]
2\tleft\tO\t['N']\t[2]
3\tTorvik\tB-Loc\t['N']\t[3]
4\tfor\tO\t['N']\t[4]
5\tNorth\tB-Org\t['N']\t[5]
6\tRail\tI-Org\t['N']\t[6]
#doc 8
0\tRain\tO\t['N']\t[0]
"""
SCIERC = {
    "doc_key": "A1",
    "sentences": [["We", "parse", "trees", "."], ["A", "chart", "parser", "reads", "trees", "."]],
    "ner": [[[2, 2, "Material"]], [[5, 6, "Method"], [8, 8, "Material"]]],
    "relations": [[], [[5, 6, 8, 8, "USED-FOR"]]],
    "clusters": [[[2, 2], [8, 8]]],
}
HYPERRED = {
    "sentences": [["Ada", "studied", "at", "Torvik", "College", "until", "1967", "."]],
    "ner": [[[0, 0, "Entity"], [3, 4, "Entity"], [6, 6, "Entity"]]],
    "relations": [[[0, 0, 3, 4, "[r]educated at", [[6, 6, "[k]end time"]]]]],
    "clusters": [],
    "doc_key": "",
}
DOCRED = {
    "title": "Ada Mayfield",
    "sents": [["Ada", "Mayfield", "is", "Norwegian", "."], ["She", "left", "\xa0", "Norway", "."]],
    "vertexSet": [
        [{"name": "Ada Mayfield", "sent_id": 0, "pos": [0, 2], "type": "PER"}],
        [
            {"name": "Norwegian", "sent_id": 0, "pos": [3, 4], "type": "LOC"},
            {"name": "Norway", "sent_id": 1, "pos": [3, 4], "type": "LOC"},
        ],
    ],
    "labels": [{"h": 0, "r": "P27", "t": 1, "evidence": [0]}],
}
WEBNLG = {
    "text": "Torvik College is in Torvik , Norway .",
    "triple_list": [["Torvik College", "city", "Torvik"], ["Torvik", "country", "Sweden"]],
}
WEBNLG_STAR = {
    "text": "Torvik College is in Norway .",
    "triple_list": [["College", "country", "Norway"]],
}
CROSSRE = {
    "doc_key": "news-train-1",
    "sentence": ["Torvik", "beat", "Norway", "."],
    "ner": [[0, 0, "organisation"], [2, 2, "country"]],
    "relations": [
        [0, 0, 2, 2, "win-defeat", "", False, False],
        [0, 0, 2, 2, "opposite", "", False, False],
    ],
}
ONTOLOGY = {
    "title": "College Ontology",
    "id": "ont_1_college",
    "concepts": [{"qid": "Q3918", "label": "college"}, {"qid": "Q515", "label": "city"}],
    "relations": [
        {"pid": "P131", "label": "city", "domain": "Q3918", "range": "Q515"},
        {"pid": "P571", "label": "inception", "domain": "Q3918", "range": ""},
    ],
}
TEXT2KG = {
    "id": "ont_1_college_train_1",
    "sent": "Torvik College stands in the city of Torvik.",
    "sub_label": "Torvik_College",
    "rel_label": "city",
    "obj_label": "torvik",
    "sub": "Q1",
    "rel": "P131",
    "obj": "Q2",
}
SEMEVAL = """Cause-Effect(e2,e1)\tThe <e1> flood </e1> followed heavy <e2> rain </e2>.
Other\tA <e1> gate </e1> in a <e2> wall </e2>'s end.
"""
FEWREL = {
    "P27": [
        {
            "tokens": ["Ada", " ", "Mayfield", "of", "Norway", ",", "Norway"],
            "h": ["ada mayfield", "Q1", [[0, 1, 2]]],
            "t": ["norway", "Q20", [[4], [6]]],
        }
    ]
}
REBEL_TEXT = "Ada Mayfield (born 1931) is Norwegian. Torvik lies in Norway."


def _part(surface: str, uri: str, start: int) -> dict[str, Any]:
    return {"uri": uri, "boundaries": [start, start + len(surface)], "surfaceform": surface}


REBEL = {
    "docid": "12",
    "title": "Ada Mayfield",
    "uri": "Q1",
    "text": REBEL_TEXT,
    "entities": [
        _part("Ada Mayfield", "Q1", 0),
        _part("Norwegian", "Q20", 30),  # two characters ahead of the text
        _part("Torvik", "Q2", 39),
        _part("Norway", "Q20", 54),
    ],
    "triples": [
        {
            "subject": _part("Torvik", "Q2", 39),
            "predicate": {"uri": "P17", "boundaries": None, "surfaceform": "country"},
            "object": _part("Norway", "Q20", 54),
        },
        {
            "subject": _part("Ada Mayfield", "Q1", 0),
            "predicate": {"uri": "P19", "boundaries": None, "surfaceform": "place of birth"},
            "object": _part("Torvik", "Q2", 39),
        },
    ],
}

TRIPACK_TEXT = "Ada Mayfield led North Rail until 1967. She lives in Torvik."


def mark(text: str, label: str, start: int | None = None) -> dict[str, Any]:
    """An entity of TRIPACK_TEXT, by characters."""
    at = TRIPACK_TEXT.index(text) if start is None else start
    return {"text": text, "start": at, "end": at + len(text), "label": label}


TRIPACK = {
    "id": "doc-7",
    "text": TRIPACK_TEXT,
    "entities": [
        mark("Ada Mayfield", "PER") | {"score": 0.9},
        mark("North Rail", "ORG"),
        mark("1967", "TIME"),
        mark("Torvik", "LOC"),
    ],
    "triples": [
        {
            "subject": mark("Ada Mayfield", "PER"),
            "relation": "employer",
            "relation_id": "P108",
            "object": mark("North Rail", "ORG"),
            "qualifiers": [
                {
                    "label": "end time",
                    "label_id": "P582",
                    "value": mark("1967", "TIME"),
                    "score": 0.8,
                }
            ],
            "score": 0.7,
            "sentence": [0, 39],
        }
    ],
    "model": "wikidata-small 1.0.0",
}


def lines(*records: Any) -> str:
    """JSON Lines of the records."""
    return "".join(json.dumps(record, ensure_ascii=False) + "\n" for record in records)


def array(*records: Any) -> str:
    """A JSON array of the records, as one indented text."""
    return json.dumps(list(records), ensure_ascii=False, indent=1)


# corpus -> (file in the corpus folder, split it belongs to, contents)
FILES: dict[str, tuple[str, str, str]] = {
    "conll04": ("train.txt", "train", CONLL04),
    "scierc": ("train.json", "train", lines(SCIERC)),
    "hyperred": ("annotated_4000.json", "train", lines(HYPERRED)),
    "re_docred": ("dev_revised.json", "dev", array(DOCRED)),
    "webnlg": ("train_triples.json", "train", array(WEBNLG)),
    "webnlg_star": ("dev_triples.json", "dev", array(WEBNLG_STAR)),
    "nyt_star": ("dev_triples.json", "dev", array(WEBNLG_STAR)),
    "crossre": ("news-train.json", "train", lines(CROSSRE)),
    "text2kgbench": ("wiki/train/ont_1_college_train.jsonl", "train", lines(TEXT2KG)),
    "semeval2010_task8": ("train.tsv", "train", SEMEVAL),
    "fewrel": ("val_wiki.json", "dev", json.dumps(FEWREL)),
    "rebel_sample": ("sample.jsonl", "sample", lines(REBEL)),
    "tripack": ("train.jsonl", "train", lines(TRIPACK)),
}


def write(folder: Path, name: str, text: str | None = None) -> Path:
    """Write the small file of a corpus, or another text in its place; gives the file's path."""
    file, _, contents = FILES[name]
    path = folder / file
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(contents if text is None else text, encoding="utf-8")
    return path
