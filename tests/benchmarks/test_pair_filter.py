"""The benchmark of pair filters, with filters that are known to help, to harm or to do nothing."""

from __future__ import annotations

import json
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

import corpora
from benchmarks import pair_filter
from extract.decode.candidates import Candidates
from extract.decode.decoder import Decoder
from extract.predict import spans_of
from extract.schema import Schema
from extract.structures import Sentence
from tests.extract.decode.cases import candidates_of


@pytest.fixture
def gold(facts_file: Path) -> list[Sentence]:
    return [example.sentence for example in corpora.read("hyperred", facts_file)["file"]]


class Stub:
    """Stands in for an extractor: it knows all gold spans, and the triples it is told to give."""

    def __init__(
        self, gold: list[Sentence], triples: list[list[tuple[int, int, int, float]]]
    ) -> None:
        schema = Schema.infer(gold)
        self.found = [
            candidates_of([(*span, (5.0,)) for span in spans], rows, n_types=1)
            for spans, rows in zip(spans_of(gold), triples, strict=True)
        ]
        self._decoder = Decoder(schema, nested=True)
        head = SimpleNamespace(triple_floor=-4.0)
        model = SimpleNamespace(settings=SimpleNamespace(head=head))
        self._predictor = SimpleNamespace(candidates=self.candidates, model=model)

    def candidates(self, gold: Any, given: Any = None) -> list[Candidates]:
        assert given is None or given == spans_of(
            gold
        )  # the filter is asked about the model's spans
        return self.found


def gold_rows(sentences: list[Sentence], score: float) -> list[list[tuple[int, int, int, float]]]:
    names = Schema.infer(sentences).relation_names
    return [
        [
            (
                sentence.entities.index(t.subject),
                names.index(t.relation),
                sentence.entities.index(t.object),
                score,
            )
            for t in sentence.triples
        ]
        for sentence in sentences
    ]


def confused(gold: list[Sentence]) -> Stub:
    """A model that gives each gold triple and, with a higher score, one between two other spans."""
    rows = gold_rows(gold, 1.0)
    for sentence, own in zip(gold, rows, strict=True):
        ends = {(s, o) for s, _, o, _ in own}
        n_spans = len(sentence.entities)
        free = [(s, o) for s in range(n_spans) for o in range(n_spans) if s != o]
        own += [(s, 0, o, 2.0) for s, o in free if (s, o) not in ends][:1]
    return Stub(gold, rows)


def test_filter_that_knows_the_pairs_takes_false_triples_out(gold: list[Sentence]) -> None:
    judge = Stub(gold, gold_rows(gold, 5.0))
    result = pair_filter.filtered(gold, confused(gold), judge, "boundary")  # type: ignore[arg-type]
    assert result["sentences"] == len(gold)
    assert result["without"]["n_correct"] == result["with"]["n_correct"] == 19
    assert result["without"]["n_pred"] > 19
    assert result["with"]["f1"] == 1.0
    # A pair without a score counts as -4: half of that takes a triple of 2 down to even odds.
    assert result["filters"] == [{"weight": 0.5, "threshold": None}] * 2


def test_filter_that_knows_nothing_is_tuned_to_do_nothing(gold: list[Sentence]) -> None:
    judge = Stub(gold, [[] for _ in gold])
    result = pair_filter.filtered(gold, confused(gold), judge, "boundary")  # type: ignore[arg-type]
    assert result["with"] == result["without"]
    assert result["filters"] == [{"weight": 0.0, "threshold": None}] * 2


def test_command_writes_what_it_compared(
    tiny_model: Path, facts_file: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "filter.json"
    words = [tiny_model, tiny_model, "--corpus", "hyperred", "--file", facts_file, "--out", out]
    pair_filter.main([str(word) for word in words])
    result = json.loads(out.read_text(encoding="utf-8"))
    assert (result["model"], result["corpus"], result["matching"]) == (
        "tiny 1.0.0",
        "hyperred",
        "strict",
    )
    assert result["with"] == result["without"]  # it knows the corpus by heart
    assert json.loads(capsys.readouterr().out)["with"] == result["with"]
