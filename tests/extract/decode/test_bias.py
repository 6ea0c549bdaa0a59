"""What types add to a triple's score."""

from __future__ import annotations

import numpy as np
import pytest

from extract.decode.bias import RelationBias
from extract.decode.candidates import Candidates
from extract.decode.decoder import Decoder
from tests.extract.decode.test_decoder import FOUND, SCHEMA, SENTENCE, TEXT

_TYPES, _RELATIONS = len(SCHEMA.entity_names), len(SCHEMA.relation_names)


def _terms() -> np.ndarray:
    return np.random.default_rng(0).normal(size=(_TYPES, _RELATIONS, _TYPES)).astype(np.float32)


def test_bias_is_the_mean_over_the_types_of_both_ends() -> None:
    terms = _terms()
    found = RelationBias(terms).apply(FOUND)
    for row, (subject, relation, object_) in enumerate(FOUND.triples.tolist()):
        added = 0.0
        odds = [np.exp(FOUND.entity_scores[end].astype(float)) for end in (subject, object_)]
        for s in range(_TYPES):
            for o in range(_TYPES):
                chance = odds[0][s] / odds[0].sum() * odds[1][o] / odds[1].sum()
                added += chance * terms[s, relation, o]
        assert found.triple_scores[row] == pytest.approx(FOUND.triple_scores[row] + added, abs=1e-5)
    assert np.array_equal(found.entity_scores, FOUND.entity_scores)


def test_bias_of_no_candidates_is_none() -> None:
    empty = Candidates.empty(_TYPES)
    assert RelationBias(_terms()).apply(empty) is empty


def test_decoder_drops_a_triple_that_its_bias_speaks_against() -> None:
    assert len(Decoder(SCHEMA).decode(TEXT, SENTENCE, FOUND).triples) == 1
    against = RelationBias(np.full((_TYPES, _RELATIONS, _TYPES), -9.0, np.float32))
    assert not Decoder(SCHEMA, bias=against).decode(TEXT, SENTENCE, FOUND).triples
    nothing = RelationBias(np.zeros((_TYPES, _RELATIONS, _TYPES), np.float32))
    plain = Decoder(SCHEMA).decode(TEXT, SENTENCE, FOUND)
    assert Decoder(SCHEMA, bias=nothing).decode(TEXT, SENTENCE, FOUND) == plain
