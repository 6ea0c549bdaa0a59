"""What probes are to tell, on sentences annotated by hand."""

from __future__ import annotations

from extract.layers.gold import gold_of, word_tags
from tests.extract.cases import sentence_of

FIRST = sentence_of("a b c d", [(0, 2, "PER"), (3, 4, "LOC")], [(0, "lives", 1, [])])
SECOND = sentence_of(
    "e f g", [(2, 3, "ORG"), (0, 3, "LOC"), (0, 3, "PER")], [(1, "has", 0, []), (1, "owns", 0, [])]
)


def test_word_tags_of_nested_and_adjacent_entities() -> None:
    assert word_tags(FIRST) == ["B", "I", "O", "B"]
    nested = sentence_of("a b c d e", [(0, 4, "X"), (1, 2, "Y"), (4, 5, "X")])
    assert word_tags(nested) == ["B", "B", "I", "I", "B"]


def test_gold_counts_words_over_the_part_and_keeps_the_first_label() -> None:
    gold = gold_of([FIRST, SECOND])
    assert gold.words.rows.tolist() == list(range(7))
    assert gold.words.labels.tolist() == list("BIOB") + list("BIB")
    assert gold.words.sentences.tolist() == [0] * 4 + [1] * 3
    assert gold.spans.rows.tolist() == [[0, 2], [3, 4], [4, 7], [6, 7]]
    assert gold.spans.labels.tolist() == ["PER", "LOC", "LOC", "ORG"]
    assert gold.spans.sentences.tolist() == [0, 0, 1, 1]


def test_gold_pairs_are_all_ordered_pairs_of_a_sentence() -> None:
    gold = gold_of([FIRST, SECOND])
    assert gold.pairs.rows.tolist() == [[0, 1], [1, 0], [2, 3], [3, 2]]
    assert gold.pairs.labels.tolist() == ["lives", "none", "has", "none"]
    assert gold.pairs.sentences.tolist() == [0, 0, 1, 1]
    assert gold.n_further_relations == 1  # "owns"


def test_gold_of_sentences_without_entities_is_empty_but_for_words() -> None:
    gold = gold_of([sentence_of("a b")])
    assert gold.words.labels.tolist() == ["O", "O"]
    assert gold.spans.rows.shape == gold.pairs.rows.shape == (0, 2)
