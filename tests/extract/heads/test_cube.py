"""The cube over spans: each triple with each value, whatever else is scored beside it."""

import torch

from extract.encoder.pooling import span_membership
from extract.heads.cube import QualifierCube

HIDDEN, WORDS = 12, 9


def cube() -> QualifierCube:
    torch.manual_seed(3)
    made = QualifierCube(HIDDEN, 4, 3, width=8, dropout=0.5, n_words=0, floor=-99.0).eval()
    with torch.no_grad():
        made.by_relation.weight.normal_()
    return made


def test_triples_that_share_ends_score_as_each_does_alone() -> None:
    of, states = cube(), torch.randn(2, WORDS, HIDDEN)
    spans = torch.tensor([[[0, 2], [3, 4], [6, 9], [1, 2]], [[5, 6], [0, 1], [2, 4], [0, 0]]])
    real = spans[..., 1] > 0
    member = span_membership(spans, WORDS, states.dtype)
    triples = torch.tensor(
        # The first two share both ends, all of the first window their object.
        [[0, 0, 1, 2], [0, 0, 3, 2], [0, 1, 0, 2], [1, 0, 1, 1], [1, 1, 1, 0], [1, 0, 2, 1]]
    )
    found, scores = of.scored(states, spans, member, real, triples)
    assert len(found) == 3 * (3 * 4 + 3 * 3)  # every label, every real value
    for row, triple in enumerate(triples):
        window = slice(int(triple[0]), int(triple[0]) + 1)
        alone = triple.clone()
        alone[0] = 0
        parts = (states[window], spans[window], member[window], real[window])
        own, expected = of.scored(*parts, alone.unsqueeze(0))
        mine = found[:, 0] == row
        assert torch.equal(found[mine][:, 1:], own[:, 1:])
        torch.testing.assert_close(scores[mine], expected)


def test_words_of_no_span_and_of_nothing_between_are_not_read() -> None:
    of, states = cube(), torch.randn(1, WORDS, HIDDEN)
    spans = torch.tensor([[[1, 2], [2, 4], [5, 6]]])
    member = span_membership(spans, WORDS, states.dtype)
    parts = (spans, member, torch.ones(1, 3, dtype=torch.bool), torch.tensor([[0, 0, 1, 1]]))
    _, before = of.scored(states, *parts)
    states[:, [0, 6, 7, 8]] += 5
    _, after = of.scored(states, *parts)
    torch.testing.assert_close(before, after)
    states[:, 4] += 50  # between the object and a value
    assert not torch.equal(of.scored(states, *parts)[1], after)
