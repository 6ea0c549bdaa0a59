"""What a pair filter does for a model's triples: F1 with and without it, cross-fitted on a corpus.

    python -m benchmarks.pair_filter runs/conll04-minilm-13 runs/conll04-pair_filter-13 \
        --corpus conll04 --out benchmarks/results/conll04-pair_filter.json

The filter scores the pairs of the spans that the model finds. Its weight and threshold are tuned on each half
of the split and applied to the other, so that no sentence is scored by a filter that it has helped to tune.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from extract.decode.candidates import Candidates
from extract.decode.pair_filter import PairFilter
from extract.evaluation.metrics import Score, relation_score
from extract.interfaces.cli.gold import read_gold
from extract.pipeline import Extractor, load
from extract.structures import Sentence
from extract.training.finish import bare
from extract.training.tune_filter import tune_pair_filter
from extract.versions import environment


def main(arguments: Sequence[str] | None = None) -> None:
    """Parse the arguments, score both ways, write the figures."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("model", help="whose triples are filtered")
    parser.add_argument("filter", help="a model of the head pair_filter")
    parser.add_argument("--corpus", required=True)
    parser.add_argument("--split", default="dev")
    parser.add_argument("--file", type=Path, default=None, help="instead of a split")
    parser.add_argument("--dev", type=int, default=None, help="documents cut from train as dev")
    parser.add_argument("--seed", type=int, default=0, help="of that cut")
    parser.add_argument("--matching", choices=("strict", "boundary"), default="strict")
    parser.add_argument("--threads", type=int, default=None)
    parser.add_argument("--out", type=Path, required=True)
    given = parser.parse_args(arguments)
    examples = read_gold(given.corpus, given.split, given.file, None, given.dev, given.seed)
    model = load(given.model, threads=given.threads)
    judge = load(given.filter, threads=given.threads)
    gold = [example.sentence for example in examples]
    result = {
        "model": model.full_name,
        "filter": judge.full_name,
        "corpus": given.corpus,
        "data": str(given.file or given.split),
        "matching": given.matching,
        **filtered(gold, model, judge, given.matching),
        "environment": environment(),
    }
    given.out.write_text(json.dumps(result, indent=1) + "\n", encoding="utf-8")
    print(json.dumps({key: result[key] for key in ("without", "with", "filters")}, indent=1))


def filtered(
    gold: Sequence[Sentence], model: Extractor, judge: Extractor, matching: Any
) -> dict[str, Any]:
    """Scores of the model's triples without and with the filter, and the filters that were tuned."""
    found = model._predictor.candidates(gold)
    spans = [[(s, e) for s, e in one.spans.tolist()] for one in found]
    related = judge._predictor.candidates(gold, given=spans)
    missing = judge._predictor.model.settings.head.triple_floor

    def decoded(rows: Sequence[int], chosen: PairFilter) -> tuple[list[Sentence], list[Sentence]]:
        candidates: list[Candidates] = [chosen.apply(found[i], related[i]) for i in rows]
        pred = [
            model._decoder.decode(None, bare(gold[i]), one)
            for i, one in zip(rows, candidates, strict=True)
        ]
        return [gold[i] for i in rows], pred

    def score(rows: Sequence[int], chosen: PairFilter) -> Score:
        return relation_score(*decoded(rows, chosen), matching)

    halves = [range(start, len(gold), 2) for start in (0, 1)]
    tuned = []
    with_filter = Score()
    for own, other in (halves, halves[::-1]):
        chosen = tune_pair_filter(lambda trial, own=own: score(own, trial).f1, missing)  # type: ignore[misc]
        lowest = chosen.threshold if np.isfinite(chosen.threshold) else None
        tuned.append({"weight": chosen.weight, "threshold": lowest})
        with_filter += score(other, chosen)
    return {
        "sentences": len(gold),
        "without": score(range(len(gold)), PairFilter(missing=missing)).to_dict(),
        "with": with_filter.to_dict(),
        "filters": tuned,
    }


if __name__ == "__main__":
    main()
