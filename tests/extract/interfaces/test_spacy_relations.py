"""Relations as plain values on a Doc: alignment, views, restoring, scoring. No model needed."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest
import spacy
from spacy.tokens import Doc, DocBin, Span
from spacy.tokens.underscore import Underscore
from spacy.training import Example
from spacy.util import get_words_and_spaces

from extract.encoder.words import split_words
from extract.errors import InputError
from extract.interfaces.spacy_relations import (
    entity_spans,
    register_extensions,
    relation_from_triple,
    relations_from_json,
    score_relations,
    set_ents,
    stored_relations,
)
from extract.structures import Entity, Qualifier, Triple
from extract.structures import Span as WordSpan

TEXT = "Marie Curie won the Nobel Prize in 1903. She was born in Warsaw."


@pytest.fixture(autouse=True)
def no_extensions() -> Iterator[None]:
    """Extensions are global in spaCy: each test starts without any and leaves what was there."""
    state = Underscore.get_state()
    Underscore.load_state(({}, {}, {}))
    yield
    Underscore.load_state(state)


def entity(text: str, mention: str, label: str, score: float = 1.0) -> Entity:
    start = text.index(mention)
    words = [
        i for i, t in enumerate(split_words(text)) if start <= t.start_char < start + len(mention)
    ]
    return Entity(
        WordSpan(words[0], words[-1] + 1), start, start + len(mention), mention, label, score
    )


def award(text: str = TEXT) -> Triple:
    return Triple(
        entity(text, "Marie Curie", "PER"),
        "award received",
        entity(text, "Nobel Prize", "AWARD"),
        (Qualifier("point in time", entity(text, "1903", "TIME"), "P585", 0.8),),
        "P166",
        (0, 40),
        0.93218,
    )


def birth(text: str = TEXT) -> Triple:
    return Triple(entity(text, "Marie Curie", "PER"), "born in", entity(text, "Warsaw", "LOC"))


def annotated(text: str = TEXT, attr: str = "relations") -> Doc:
    register_extensions(attr)
    doc = spacy.blank("en")(text)
    doc._.set(
        attr, [relation_from_triple(doc, award(text)), relation_from_triple(doc, birth(text))]
    )
    return doc


def test_relation_from_triple_gives_the_documented_shape() -> None:
    doc = spacy.blank("en")(TEXT)
    assert relation_from_triple(doc, award()) == {
        "id": "P166",
        "label": "award received",
        "score": 0.9322,
        "head": {
            "start": 0, "end": 2, "start_char": 0, "end_char": 11,
            "label": "PER", "text": "Marie Curie",
        },
        "tail": {
            "start": 4, "end": 6, "start_char": 20, "end_char": 31,
            "label": "AWARD", "text": "Nobel Prize",
        },
        "qualifiers": [
            {
                "id": "P585", "label": "point in time", "score": 0.8,
                "value": {
                    "start": 7, "end": 8, "start_char": 35, "end_char": 39,
                    "label": "TIME", "text": "1903",
                },
            }
        ],
        "evidence": {"start": 0, "end": 9, "start_char": 0, "end_char": 40},
    }  # fmt: skip


def test_relation_without_ids_and_sentence_has_empty_values_of_the_same_types() -> None:
    relation = relation_from_triple(spacy.blank("en")(TEXT), birth())
    assert (relation["id"], relation["qualifiers"], relation["evidence"]) == ("", [], {})


def test_alignment_tokens_coarser_than_words_expand_and_characters_stay_exact() -> None:
    text = "The Warsaw-born Curie"
    words, spaces = get_words_and_spaces(["The", "Warsaw-born", "Curie"], text)
    doc = Doc(spacy.blank("en").vocab, words=words, spaces=spaces)
    triple = Triple(entity(text, "Curie", "PER"), "born in", entity(text, "Warsaw", "LOC"))
    tail = relation_from_triple(doc, triple)["tail"]
    assert (tail["start"], tail["end"]) == (1, 2)
    assert doc.text[tail["start_char"] : tail["end_char"]] == "Warsaw" == tail["text"]
    spans, _ = entity_spans(doc, [triple.object])
    assert [span.text for span in spans] == ["Warsaw-born"]


def test_alignment_tokens_finer_than_words_covers_them_all() -> None:
    text = "Łódź  東京 1903"
    doc = Doc(spacy.blank("en").vocab, words=[c for c in text if c != " "], spaces=[False] * 10)
    assert len(doc) == 10
    spans, scores = entity_spans(doc, [Entity(WordSpan(0, 1), 0, 4, doc.text[:4], "LOC", 0.5)])
    assert [(s.start, s.end, s.label_) for s in spans] == [(0, 4, "LOC")]
    assert scores == [0.5]


def test_entities_nested_are_all_spans_and_the_longest_is_an_ent() -> None:
    text = "University of Warsaw"
    doc = spacy.blank("en")(text)
    spans, _ = entity_spans(doc, [entity(text, "Warsaw", "LOC"), entity(text, text, "ORG")])
    assert [(s.text, s.label_) for s in spans] == [(text, "ORG"), ("Warsaw", "LOC")]
    set_ents(doc, spans, keep_blocked=True)
    assert [(e.text, e.label_) for e in doc.ents] == [(text, "ORG")]


def test_entities_that_fall_on_the_same_tokens_become_one_span_with_the_higher_score() -> None:
    text = "2010-2014"
    doc = Doc(spacy.blank("en").vocab, words=[text], spaces=[False])
    pair = [entity(text, "2010", "TIME", 0.4), entity(text, "2014", "TIME", 0.7)]
    spans, scores = entity_spans(doc, pair)
    assert [s.text for s in spans] == [text]
    assert scores == [0.7]


def test_set_ents_leaves_blocked_tokens_alone_unless_told() -> None:
    doc = spacy.blank("en")(TEXT)
    doc.set_ents([], blocked=[doc[1:2]])
    spans, _ = entity_spans(doc, [entity(TEXT, "Marie Curie", "PER"), entity(TEXT, "1903", "TIME")])
    set_ents(doc, spans, keep_blocked=True)
    assert [e.text for e in doc.ents] == ["1903"]
    assert doc[1].ent_iob_ == "B"
    set_ents(doc, spans, keep_blocked=False)
    assert [e.text for e in doc.ents] == ["Marie Curie", "1903"]


def test_views_show_triples_of_a_doc_and_relations_of_a_span() -> None:
    doc = annotated()
    assert doc._.triples == [
        ("Marie Curie", "award received", "Nobel Prize"),
        ("Marie Curie", "born in", "Warsaw"),
    ]
    assert [r["label"] for r in doc[0:2]._.relations] == ["award received", "born in"]
    assert [r["label"] for r in doc[4:6]._.relations] == ["award received"]
    assert doc[0:1]._.relations == []


def test_views_follow_tokens_that_are_merged_afterwards() -> None:
    doc = annotated()
    with doc.retokenize() as retokenizer:
        retokenizer.merge(doc[0:2])
    assert [r["label"] for r in doc[0:1]._.relations] == ["award received", "born in"]


def test_views_of_a_doc_that_nobody_annotated_are_empty_and_write_nothing() -> None:
    register_extensions("relations")
    doc = spacy.blank("en")(TEXT)
    assert (doc._.triples, doc[0:2]._.relations) == ([], [])
    assert stored_relations(doc, "relations") is None
    assert doc._.relations == []


def test_views_of_two_names_gather_triples_and_keep_spans_apart() -> None:
    doc = annotated(attr="first_relations")
    register_extensions("second_relations")
    doc._.second_relations = [relation_from_triple(doc, birth())]
    assert len(doc._.triples) == 3
    assert len(doc[0:2]._.second_relations) == 1
    assert len(doc[0:2]._.first_relations) == 2


def test_views_pass_over_a_value_of_another_component() -> None:
    register_extensions("relations")
    doc = spacy.blank("en")(TEXT)
    doc._.relations = [{"head_pos": [0, 1], "tail_pos": [4, 5], "label": "x", "score": 0.1}]
    assert (doc._.triples, doc[0:2]._.relations) == ([], [])


def test_register_extensions_leaves_the_registrations_of_others(
    caplog: pytest.LogCaptureFixture,
) -> None:
    Doc.set_extension("relations", default="theirs")
    Doc.set_extension("triples", getter=lambda doc: "theirs")
    Span.set_extension("relations", default="theirs")
    register_extensions("relations")
    doc = spacy.blank("en")(TEXT)
    assert (doc._.relations, doc._.triples, doc[0:1]._.relations) == ("theirs",) * 3
    assert len(caplog.records) == 2


@pytest.mark.parametrize("options", [{"getter": len}, {"method": len}])
def test_register_extensions_computed_name_raises_and_says_attr(options: dict[str, Any]) -> None:
    Doc.set_extension("relations", **options)
    with pytest.raises(InputError, match=r"doc\._\.relations is registered elsewhere.*attr="):
        register_extensions("relations")


def test_values_survive_bytes_json_docbin_and_copy() -> None:
    doc = annotated()
    nlp = spacy.blank("en")
    data = doc.to_json(underscore=["relations"])
    stores = [
        Doc(nlp.vocab).from_bytes(doc.to_bytes()),
        Doc(nlp.vocab).from_json(json.loads(json.dumps(data))),
        doc.copy(),
        next(DocBin(store_user_data=True, docs=[doc]).get_docs(nlp.vocab)),
    ]
    for other in stores:
        assert json.loads(json.dumps(other._.relations)) == doc._.relations
        assert other._.triples == doc._.triples


def test_restore_after_docbin_without_user_data() -> None:
    doc = annotated()
    lost = next(DocBin(docs=[doc]).get_docs(doc.vocab))
    assert lost._.relations == []
    assert relations_from_json(lost, json.dumps(doc._.relations)) is lost
    assert lost._.relations == doc._.relations
    assert len(relations_from_json(lost, doc._.relations)._.relations) == 2


def test_restore_turns_the_tuples_of_docbin_into_lists_and_adds_nothing() -> None:
    doc = annotated()
    kept = next(DocBin(store_user_data=True, docs=[doc]).get_docs(doc.vocab))
    assert isinstance(kept._.relations, tuple)
    assert relations_from_json(kept, kept._.relations)._.relations == doc._.relations


@pytest.mark.filterwarnings("ignore:.*W101")
def test_restore_after_from_docs_shifts_characters_and_tokens() -> None:
    nlp = spacy.blank("en")
    docs = [
        annotated(),
        nlp("Nothing here."),
        annotated("In 1903 Marie Curie, of Warsaw: Nobel Prize"),
    ]
    docs = [Doc(nlp.vocab).from_bytes(doc.to_bytes()) for doc in docs]
    docs[2]._.relations = [{**r, "evidence": {}} for r in docs[2]._.relations]
    merged = Doc.from_docs(docs)
    offset = 0
    for doc in docs:
        offset = merged.text.index(doc.text, offset)
        relations_from_json(merged, doc._.relations, char_offset=offset)
    assert merged._.triples == docs[0]._.triples + docs[2]._.triples
    head = merged._.relations[2]["head"]
    assert merged[head["start"] : head["end"]].text == "Marie Curie"
    assert merged.text[head["start_char"] : head["end_char"]] == "Marie Curie"


def test_restore_after_as_doc_leaves_out_and_counts_what_reaches_outside(
    caplog: pytest.LogCaptureFixture,
) -> None:
    doc = annotated()
    part = doc[0:9].as_doc()
    relations_from_json(part, doc._.relations, skip_outside=True)
    assert part._.triples == [("Marie Curie", "award received", "Nobel Prize")]
    assert "Left out 1 of 2" in caplog.text
    with pytest.raises(InputError, match=r"within 0-41, got 57-63"):
        relations_from_json(part, doc._.relations)


def test_restore_to_other_tokens_finds_them_anew() -> None:
    doc = annotated()
    words, spaces = get_words_and_spaces(["Marie Curie", "won the", *TEXT[20:].split()], TEXT)
    coarse = Doc(doc.vocab, words=words, spaces=spaces)
    relations_from_json(coarse, doc._.relations)
    assert coarse._.relations[0]["head"]["end"] == 1
    assert coarse._.triples == doc._.triples


def test_restore_to_another_text_names_both_texts() -> None:
    doc = annotated()
    other = spacy.blank("en")(TEXT.replace("Nobel", "Pulit"))
    with pytest.raises(InputError, match="Expected 'Nobel Prize' at characters 20-31"):
        relations_from_json(other, doc._.relations)


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        ("{", "not: "),
        ('{"a": 1}', "expected a list, got dict"),
        ("[1]", "item 0 is not a dict with a text 'label'"),
        ([{"label": "x", "head": {"start": 0}}], "head of item 0"),
        ([{"label": "x", "qualifiers": 3}], "'qualifiers' of item 0"),
    ],
)
def test_restore_from_other_shapes_says_what_is_wrong(data: Any, reason: str) -> None:
    with pytest.raises(InputError, match=reason):
        relations_from_json(spacy.blank("en")(TEXT), data)


def test_score_counts_by_hand() -> None:
    gold, pred = annotated(), annotated()
    wrong_type = {**pred._.relations[1]["tail"], "label": "ORG"}
    extra = {**pred._.relations[0], "label": "born in"}
    pred._.relations = [{**pred._.relations[1], "tail": wrong_type}, extra]
    scores = score_relations([Example(pred, gold)], "relations")
    # gold: award received, born in. Predicted: born in (a wrong type), born in (wrong).
    assert (scores["rel_micro_p"], scores["rel_micro_r"], scores["rel_micro_f"]) == (0.5, 0.5, 0.5)
    assert scores["rel_strict_f"] == 0.0
    assert scores["rel_per_type"]["born in"] == {"p": 0.5, "r": 1.0, "f": pytest.approx(2 / 3)}
    assert scores["rel_per_type"]["award received"]["r"] == 0.0
    assert scores["rel_macro_f"] == pytest.approx(1 / 3)


def test_score_of_a_relation_the_wrong_way_round_is_zero() -> None:
    gold, pred = annotated(), annotated()
    pred._.relations = [{**r, "head": r["tail"], "tail": r["head"]} for r in gold._.relations]
    assert score_relations([Example(pred, gold)], "relations")["rel_micro_f"] == 0.0


def test_score_over_other_tokens_and_white_space_compares_characters() -> None:
    pred = annotated()
    words = [token.text for token in pred]
    gold = Doc(pred.vocab, words=words)  # a space after every word: "1903 ." for "1903."
    assert gold.text != pred.text
    by_tokens = [
        {**r, **{end: _place(gold, r[end]) for end in ("head", "tail")}} for r in pred._.relations
    ]
    gold._.relations = by_tokens
    assert score_relations([Example(pred, gold)], "relations")["rel_strict_f"] == 1.0


def _place(doc: Doc, part: dict[str, Any]) -> dict[str, Any]:
    span = doc[part["start"] : part["end"]]
    return {**part, "start_char": span.start_char, "end_char": span.end_char}


def test_score_passes_over_unannotated_references() -> None:
    pred, bare = annotated(), spacy.blank("en")(TEXT)
    assert set(score_relations([Example(pred, bare)], "relations").values()) == {None}
    gold = annotated()
    both = score_relations([Example(pred, bare), Example(pred, gold)], "relations")
    assert both["rel_micro_p"] == both["rel_macro_f"] == 1.0
    bare._.relations = []
    assert score_relations([Example(pred, bare)], "relations")["rel_micro_p"] == 0.0


def test_score_with_offsets_beyond_the_text_raises() -> None:
    pred, gold = annotated(), annotated()
    gold._.relations[0]["tail"]["end_char"] = 900
    with pytest.raises(InputError, match="got 20-900"):
        score_relations([Example(pred, gold)], "relations")
