"""Facts as JSON and back."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from extract.kg.codec import from_json, to_json
from extract.kg.structures import DocumentFacts, Fact, FactQualifier, Mention
from tests.extract.kg.graphs import documents

TEXT = st.text(st.characters(), max_size=20)  # lone surrogates too
TYPE = st.none() | TEXT
SCORE = st.floats(0, 1, allow_nan=False)


@st.composite
def any_facts(draw: st.DrawFn) -> DocumentFacts:
    document = draw(TEXT)
    mention = st.builds(Mention, st.just(document), st.integers(0), st.integers(0), TEXT, TYPE)
    qualifier = st.builds(FactQualifier, TEXT, TYPE, mention, SCORE)
    fact = st.builds(
        *(Fact, mention, TEXT, TYPE, mention, st.lists(qualifier, max_size=2).map(tuple), SCORE),
        *(st.tuples(st.integers(0), st.integers(0)), TEXT, TEXT),
    )
    mentions, facts = (draw(st.lists(each, max_size=3).map(tuple)) for each in (mention, fact))
    return DocumentFacts(document, draw(TEXT), draw(TEXT), mentions, facts)


@given(any_facts())
def test_facts_come_back_as_they_were_from_one_line(facts: DocumentFacts) -> None:
    line = to_json(facts)
    assert "\n" not in line and line.isascii()
    assert from_json(line) == facts


def test_scores_come_back_though_left_out_of_equality() -> None:
    for one in documents():
        again = from_json(to_json(one))
        assert [f.score for f in again.facts] == [f.score for f in one.facts]
