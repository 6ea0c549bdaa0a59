"""Output formats: JSON Lines to the letter, CSV that reads back, tables that cannot act."""

from __future__ import annotations

import csv
import io
import json
import tempfile
from dataclasses import replace
from pathlib import Path

import pytest
from pyoxigraph import RdfFormat, Store

from extract.errors import OutputError
from extract.interfaces.io import writers
from extract.interfaces.io.table import TableWriter, visible
from extract.interfaces.io.writers import CsvWriter, make_writer
from extract.kg.rdf import Names
from extract.structures import (
    Document,
    Entity,
    Qualifier,
    Removed,
    Sentence,
    Span,
    Token,
    Triple,
)
from tests.extract.interfaces.documents import TEXT, document


def test_jsonl_is_the_documents_dict_on_one_line() -> None:
    line = make_writer("jsonl").render(document())
    assert line.endswith("}\n") and line.count("\n") == 1
    assert "Zoë Å." in line  # characters as they are, not as escapes
    assert json.loads(line) == document().to_dict()
    assert list(json.loads(line)) == ["id", "text", "entities", "triples", "model"]


def test_csv_rows_read_back() -> None:
    writer = make_writer("csv")
    rows = list(csv.DictReader(io.StringIO(writer.header + writer.render(document()))))
    assert list(rows[0]) == list(CsvWriter.columns)
    row = rows[0]
    assert (row["id"], row["subject"], row["relation"]) == ("doc-1", "Zoë Å.", "left, then")
    assert (row["object"], row["object_label"], row["relation_id"]) == ("Bank", "ORG", "P1")
    assert TEXT[int(row["object_start"]) : int(row["object_end"])] == "Bank"
    assert (row["score"], row["sentence_start"]) == ("0.9346", "0")
    assert json.loads(row["qualifiers"])[0]["value"]["text"] == "1967"
    assert row["model"] == "made-by-hand 1.0.0"


def test_csv_has_no_row_for_a_document_without_triples() -> None:
    assert make_writer("csv").render(Document("nothing")) == ""


def test_plain_table_shows_triples_qualifiers_offsets_and_entities() -> None:
    lines = TableWriter(terminal=False).render(document()).splitlines()
    assert lines[0].startswith("doc-1  Zoë Å. left the")
    assert lines[1].split() == ["subject", "relation", "object", "score"]
    assert lines[2].split() == ["Zoë", "Å.", "0-6", "left,", "then", "Bank", "21-25", "0.93"]
    assert lines[3].split() == ["end", "time", "1967", "30-34", "0.81"]
    assert lines[3].index("end time") == lines[2].index("left") + 2  # indented below its triple
    assert lines[6].split() == ["Zoë", "Å.", "PER", "0-6", "0.90"]


def explained() -> Document:
    """The hand-made document with a span, a triple and a qualifier that were left out."""
    (sentence,) = document().sentences
    person, bank, year = sentence.entities
    lost = replace(person, label="ORG")
    triple = Triple(bank, "led by", person, score=0.7)
    qualified = Triple(person, "left, then", bank, (Qualifier("point in time", year),))
    reasons = (
        Removed(lost, 0.6, "one type a span", (person,)),
        Removed(triple, 0.7, "functional relation", (sentence.triples[0],)),
        Removed(qualified, 0.55, "ends are entities"),
    )
    return replace(document(), sentences=(replace(sentence, removed=reasons),))


def test_what_was_removed_is_the_last_field_and_table() -> None:
    plain = json.loads(make_writer("jsonl").render(explained()))
    assert list(plain) == ["id", "text", "entities", "triples", "model", "removed"]
    entity, triple, qualifier = plain["removed"]
    mention = {"text": "Zoë Å.", "start": 0, "end": 6, "label": "PER"}
    assert entity == {
        "entity": mention | {"label": "ORG"},
        "score": 0.6,
        "constraint": "one type a span",
        "in_favour_of": [{"entity": mention}],
    }
    assert triple["triple"]["relation"] == "led by"
    (favoured,) = triple["in_favour_of"]  # a fact that has a qualifier shows it
    assert favoured["triple"]["subject"] == mention and favoured["qualifier"]["label"] == "end time"
    assert qualifier["qualifier"]["value"]["text"] == "1967"
    assert qualifier["in_favour_of"] == []
    lines = TableWriter(terminal=False, width=200).render(explained()).splitlines()
    first = next(i for i, line in enumerate(lines) if line.startswith("removed"))
    assert lines[first].split() == ["removed", "score", "constraint", "in", "favour", "of"]
    shown = "Zoë Å. 0-6 ORG 0.60 one type a span Zoë Å. 0-6 PER"
    assert " ".join(lines[first + 1].split()) == shown
    assert "Bank 21-25 led by Zoë Å. 0-6" in lines[first + 2]
    assert "point in time 1967 30-34" in lines[first + 3]


def test_table_of_nothing_says_so() -> None:
    assert "No triples found." in TableWriter(terminal=False).render(Document("", id="d"))


def test_table_is_coloured_on_a_terminal_only(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TERM", "xterm-256color")
    monkeypatch.delenv("NO_COLOR", raising=False)
    assert "\x1b[32m" in TableWriter(terminal=True, width=80).render(document())
    assert "\x1b" not in TableWriter(terminal=False).render(document())
    monkeypatch.setenv("NO_COLOR", "1")
    assert "\x1b[32m" not in TableWriter(terminal=True, width=80).render(document())


def test_control_characters_of_a_text_do_not_reach_the_terminal() -> None:
    shown = TableWriter(terminal=False).render(document())
    assert not any(c < " " and c != "\n" for c in shown)
    assert visible("a\tb\r\n\x1b\x07\x7f\x9bé") == "a b  ␛␇\ufffd\ufffdé"


def test_markup_of_a_text_is_not_interpreted() -> None:
    assert "[bold]x[/bold]" in TableWriter(terminal=False).render(Document("[bold]x[/bold]"))


def test_unknown_format_lists_the_known_ones() -> None:
    with pytest.raises(OutputError, match=r"Unknown output format 'xml'\. Expected one of: csv"):
        make_writer("xml")


@pytest.mark.parametrize(
    ("name", "format"), [("turtle", RdfFormat.TURTLE), ("nquads", RdfFormat.N_QUADS)]
)
def test_rdf_of_several_documents_is_one_file_that_says_all(name: str, format: RdfFormat) -> None:
    writer = make_writer(name)
    written = writer.header + "".join(writer.render(document(id)) for id in ("a/1", "doc 2"))
    assert written.count("@prefix rdf:") == (name == "turtle")
    store = Store()
    store.load(written.encode(), format=format)
    query = """SELECT ?id ?a ?b ?score ?year {
        ?st rdf:reifies <<( ?s wdt:P1 ?o )>> ; pq:P582 ?year ; prov:wasDerivedFrom ?evidence .
        ?evidence tp:score ?score ; oa:hasSource/dcterms:identifier ?id .
        ?s rdfs:label ?a . ?o rdfs:label ?b }"""
    found = store.query(query, prefixes=Names().prefixes, use_default_graph_as_union=True)
    assert {tuple(term.value for term in row) for row in found} == {
        (id, "Zoë Å.", "Bank", "0.9346", "1967") for id in ("a/1", "doc 2")
    }
    graphs = {graph.value for graph in store.named_graphs()}
    own = {Names().document(id) for id in ("a/1", "doc 2")}
    assert graphs == (own if name == "nquads" else set())


@pytest.mark.parametrize("name", ["turtle", "nquads"])
def test_rdf_of_a_document_without_triples_is_its_run(name: str) -> None:
    writer = make_writer(name)
    written = writer.render(Document("nothing", id="empty", model="m 1"))
    assert "empty" in written and "reifies" not in written


def test_pairs_are_one_a_line_once_a_document_with_an_empty_line_between_documents() -> None:
    writer = make_writer("pairs")
    first = document()
    assert writer.render(first) == "(Zoë Å., Bank)\n"
    twice = replace(first.sentences[0], triples=first.sentences[0].triples * 2)
    assert writer.render(replace(first, sentences=(twice,))) == "\n(Zoë Å., Bank)\n"
    assert writer.render(Document("nothing")) == "\n"


def test_pairs_have_no_line_breaks_of_the_text() -> None:
    text = "Ann\nLee left"
    words = (Token("Ann", 0, 3), Token("Lee", 4, 7), Token("left", 8, 12))
    ann, left = Entity(Span(0, 2), 0, 7, "Ann\nLee", "PER"), Entity(Span(2, 3), 8, 12, "left", "X")
    sentence = Sentence(words, (ann, left), (Triple(ann, "did", left),))
    assert make_writer("pairs").render(Document(text, (sentence,))) == "(Ann Lee, left)\n"


@pytest.mark.parametrize("n_sentences", [0, 1, 3])
@pytest.mark.parametrize("name", ["jsonl", "csv", "pairs", "html", "turtle", "nquads", "table"])
def test_pieces_of_a_document_are_what_it_is_rendered_as(name: str, n_sentences: int) -> None:
    whole = replace(explained(), sentences=explained().sentences * n_sentences)
    bare = replace(whole, sentences=())
    pieces = list(make_writer(name).pieces(bare, iter(whole.sentences)))
    assert "".join(pieces) == make_writer(name).render(whole)
    if name == "jsonl":
        assert "".join(pieces) == json.dumps(whole.to_dict(), ensure_ascii=False) + "\n"
        assert len(pieces) > 4


def test_a_long_list_waits_in_a_file_and_comes_back_to_the_letter(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    long = replace(explained(), sentences=explained().sentences * 40)
    expected = json.dumps(long.to_dict(), ensure_ascii=False) + "\n"
    monkeypatch.setattr(writers, "_IN_MEMORY", 100)
    monkeypatch.setattr(writers, "_BLOCK", 7)  # blocks may end anywhere
    pieces = list(make_writer("jsonl").pieces(replace(long, sentences=()), iter(long.sentences)))
    assert "".join(pieces) == expected
    assert len(pieces) > len(expected) / 10  # most of it came from files


def test_text_that_is_no_unicode_passes_a_file_unchanged(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(writers, "_IN_MEMORY", 0)
    word = Token("\ud800\r\n", 0, 3)
    entity = Entity(Span(0, 1), 0, 3, word.text, "PER", 0.5)
    odd = Document(word.text, (Sentence((word,), (entity,)),) * 3)
    line = "".join(make_writer("jsonl").pieces(replace(odd, sentences=()), iter(odd.sentences)))
    assert json.loads(line) == odd.to_dict()


def test_no_room_for_a_long_list_is_told(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(writers, "_IN_MEMORY", 0)
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / "missing"))
    long = replace(explained(), sentences=explained().sentences * 3)
    with pytest.raises(OutputError, match=r"^Cannot write a temporary file: No such file"):
        make_writer("jsonl").render(long)
