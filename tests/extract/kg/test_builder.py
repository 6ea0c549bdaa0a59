from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from extract.errors import InputError
from extract.kg.builder import build_graph, noisy_or
from extract.kg.facts import facts_of
from extract.kg.resolve import ResolutionConfig
from extract.kg.structures import Merge, Value
from tests.extract.kg.texts import document, facts, graph, node

_A = document(
    "a",
    "[Leonard Parker|PER] studied at [Harvard University|ORG] until [1967|TIME].",
    [(0, "educated at", 1, 0.9, [("end time", 2, 0.8)])],
)
_B = document(
    "b",
    "[Leonard Parker|PER] was at [Harvard University|ORG] from [1960|TIME] to [the year 1967|TIME].",
    [
        (
            0,
            "educated at",
            1,
            0.5,
            [("start time", 2, 0.7), ("end time", 3, 0.5), ("end time", 2, 0.1)],
        )
    ],
)


def test_graph_statement_of_two_documents_keeps_both_as_evidence() -> None:
    found = graph(_A, _B)
    (statement,) = found.statements.values()
    assert statement.score == pytest.approx(1 - 0.1 * 0.5)
    assert [fact.document for fact in statement.evidence] == ["a", "b"]
    assert found.label(statement.subject) == "Leonard Parker"
    assert len(node(found, "Leonard Parker").mentions) == 2


def test_graph_qualifiers_are_multi_valued_and_combined() -> None:
    (statement,) = graph(_A, _B).statements.values()
    assert [(q.label, q.value, round(q.score, 6)) for q in statement.qualifiers] == [
        ("end time", Value("1960", "gYear", ""), 0.1),
        ("end time", Value("1967", "gYear", ""), round(1 - 0.2 * 0.5, 6)),
        ("start time", Value("1960", "gYear", ""), 0.7),
    ]


def test_graph_qualifiers_whose_labels_share_an_id_are_one() -> None:
    record = document(
        "a",
        "[Ann Lee|PER], [Acme|ORG], [1967|TIME].",
        [(0, "employer", 1, 0.9, [("start time", 2, 0.5), ("from", 2, 0.8), ("from", 2, 0.2)])],
    )
    first, second, third = record["triples"][0]["qualifiers"]
    first["label_id"] = second["label_id"] = "P580"
    assert "label_id" not in third or third["label_id"] is None
    (statement,) = build_graph([facts_of(record)]).statements.values()
    assert [(q.label, q.label_id, q.score) for q in statement.qualifiers] == [("from", "P580", 0.8)]


def test_graph_value_text_is_the_first_of_all() -> None:
    (statement,) = graph(_A, _B).statements.values()
    (text,) = {q.value.text for q in statement.qualifiers if q.value == Value("1967", "gYear", "")}  # type: ignore[union-attr]
    assert text == "1967"


def test_graph_document_read_twice_counts_once() -> None:
    assert graph(_A, _B, _A) == graph(_A, _B)


def test_graph_fact_twice_at_one_place_counts_with_its_best_score() -> None:
    twice = _A | {"triples": [_A["triples"][0], _A["triples"][0] | {"score": 0.4}]}
    (statement,) = graph(twice).statements.values()
    assert statement.score == pytest.approx(0.9)
    assert len(statement.evidence) == 2


def test_graph_statement_identity_follows_subject_relation_and_object() -> None:
    one = document(
        "a", "[Ann Lee|PER] [Bob Ray|PER] [1967|TIME]", [(0, "knows", 1), (0, "born", 2)]
    )
    other = document(
        "b", "In [1967|TIME], [Bob Ray|PER], [Ann Lee|PER]: [1968|TIME]",
        [(2, "knows", 1), (2, "born", 0), (1, "knows", 2), (2, "born", 3), (2, "met", 1)],
    )  # fmt: skip
    first, second = graph(one), graph(other)
    assert len(first.statements) == 2
    assert len(second.statements) == 5
    assert set(first.statements) < set(second.statements)
    assert set(graph(one, other).statements) == set(second.statements)


def test_graph_keeps_mentions_of_no_fact() -> None:
    found = graph(document("a", "[Oslo|LOC] and [Bergen|LOC] in [1967|TIME]"))
    assert sorted(n.label for n in found.nodes.values()) == ["Bergen", "Oslo"]
    assert found.statements == {}


def test_graph_literal_as_subject_is_a_node() -> None:
    found = graph(document("a", "[1967|TIME] was the year of [Expo 67|MISC]", [(0, "has", 1)]))
    (statement,) = found.statements.values()
    assert found.label(statement.subject) == "1967"


def test_graph_node_is_named_by_its_longest_name() -> None:
    found = graph(
        document("a", "[World Health Organization|ORG] ([WHO|ORG]), [WHO|ORG], [The WHO|ORG]")
    )
    (only,) = found.nodes.values()
    assert (only.label, only.aliases, only.type) == (
        "World Health Organization",
        ("The WHO", "WHO"),
        "ORG",
    )
    assert only.id in only.members
    assert len(only.members) == 2
    assert [m.start for m in only.mentions] == sorted(m.start for m in only.mentions)


def test_graph_node_keeps_its_identifier_when_documents_come() -> None:
    before = node(graph(_A), "Leonard Parker").id
    more = document("c", "[Leonard Parker|PER], [Parker|PER], [Harvard University|ORG]")
    assert node(graph(_A, _B, more), "Leonard Parker").id == before


def test_graph_one_id_with_two_contents_is_refused() -> None:
    with pytest.raises(InputError, match="two documents 'a' that differ"):
        graph(_A, _A | {"model": "other"})


def test_graph_of_nothing_is_empty() -> None:
    assert graph().nodes == {}


@pytest.mark.parametrize(
    "text",
    ['"', "\\", "</script>", "a\x00b", "\n\n", "'; DROP--", "}",
     "\u202eabc", "👩‍👩‍👧", "e\u0301", "\ud800", "x" * 100_000],
)  # fmt: skip
def test_graph_hostile_names_stay_as_they_are(text: str) -> None:
    ends = [
        {"text": text, "start": 0, "end": len(text), "label": "MISC"},
        {"text": "Oslo", "start": len(text) + 1, "end": len(text) + 5, "label": "LOC"},
    ]
    triple = {"subject": ends[0], "relation": text, "object": ends[1], "score": 0.5}
    record = {"id": text, "text": f"{text} Oslo", "entities": ends, "triples": [triple]}
    found = graph(record)
    (statement,) = found.statements.values()
    assert found.label(statement.subject) == statement.relation == text
    assert statement.evidence[0].document == text


def test_noisy_or_known_values() -> None:
    assert noisy_or([]) == 0.0
    assert noisy_or([0.3]) == pytest.approx(0.3)
    assert noisy_or([0.9, 0.5]) == pytest.approx(0.95)
    assert noisy_or([0.2, 1.0]) == 1.0


@settings(deadline=None)
@given(st.lists(st.floats(0, 1), max_size=8), st.floats(0, 1))
def test_noisy_or_grows_with_evidence_whatever_its_order(scores: list[float], more: float) -> None:
    combined = noisy_or(scores)
    assert 0.0 <= combined <= noisy_or([*scores, more]) <= 1.0
    assert noisy_or(scores[::-1]) == combined


_NAMES = [
    "John Smith|PER", "Smith|PER", "World Bank|ORG", "WB|ORG", "1967|TIME", "the year 1967|TIME",
    "World Bank", "Siam|LOC", "twelve|NUM",
]  # fmt: skip


@st.composite
def _documents(draw: st.DrawFn) -> list[dict[str, Any]]:
    found = []
    for id in draw(st.lists(st.sampled_from("abcde"), unique=True, max_size=4)):
        names = draw(st.lists(st.sampled_from(_NAMES), min_size=2, max_size=5))
        end = st.integers(0, len(names) - 1)
        qualifiers = st.lists(
            st.tuples(st.sampled_from(["time", "place"]), end, st.sampled_from([0.3, 0.7])),
            max_size=2,
        )
        triples = draw(
            st.lists(
                st.tuples(
                    end, st.sampled_from(["r", "s"]), end, st.sampled_from([0.2, 0.9]), qualifiers
                ),
                max_size=4,
            )
        )
        found.append(document(id, ", ".join(f"[{name}]" for name in names), triples))
    return found


@settings(deadline=None, max_examples=50)
@given(_documents(), st.data())
def test_graph_order_and_repetition_change_nothing(
    documents: list[dict[str, Any]], data: st.DataObject
) -> None:
    again = data.draw(st.permutations([*documents, *documents[:2]]))
    assert graph(*again) == graph(*documents)


@settings(deadline=None, max_examples=50)
@given(_documents(), st.data())
def test_graph_unmerged_after_merge_is_the_original(
    documents: list[dict[str, Any]], data: st.DataObject
) -> None:
    original = graph(*documents)
    if len(original.nodes) < 2:
        return
    left, right = data.draw(st.permutations(sorted(original.nodes)))[:2]
    same = Merge(left, right, "same", "user", "", 1.0)
    different = Merge(right, left, "different", "user", "", 1.0)
    merged = graph(*documents, verdicts=[same])
    assert len(merged.nodes) < len(original.nodes)
    assert graph(*documents, verdicts=[same, different]) == original
    assert graph(*documents, verdicts=[]) == original


@settings(deadline=None, max_examples=50)
@given(_documents(), st.data())
def test_graph_split_and_joined_again_has_the_same_nodes_and_statements(
    documents: list[dict[str, Any]], data: st.DataObject
) -> None:
    original = graph(*documents)
    joined = [merge for merge in original.merges if merge.verdict == "same"]
    if not joined:
        return
    merge = data.draw(st.sampled_from(joined))
    apart = Merge(merge.left, merge.right, "different", "user", "", 1.0)
    split = graph(*documents, verdicts=[apart])
    assert split.nodes != original.nodes
    back = Merge(merge.left, merge.right, "same", "user", "", 1.0)
    again = graph(*documents, verdicts=[apart, back])
    assert (again.nodes, again.statements) == (original.nodes, original.statements)


@settings(deadline=None, max_examples=50)
@given(_documents())
def test_graph_loses_no_mention_and_no_fact(documents: list[dict[str, Any]]) -> None:
    found = graph(*documents)
    read = facts(*documents)
    kept = {mention for one in found.nodes.values() for mention in one.mentions}
    wanted = {m for one in read for m in one.mentions if m.type not in ("TIME", "NUM")}
    assert wanted <= kept
    assert {f for s in found.statements.values() for f in s.evidence} == {
        f for one in read for f in one.facts
    }
    assert all(s.subject in found.nodes for s in found.statements.values())


def test_graph_without_rules_resolves_by_name_and_type_only() -> None:
    found = build_graph(
        facts(document("a", "[World Bank|ORG] ([WB|ORG])")), resolution=ResolutionConfig(rules=())
    )
    assert len(found.nodes) == 2
    assert found.merges == ()
