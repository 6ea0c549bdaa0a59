"""The bundled default model: what the README promises of it, and that no text can break it."""

from __future__ import annotations

import subprocess
import sys

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from extract import Extractor, load
from extract.models.registry import BUNDLED, available

LEONARD = "Leonard Parker received his PhD from Harvard University in 1967."


@pytest.fixture(scope="module")
def extractor() -> Extractor:
    return load("wikidata-small", device="cpu")


def test_readme_sentence_gives_the_fact_with_its_qualifier(extractor: Extractor) -> None:
    document = extractor.extract(LEONARD)
    facts = {(t.subject.text, t.relation, t.object.text): t for t in document.triples}
    triple = facts["Leonard Parker", "educated at", "Harvard University"]
    assert triple.relation_id == "P69"
    assert {(q.label_id, q.value.text) for q in triple.qualifiers} & {
        ("P582", "1967"),
        ("P512", "PhD"),
    }
    assert (triple.subject.label, triple.object.label) == ("PER", "ORG")
    assert triple.sentence == (0, len(LEONARD))


@pytest.mark.parametrize("model", ["wikidata-small", "wikidata-nano"])
def test_extraction_starts_without_what_only_training_needs(model: str) -> None:
    heavy = ("transformers", "scipy", "sympy", "pandas", "torch._dynamo")
    code = (
        "import sys; from extract import load\n"
        f"assert load({model!r}, device='cpu').extract({LEONARD!r}).triples\n"
        f"print(sorted(set({heavy!r}) & set(sys.modules)))"
    )
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert run.stdout == "[]\n"


def test_labels_have_wikidata_identifiers(extractor: Extractor) -> None:
    schema = extractor.schema
    assert schema.entity_names == ["LOC", "MISC", "NUM", "ORG", "PER", "TIME"]
    for item in (*schema.relations, *schema.qualifiers):
        assert item.id is not None and item.id[0] == "P" and item.id[1:].isdigit(), item


@settings(max_examples=2000, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(
    st.one_of(
        st.text(max_size=120),
        st.text(st.characters(categories=["L", "M", "N", "P", "Z", "C"]), max_size=120),
        st.lists(
            st.sampled_from([*LEONARD.split(), "\x00", "\u202e", "é", "e\u0301", "👩‍👩‍👧", "東京"])
        ).map(" ".join),
    )
)
def test_any_text_keeps_every_offset_exact(extractor: Extractor, text: str) -> None:
    document = extractor.extract(text)
    assert document.text == text
    for triple in document.triples:
        ends = [triple.subject, triple.object, *(q.value for q in triple.qualifiers)]
        for entity in ends:
            assert text[entity.start_char : entity.end_char] == entity.text
    for entity in document.entities:
        assert text[entity.start_char : entity.end_char] == entity.text
        assert 0 <= entity.score <= 1


@pytest.mark.parametrize(("name", "most"), [("wikidata-small", 40e6), ("wikidata-nano", 15e6)])
def test_bundled_models_are_small_and_data_only(name: str, most: float) -> None:
    assert name in [info.name for info in available()]
    files = [path for path in (BUNDLED / name).rglob("*") if path.is_file()]
    assert {path.name for path in files} == {
        "MODEL_CARD.md",
        "config.json",
        "model.safetensors",
        "recipe.toml",
        "schema.json",
    }
    assert sum(path.stat().st_size for path in files) < most


def test_the_smaller_model_finds_the_same_fact() -> None:
    [triple] = load("wikidata-nano", device="cpu").extract(LEONARD).triples
    assert (triple.subject.text, triple.relation_id, triple.object.text) == (
        "Leonard Parker",
        "P69",
        "Harvard University",
    )
    assert {q.value.text for q in triple.qualifiers} == {"PhD", "1967"}
