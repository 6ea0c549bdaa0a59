"""The benchmark of pair filters, with filters that are known to help, to harm or to do nothing."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

import corpora
from benchmarks import pair_filter
from extract.decode.candidates import Candidates
from extract.decode.decoder import Decoder
from extract.pipeline import Extractor, load
from extract.structures import Sentence
from tests.extract.decode.cases import candidates_of


@pytest.fixture
def gold(facts_file: Path) -> list[Sentence]:
    return [example.sentence for example in corpora.read("hyperred", facts_file)["file"]]


class Judge:
    """Stands in for a pair filter's extractor: it knows the gold pairs, or takes all as unrelated."""

    def __init__(self, knows: bool) -> None:
        self.knows = knows
        self._predictor: Any = self
        self.model = SimpleNamespace(
            settings=SimpleNamespace(head=SimpleNamespace(triple_floor=-4.0))
        )

    def candidates(self, gold: list[Sentence], given: list[list[Any]]) -> list[Candidates]:
        found = []
        for sentence, spans in zip(gold, given, strict=True):
            row_of = {span: row for row, span in enumerate(spans)}
            ends = [(t.subject.span, t.object.span) for t in sentence.triples]
            keys = [((s.start_word, s.end_word), (o.start_word, o.end_word)) for s, o in ends]
            triples = [
                (row_of[s], 0, row_of[o], 5.0) for s, o in dict.fromkeys(keys) if s in row_of
            ]
            rows = [(*span, (0.0,)) for span in spans]
            found.append(candidates_of(rows, triples if self.knows else [], n_types=1))
        return found


def test_filter_that_knows_the_pairs_takes_false_triples_out(
    tiny_model: Path, gold: list[Sentence]
) -> None:
    model = load(tiny_model, device="cpu")
    loose = lenient(model)
    helped = pair_filter.filtered(gold, loose, Judge(knows=True), "boundary")  # type: ignore[arg-type]
    assert helped["sentences"] == len(gold)
    assert helped["without"]["n_pred"] > helped["with"]["n_pred"]
    assert helped["with"]["n_correct"] == helped["without"]["n_correct"]
    assert helped["with"]["f1"] > helped["without"]["f1"]


def test_filter_that_knows_nothing_is_tuned_to_do_nothing(
    tiny_model: Path, gold: list[Sentence]
) -> None:
    model = load(tiny_model, device="cpu")
    result = pair_filter.filtered(gold, model, Judge(knows=False), "boundary")  # type: ignore[arg-type]
    assert result["with"] == result["without"]
    assert result["filters"] == [{"weight": 0.0, "threshold": -np.inf}] * 2


def lenient(model: Extractor) -> Extractor:
    """The model with a decoder that lets false triples through."""
    decoder: Decoder = replace(model._decoder, thresholds=(0.5, 0.0, 0.5))
    return Extractor(model._predictor, decoder, name="loose", version="1")


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
