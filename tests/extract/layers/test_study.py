"""The study as a function: parts that cannot be studied, draws, labels left out."""

from __future__ import annotations

from pathlib import Path

import pytest

from extract.errors import CorpusError
from extract.layers.studied import StudiedEncoder, load_studied
from extract.layers.study import study
from extract.structures import Sentence
from tests.extract.cases import sentence_of

ROWS = [
    sentence_of("Ada met Tom", [(0, 1, "PER"), (2, 3, "PER")], [(0, "met", 1, [])]),
    sentence_of("Paris has Ada", [(0, 1, "LOC"), (2, 3, "PER")], [(1, "in", 0, [])]),
]


@pytest.fixture(scope="module")
def studied(tiny_encoder: Path) -> StudiedEncoder:
    return load_studied(str(tiny_encoder))


@pytest.mark.parametrize("empty", [[], [Sentence(()), Sentence(())]])
def test_part_without_words_is_refused(studied: StudiedEncoder, empty: list[Sentence]) -> None:
    with pytest.raises(CorpusError, match=rf"The dev part .* has {len(empty)} sentences and not"):
        study(studied, ROWS, empty, corpus="c")


def test_sentence_without_words_changes_nothing(studied: StudiedEncoder) -> None:
    plain = study(studied, ROWS * 4, ROWS * 2, corpus="c").to_dict()
    holes = study(studied, [Sentence(()), *ROWS * 4], [*ROWS * 2, Sentence(())], corpus="c")
    assert holes.to_dict()["layers"] == plain["layers"]
    assert holes.dev.sentences == 4


def test_labels_of_dev_alone_are_left_out_and_counted(studied: StudiedEncoder) -> None:
    new = sentence_of("Acme owns Paris", [(0, 1, "ORG"), (2, 3, "LOC")], [(0, "owns", 1, [])])
    found = study(studied, ROWS * 4, [*ROWS, new], corpus="c")
    assert (found.dev.spans, found.dev.left_out_spans) == (6, 1)
    assert (found.dev.pairs, found.dev.left_out_pairs) == (6, 1)
    assert found.rows[0].type is not None
    assert found.rows[0].type.micro.n_gold == 5
    assert found.rows[0].relation.micro.n_gold == 2
    assert (found.train.left_out_spans, found.train.left_out_pairs) == (0, 0)


def test_one_label_is_nothing_to_tell_apart(studied: StudiedEncoder) -> None:
    whole = sentence_of("Ada Paris", [(0, 1, "PER"), (1, 2, "LOC")], [(0, "in", 1, [])])
    with pytest.raises(CorpusError, match=r"at least two labels .* got 1 \(B\)"):
        study(studied, [whole] * 3, ROWS, corpus="c")


def test_draw_is_made_by_the_seed(studied: StudiedEncoder) -> None:
    def drawn(seed: int) -> object:
        return study(studied, rows, rows, corpus="c", most_sentences=9, seed=seed).to_dict()["data"]

    rows = []
    for length in range(20):  # the number of words tells which sentences were drawn
        text = "Ada met Tom" + " again" * length
        ends = [(0, 1, "PER"), (2, 3, "LOC" if length % 2 else "PER")]
        rows.append(sentence_of(text, ends, [(0, "met", 1, [])]))
    assert len({str(drawn(seed)) for seed in range(4)}) == 4
    assert drawn(1) == drawn(1)
