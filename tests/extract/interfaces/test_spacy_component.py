"""The spaCy component on a real, small model: annotating, batching, labels, scoring."""

from __future__ import annotations

import json
import logging
import subprocess
import sys
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import pytest
import spacy
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from spacy.language import Language
from spacy.schemas import ConfigValidationError
from spacy.tokens import Doc, Span
from spacy.training import Example

import extract.pipeline
from extract.decode.exact import ExactSolver
from extract.encoder.words import split_words
from extract.errors import InputError, ModelError, SchemaError
from extract.interfaces.spacy import Settings, TripackComponent
from extract.structures import Document, Entity, Sentence
from extract.structures import Span as WordSpan

TEXTS = [
    "Leonard Parker received his PhD from Harvard University in 1967. "
    "In 2004, Anna Lind joined Northwind as chief engineer.",
    "",
    "Peter Moss was mayor of Lund from 2001 until 2009.",
    " \n\t ",
    "The U.S.-based company, founded by J.R.R. Smith (1,250.5 staff), left Łódź.",
    "東京, Łódź:\n\nOslo is the capital of Norway.",
    "no entities?",
]


def pipeline(model: Path, **config: Any) -> Language:
    nlp = spacy.blank("en")
    nlp.add_pipe("tripack", config={"model": str(model), **config})
    return nlp


def component(nlp: Language) -> TripackComponent:
    found = nlp.get_pipe("tripack")
    assert isinstance(found, TripackComponent)
    return found


@pytest.fixture(scope="module")
def tiny_nlp(tiny_model: Path) -> Language:
    return pipeline(tiny_model)


def facts(doc: Doc) -> list[tuple[Any, ...]]:
    return [
        (
            r["label"],
            *(r[e][k] for e in ("head", "tail") for k in ("start_char", "end_char", "label")),
        )
        for r in doc._.relations
    ]


def test_add_pipe_finds_the_component_without_an_import() -> None:
    code = "import spacy; n = spacy.blank('en'); n.add_pipe('tripack'); print(n.pipe_names)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "['tripack']"


def test_decoder_is_the_one_that_is_set(tiny_nlp: Language, tiny_model: Path) -> None:
    nlp = pipeline(tiny_model, decoder="exact")
    assert isinstance(component(nlp).extractor._decoder.solver, ExactSolver)
    assert facts(nlp(TEXTS[0])) == facts(tiny_nlp(TEXTS[0])) != []
    with pytest.raises(
        ModelError, match=r"Unknown decoder 'best'\. Expected one of: beam, cp-sat, exact"
    ):
        _ = component(pipeline(tiny_model, decoder="best")).extractor


def test_runtime_and_dtype_are_those_that_are_set(tiny_model: Path) -> None:
    predictor: Any = component(pipeline(tiny_model, dtype="bfloat16")).extractor._predictor
    assert predictor.autocast
    with pytest.raises(ModelError, match="has no ONNX export"):
        _ = component(pipeline(tiny_model, runtime="onnx")).extractor


def test_doc_gets_what_the_extractor_finds(tiny_nlp: Language, tiny_model: Path) -> None:
    docs = list(tiny_nlp.pipe(TEXTS))
    documents = list(extract.pipeline.load(tiny_model).extract(TEXTS))
    assert docs[0]._.triples == [
        ("Leonard Parker", "educated at", "Harvard University"),
        ("Anna Lind", "employer", "Northwind"),
    ]
    for doc, document in zip(docs, documents, strict=True):
        expected = [
            (
                t.relation,
                *(t.subject.start_char, t.subject.end_char, t.subject.label),
                *(t.object.start_char, t.object.end_char, t.object.label),
            )
            for t in document.triples
        ]
        assert facts(doc) == expected
        assert doc._.triples == [
            (t.subject.text, t.relation, t.object.text) for t in document.triples
        ]
        assert [r["score"] for r in doc._.relations] == pytest.approx(
            [t.score for t in document.triples], abs=2e-4
        )
        assert doc.spans["tripack"].attrs["model"] == document.model


def test_doc_values_are_plain(tiny_nlp: Language) -> None:
    doc = tiny_nlp(TEXTS[0])
    assert json.loads(json.dumps(doc._.relations)) == doc._.relations
    assert list(doc.to_json(underscore=["relations"])["_"]) == ["relations"]
    assert Doc(doc.vocab).from_bytes(doc.to_bytes())._.relations == doc._.relations


@settings(
    max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(text=st.text(max_size=120))
def test_any_text_keeps_offsets(tiny_nlp: Language, text: str) -> None:
    doc = tiny_nlp(text)
    assert doc.text == text
    for relation in doc._.relations:
        values = [q["value"] for q in relation["qualifiers"]]
        for part in (relation["head"], relation["tail"], *values):
            assert text[part["start_char"] : part["end_char"]] == part["text"]
            assert part["text"] in doc[part["start"] : part["end"]].text
        assert relation in doc[relation["head"]["start"] : relation["head"]["end"]]._.relations


@pytest.mark.parametrize("text", ["", " ", "\n\n", "\x00", "\u200b", "\u2028 "])
def test_text_without_words_gives_an_empty_annotated_doc(tiny_nlp: Language, text: str) -> None:
    doc = tiny_nlp(text)
    assert (doc._.relations, doc._.triples, list(doc.ents)) == ([], [], [])
    assert list(doc.spans["tripack"]) == []


def test_tokens_of_another_tokenizer_are_aligned(tiny_model: Path) -> None:
    nlp = pipeline(tiny_model)
    text = TEXTS[0]
    expected = [(r["label"], r["head"]["text"], r["tail"]["text"]) for r in nlp(text)._.relations]
    assert expected
    tokenised = [
        Doc(nlp.vocab, words=list(text), spaces=[False] * len(text)),
        Doc(nlp.vocab, words=[text], spaces=[False]),
        Doc(nlp.vocab, words=text.split(" "), spaces=[True] * (len(text.split(" ")) - 1) + [False]),
    ]
    for doc in nlp.pipe(tokenised):
        assert doc.text == text
        found = [(r["label"], r["head"]["text"], r["tail"]["text"]) for r in doc._.relations]
        assert found == expected
        for span in doc.spans["tripack"]:
            assert 0 <= span.start < span.end <= len(doc)


def test_pipe_equals_call_whatever_the_batch_sizes(tiny_nlp: Language) -> None:
    single = [facts(tiny_nlp(text)) for text in TEXTS]
    for batch_size in (1, 3, 1000):
        assert [facts(doc) for doc in tiny_nlp.pipe(TEXTS, batch_size=batch_size)] == single
    cfg = {"tripack": {"batch_size": 2}}
    assert [facts(doc) for doc in tiny_nlp.pipe(TEXTS, component_cfg=cfg)] == single
    pairs = list(tiny_nlp.pipe(zip(TEXTS, range(7), strict=True), as_tuples=True))
    assert [number for _, number in pairs] == list(range(7))


class Recorder(TripackComponent):
    """Notes the size of each batch and fails on documents that say BAD."""

    sizes: list[int]

    def predict(self, docs: Iterable[Doc]) -> list[Document]:
        docs = list(docs)
        self.sizes = [*getattr(self, "sizes", []), len(docs)]
        if any("BAD" in doc.text for doc in docs):
            raise InputError("BAD text")
        return super().predict(docs)


@pytest.mark.parametrize(
    ("own", "asked", "sizes"),
    [(5, 3, [3, 3, 1]), (3, 1000, [3, 3, 1]), (4, None, [4, 3]), (4, 0, [1] * 7)],
)
def test_pipe_reads_batches_of_the_smaller_size(
    tiny_model: Path, own: int, asked: int | None, sizes: list[int]
) -> None:
    recorder = Recorder(Settings(model=str(tiny_model), batch_size=own))
    nlp = spacy.blank("en")
    assert len(list(recorder.pipe(map(nlp, TEXTS), batch_size=asked))) == 7
    assert recorder.sizes == sizes


def test_pipe_pulls_no_more_than_a_batch(tiny_model: Path) -> None:
    recorder = Recorder(Settings(model=str(tiny_model), batch_size=2))
    nlp = spacy.blank("en")
    stream = (nlp(text) for text in TEXTS)
    next(recorder.pipe(stream))
    assert next(stream).text == TEXTS[2]


def test_pipe_hands_only_the_failing_document_to_the_error_handler(
    tiny_model: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    recorder = Recorder(Settings(model=str(tiny_model)))
    nlp = spacy.blank("en")
    failed: list[tuple[str, list[str], str]] = []
    recorder.set_error_handler(
        lambda name, proc, docs, error: failed.append((name, [d.text for d in docs], str(error)))
    )
    docs = list(recorder.pipe(map(nlp, [TEXTS[0], "BAD", TEXTS[2]])))
    assert [doc.text for doc in docs] == [TEXTS[0], TEXTS[2]]
    assert all(doc.has_annotation("ENT_IOB") for doc in docs)
    assert failed == [("tripack", ["BAD"], "BAD text")]
    assert "A batch of 3 failed (BAD text)" in caplog.text


def test_pipe_raises_without_an_error_handler(tiny_model: Path) -> None:
    recorder = Recorder(Settings(model=str(tiny_model)))
    with pytest.raises(InputError, match="BAD text"):
        list(recorder.pipe(map(spacy.blank("en"), ["fine", "BAD"])))


def test_missing_model_raises_at_first_use_and_no_handler_hides_it(tmp_path: Path) -> None:
    nlp = pipeline(tmp_path / "nowhere")
    assert nlp.pipe_labels["tripack"] == []
    nlp.set_error_handler(lambda *_: None)
    with pytest.raises(ModelError, match="nowhere"):
        list(nlp.pipe(["Marie Curie"]))


def test_entities_fill_empty_ents_and_the_span_group(tiny_nlp: Language) -> None:
    doc = tiny_nlp(TEXTS[0])
    group = doc.spans["tripack"]
    assert [s.text for s in group][:2] == ["Leonard Parker", "PhD"]
    assert {s.text for s in group} >= {e.text for e in doc.ents} >= {"Leonard Parker"}
    assert {s.label_ for s in group} == {e.label_ for e in doc.ents} == {"Entity"}
    assert len(group.attrs["scores"]) == len(group)
    assert all(isinstance(score, float) and 0 < score <= 1 for score in group.attrs["scores"])


def test_entities_nested_go_to_the_span_group_and_the_longest_to_ents() -> None:
    text = "Peter Moss was mayor of Lund."
    places = [("mayor of Lund", "OFFICE"), ("Lund", "LOC"), ("Peter Moss", "PER")]
    words = split_words(text)
    entities = []
    for mention, label in places:
        start = text.index(mention)
        inside = [i for i, w in enumerate(words) if start <= w.start_char < start + len(mention)]
        span = WordSpan(inside[0], inside[-1] + 1)
        entities.append(Entity(span, start, start + len(mention), mention, label, 0.75))
    document = Document(text, (Sentence(tuple(words), tuple(entities)),), model="hand 1.0")
    doc = spacy.blank("en")(text)
    TripackComponent().set_annotations([doc], [document])
    group = doc.spans["tripack"]
    assert [s.text for s in group] == ["Peter Moss", "mayor of Lund", "Lund"]
    assert group.attrs == {"model": "hand 1.0", "scores": [0.75, 0.75, 0.75]}
    assert [(e.text, e.label_) for e in doc.ents] == [
        ("Peter Moss", "PER"),
        ("mayor of Lund", "OFFICE"),
    ]


def test_entities_of_the_user_stay_unless_overwritten(tiny_model: Path, tiny_nlp: Language) -> None:
    found = {(e.start, e.end, e.label_) for e in tiny_nlp(TEXTS[0]).ents}
    for config, kept in [
        ({}, True),
        ({"overwrite_ents": True}, False),
        ({"set_ents": False}, True),
    ]:
        nlp = pipeline(tiny_model, **config)
        doc = nlp.make_doc(TEXTS[0])
        doc.ents = [Span(doc, 3, 4, label="MINE")]
        doc = nlp(doc)
        after = {(e.start, e.end, e.label_) for e in doc.ents}
        assert after == ({(3, 4, "MINE")} if kept else found)
        assert list(doc.spans["tripack"])
    assert not list(pipeline(tiny_model, set_ents=False)(TEXTS[0]).ents)


def test_settings_reach_the_doc(tiny_model: Path) -> None:
    doc = pipeline(tiny_model, attr="facts_found", spans_key="mentions")(TEXTS[0])
    assert [r["label"] for r in doc[0:2]._.facts_found] == ["educated at"]
    assert doc._.triples == [
        (r["head"]["text"], r["label"], r["tail"]["text"]) for r in doc._.facts_found
    ]
    assert list(doc.spans) == ["mentions"]


@pytest.mark.parametrize("threshold", [None, 0.0, 0.75])
def test_settings_reach_the_extractor(
    tiny_model: Path, threshold: float | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    extract_texts = extract.pipeline.Extractor.extract
    asked: list[dict[str, Any]] = []

    def record(self: Any, texts: Any, **options: Any) -> Any:
        asked.append(options)
        return extract_texts(self, texts, **options)

    monkeypatch.setattr(extract.pipeline.Extractor, "extract", record)
    pipeline(tiny_model, threshold=threshold, batch_size=7)(TEXTS[0])
    assert asked == [{"batch_size": 7, "threshold": threshold}]


@pytest.mark.parametrize(
    ("config", "message"),
    [
        ({"threshold": 1.5}, r"in \[0, 1\], got 1.5"),
        ({"batch_size": 0}, "1 or more, got 0"),
        ({"attr": "set"}, "other than get, set"),
        ({"attr": "my relations"}, "got 'my relations'"),
        ({"attr": "class"}, "got 'class'"),
    ],
)
def test_settings_out_of_range_say_what_was_expected(config: dict[str, Any], message: str) -> None:
    with pytest.raises(InputError, match=message):
        spacy.blank("en").add_pipe("tripack", config=config)


@pytest.mark.parametrize("config", [{"threshold": "high"}, {"colour": "red"}, {"model": None}])
def test_settings_of_a_wrong_type_or_name_are_refused_by_spacy(config: dict[str, Any]) -> None:
    with pytest.raises(ConfigValidationError):
        spacy.blank("en").add_pipe("tripack", config=config)


def test_value_of_another_component_is_replaced_with_one_warning(tiny_model: Path) -> None:
    nlp = pipeline(tiny_model)

    def foreign() -> Doc:
        doc = nlp.make_doc(TEXTS[0])
        doc._.relations = {(0, 1): {"works for": 0.9}}
        return doc

    with pytest.warns(
        UserWarning, match=r'doc\._\.relations holds.*"attr": "tripack_relations"'
    ) as w:
        docs = list(nlp.pipe([foreign(), foreign()]))
    assert len(w) == 1
    assert all(isinstance(doc._.relations, list) for doc in docs)


def test_running_twice_replaces_and_does_not_warn(
    tiny_nlp: Language, recwarn: pytest.WarningsRecorder
) -> None:
    doc = tiny_nlp(TEXTS[0])
    first = list(doc._.relations)
    assert tiny_nlp(doc)._.relations == first
    assert not [w for w in recwarn if w.category is UserWarning]


def test_labels_are_the_schema_s_and_need_no_weights(tiny_model: Path) -> None:
    nlp = pipeline(tiny_model)
    pipe = component(nlp)
    schema = extract.pipeline.load(tiny_model).schema
    assert pipe.labels == tuple(schema.relation_names) == tuple(nlp.pipe_labels["tripack"])
    assert pipe.label_data["entity_types"] == schema.entity_names
    assert pipe.label_data["qualifiers"] == schema.qualifier_names
    assert pipe._extractor is None
    assert not pipe.is_trainable


def test_initialize_takes_its_own_labels_and_names_unknown_ones(
    tiny_model: Path, caplog: pytest.LogCaptureFixture
) -> None:
    nlp = pipeline(tiny_model)
    pipe = component(nlp)
    known = pipe.label_data
    nlp.config["initialize"]["components"]["tripack"] = {"labels": known}
    nlp.initialize()
    pipe.initialize(lambda: [], labels=known["relations"][:1])
    with pytest.raises(SchemaError, match=r"label in relations 'sings'. Expected one of: .*"):
        pipe.initialize(lambda: [], labels=["sings"])
    with pytest.raises(SchemaError, match="kind of label 'verbs'"):
        pipe.initialize(lambda: [], labels={"verbs": []})
    doc = nlp(TEXTS[0])
    gold = doc.copy()
    gold._.relations = [{**doc._.relations[0], "label": "sings"}]
    pipe.initialize(lambda: [Example(doc, gold)])
    assert "1 relations of the examples are not among" in caplog.text


def test_evaluate_of_its_own_output_is_perfect(tiny_nlp: Language) -> None:
    examples = [Example(tiny_nlp.make_doc(text), tiny_nlp(text)) for text in TEXTS]
    scores = tiny_nlp.evaluate(examples)
    for name in ("rel_micro_p", "rel_micro_r", "rel_micro_f", "rel_strict_f", "rel_macro_f"):
        assert scores[name] == 1.0
    assert scores["ents_f"] == scores["spans_tripack_f"] == 1.0
    assert scores["rel_per_type"]


def test_evaluate_without_gold_gives_none(tiny_nlp: Language) -> None:
    examples = [Example(tiny_nlp.make_doc(text), tiny_nlp.make_doc(text)) for text in TEXTS]
    scores = tiny_nlp.evaluate(examples)
    assert scores["rel_micro_f"] is None
    assert scores["ents_f"] is None


def test_score_weights_and_analysis_name_what_is_assigned(tiny_nlp: Language) -> None:
    assert tiny_nlp.config["training"]["score_weights"]["rel_micro_f"] == 1.0
    analysis = tiny_nlp.analyze_pipes()
    assert "doc._.relations" in analysis["summary"]["tripack"]["assigns"]
    assert analysis["problems"]["tripack"] == []


def test_select_pipes_and_two_components_keep_apart(tiny_model: Path) -> None:
    nlp = pipeline(tiny_model)
    nlp.add_pipe(
        "tripack",
        name="second",
        config={"model": str(tiny_model), "attr": "more", "spans_key": "b"},
    )
    doc = nlp(TEXTS[0])
    assert doc._.relations == doc._.more
    with nlp.select_pipes(disable=["tripack"]):
        doc = nlp(TEXTS[0])
    assert (doc._.relations, bool(doc._.more)) == ([], True)


def test_schema_of_settings_and_factory_agree() -> None:
    defaults = Language.get_factory_meta("tripack").default_config
    assert defaults == {name: getattr(Settings(), name) for name in Settings.__dataclass_fields__}
