"""Whether an export says what PyTorch says: probabilities of candidates, and F1 on a dev part."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, cast

import numpy as np

from extract.decode.candidates import Candidates
from extract.errors import ModelError
from extract.runtime.onnx_folder import Closeness, DevScore, F1Pair, Precision
from extract.structures import Sentence

if TYPE_CHECKING:
    from corpora import Example
    from extract.evaluation.score import Score
    from extract.pipeline import Extractor
    from extract.predict import Predictor

# Probabilities may differ by so much: at most, and on average.
BOUNDS: dict[Precision, tuple[float, float]] = {"fp32": (0.001, 0.00001), "int8": (0.25, 0.01)}
_BELOW = 2.0  # log-odds; an 8-bit export moves scores by tenths
F1_BOUND = 0.3  # points of dev F1 below PyTorch

_Key = tuple[Any, ...]


def closeness(ours: Extractor, theirs: Extractor, sentences: Sequence[Sentence]) -> Closeness:
    """Compare the calibrated probabilities of all candidates that either of two extractors has.

    What only one of them has counts as 0 for the other: it fell below the floor for candidates. Floors are
    lower here than the model's, so that what is just above one on this side and just below it on that is
    compared.
    """
    found = []
    for extractor in (ours, theirs):
        with _lower_floors(extractor):
            streamed = extractor._predictor.stream(sentences)
            found.append([dict(_probabilities(extractor, c)) for _, c in streamed])
    gaps = [
        abs(left.get(key, 0.0) - right.get(key, 0.0))
        for left, right in zip(*found, strict=True)
        for key in left.keys() | right.keys()
    ]
    if not gaps:
        raise ModelError(
            "The model finds no candidates in the sample sentences, so that an export cannot be "
            "checked. Lower its head's floors, or train it."
        )
    return Closeness(n=len(gaps), largest=max(gaps), mean=float(np.mean(gaps)))


@contextmanager
def _lower_floors(extractor: Extractor) -> Iterator[None]:
    """The head's floors for candidates, lower by `_BELOW` meanwhile."""
    head = cast("Predictor", extractor._predictor).model.head
    before = head.config
    names = [name for name in ("span_floor", "triple_floor") if hasattr(before, name)]
    head.config = before.model_copy(update={n: getattr(before, n) - _BELOW for n in names})
    try:
        yield
    finally:
        head.config = before


def _probabilities(extractor: Extractor, candidates: Candidates) -> Iterator[tuple[_Key, float]]:
    """Each candidate's probability, by its spans and labels."""
    scored = extractor._decoder.calibration.apply(candidates)
    spans = [tuple(span) for span in scored.spans.tolist()]
    for span, scores in zip(spans, _sigmoid(scored.entity_scores), strict=True):
        for label, score in enumerate(scores.tolist()):
            yield ("entity", span, label), score
    triples = [
        ("triple", spans[subject], relation, spans[object_])
        for subject, relation, object_ in scored.triples.tolist()
    ]
    yield from zip(triples, _sigmoid(scored.triple_scores).tolist(), strict=True)
    for (row, label, value), score in zip(
        scored.qualifiers.tolist(), _sigmoid(scored.qualifier_scores).tolist(), strict=True
    ):
        yield (*triples[row], label, spans[value]), score


def _sigmoid(scores: Any) -> Any:
    return 1 / (1 + np.exp(-scores.astype(np.float64)))


def dev_score(
    torch_: Extractor, onnx: Extractor, corpus: str, examples: Sequence[Example]
) -> DevScore:
    """F1 of both: of triples, strict where gold has entity types that the model knows, else by boundaries;
    and of quintuplets where gold triples have qualifiers."""
    gold = [example.sentence for example in examples]
    known = set(torch_.schema.entity_names)
    types = {entity.label for sentence in gold for entity in sentence.entities}
    typed = len(types) > 1 and bool(types & known)  # a corpus without types gives all entities one
    qualified = any(triple.qualifiers for sentence in gold for triple in sentence.triples)
    ours, theirs = (_f1(extractor, gold, typed, qualified) for extractor in (torch_, onnx))
    pairs = {metric: F1Pair(torch=ours[metric], onnx=theirs[metric]) for metric in ours}
    return DevScore(corpus=corpus, n_sentences=len(gold), f1=pairs)


def _f1(
    extractor: Extractor, gold: Sequence[Sentence], typed: bool, qualified: bool
) -> dict[str, float]:
    from extract.evaluation.relations import Matching, hyper_score, relation_score

    pred = list(extractor.predict(gold, entities=extractor.entities))
    matching: Matching = "strict" if typed else "boundary"
    scores: dict[str, Score] = {matching: relation_score(gold, pred, matching)}
    if qualified:
        scores["quintuplet"] = hyper_score(gold, pred)
    return {metric: round(100 * score.f1, 3) for metric, score in scores.items()}


def check(precision: Precision, close: Closeness, dev: DevScore | None) -> None:
    """Raise `ModelError` if an export is not close enough to PyTorch."""
    largest, mean = BOUNDS[precision]
    if close.largest > largest or close.mean > mean:
        raise ModelError(
            f"The {precision} export differs from PyTorch: probabilities by up to {close.largest:.4f} "
            f"and {close.mean:.5f} on average, expected at most {largest} and {mean}. "
            + ("Export fp32 instead." if precision == "int8" else "Nothing was written.")
        )
    fallen = {} if dev is None else {m: f1 for m, f1 in dev.f1.items() if f1.lost > F1_BOUND}
    if dev is not None and fallen:
        losses = " and ".join(
            f"{f1.lost:.2f} points of {metric} F1 ({f1.torch:.2f} to {f1.onnx:.2f})"
            for metric, f1 in fallen.items()
        )
        raise ModelError(
            f"The {precision} export loses {losses} on {dev.n_sentences} sentences of {dev.corpus}, "
            f"expected at most {F1_BOUND} of each. "
            + ("Export fp32 instead." if precision == "int8" else "Nothing was written.")
        )
