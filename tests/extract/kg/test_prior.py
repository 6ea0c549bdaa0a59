"""Counts of relations by types, smoothed, stored, and as a bias."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from extract.errors import InputError
from extract.kg.baselines import count
from extract.kg.indexed import IndexedGraph
from extract.kg.prior import RelationPrior
from extract.schema import EntityType, Relation, Schema
from extract.structures import Entity, Sentence, Span, Token, Triple
from tests.extract.kg.made import families, graph_of, year

SCHEMA = Schema((EntityType("PER"), EntityType("LOC")), (Relation("home"), Relation("spouse")))


def _sentence() -> Sentence:
    """Ann and Bob live in Rome: two of its six ordered pairs are home, from PER to LOC."""
    tokens = (Token("Ann", 0, 3), Token("Bob", 4, 7), Token("Rome", 8, 12))
    ann, bob, rome = (
        Entity(Span(i, i + 1), t.start_char, t.end_char, t.text, label)
        for i, (t, label) in enumerate(zip(tokens, ("PER", "PER", "LOC"), strict=True))
    )
    triples = (Triple(ann, "home", rome), Triple(bob, "home", rome))
    return Sentence(tokens, (ann, bob, rome), triples)


def test_probability_of_sentences_is_by_hand() -> None:
    prior = RelationPrior.of_sentences([_sentence()], strength=1.0)
    assert prior.occasions == {("PER", "PER"): 2, ("PER", "LOC"): 2, ("LOC", "PER"): 2}
    overall = 2.5 / (6 + 0.5 * 2)
    assert prior.overall("home") == pytest.approx(overall)
    assert prior.probability("home", "PER", "LOC") == pytest.approx((2 + overall) / 3)
    assert prior.probability("home", "LOC", "PER") == pytest.approx((0 + overall) / 3)
    assert prior.probability("home", "ORG", "LOC") == pytest.approx(overall)
    assert 0 < prior.probability("spouse", "PER", "PER") < 0.1


def test_probability_of_a_graph_counts_statements_and_datatypes() -> None:
    graph = graph_of(
        ("ann", "home", "rome"),
        ("bob", "born", year(1967)),
        types={"ann": "PER", "bob": "PER", "rome": "LOC"},
    )
    prior = RelationPrior.of_graph(graph)
    assert prior.relations["PER", "gYear"] == {"born": 1}
    assert prior.occasions["PER", "LOC"] == 1
    assert prior.probability("home", "PER", "LOC") > prior.probability("born", "PER", "LOC")


def test_prior_written_and_read_is_the_same(tmp_path: Path) -> None:
    prior = RelationPrior.of_graph(families(3))
    path = tmp_path / "prior.json"
    path.write_text(json.dumps(prior.to_dict()), encoding="utf-8")
    read = RelationPrior.read(path)
    assert read == prior and read.to_dict() == prior.to_dict()


@pytest.mark.parametrize(
    "text", ["", "[]", '{"pairs": []}', '{"source": "", "strength": -1, "pairs": []}',
             '{"source": "", "strength": 1, "pairs": [{"subject": "A"}]}',
             '{"source": "", "strength": 1, "pairs": [{"subject": "A", "object": "B", "occasions": -1, '
             '"relations": {}}]}'],
)  # fmt: skip
def test_file_that_is_no_prior_is_refused_by_name(tmp_path: Path, text: str) -> None:
    path = tmp_path / "prior.json"
    path.write_text(text, encoding="utf-8")
    with pytest.raises(InputError, match=r"prior\.json"):
        RelationPrior.read(path)
    with pytest.raises(InputError, match="Cannot read"):
        RelationPrior.read(tmp_path / "none.json")


def test_bias_is_the_gain_in_log_odds_over_all_types() -> None:
    prior = RelationPrior.of_sentences([_sentence()], strength=1.0)
    terms = prior.bias(SCHEMA, 0.5).terms
    assert terms.shape == (2, 2, 2)

    def log_odds(chance: float) -> float:
        return float(np.log(chance / (1 - chance)))

    gain = log_odds(prior.probability("home", "PER", "LOC")) - log_odds(prior.overall("home"))
    assert terms[0, 0, 1] == pytest.approx(0.5 * gain, rel=1e-4)
    assert terms[1, 0, 0] < 0 < terms[0, 0, 1]
    assert not terms[1, 0, 1]  # no two places in a sentence: nothing known
    assert not terms[:, 1].any()  # spouse was never counted


def test_bias_for_another_schema_is_refused() -> None:
    prior = RelationPrior.of_graph(graph_of(("a", "likes", "b")))
    with pytest.raises(InputError, match="counts relations of the model"):
        prior.bias(SCHEMA, 1.0)


def test_count_scorer_agrees_with_the_prior_and_with_itself() -> None:
    graph = IndexedGraph.of(families(6))
    rows = np.arange(len(graph.triples))
    prior = RelationPrior.of_graph(families(6))
    scorer = count(graph, rows, by_node=False)
    subject, relation, object_ = graph.triples[0]
    types = graph.types[subject], graph.types[object_]
    expected = np.log(prior.probability(graph.relations[relation], *types))
    assert scorer.triples(graph.triples[:1])[0] == pytest.approx(expected)
    for by_node in (False, True):
        scorer = count(graph, rows, by_node=by_node)
        s, r, o = graph.triples[::7].T
        own, at = scorer.triples(graph.triples[::7]), np.arange(len(s))
        # Scores of one query differ from a triple's own by what the query fixes.
        for table, answer in (
            (scorer.objects(s, r), o),
            (scorer.subjects(r, o), s),
            (scorer.relations(s, o), r),
        ):
            swapped = table[at, answer]
            assert swapped.shape == own.shape and np.isfinite(table).all()
        assert np.allclose(scorer.relations(s, o)[at, r], own)
