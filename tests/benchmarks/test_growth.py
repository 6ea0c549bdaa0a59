"""Benchmarks of growth, latency and relations, as they are typed, on a tiny model."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest
import torch

import corpora
from benchmarks import networks
from benchmarks.growth import growth
from benchmarks.latency import of_length
from benchmarks.measured import in_process, percentile
from benchmarks.relations import by_frequency, take, with_relations
from extract import load
from extract.documents import sentences_of
from extract.encoder.sentences import split_sentences


@pytest.fixture(scope="module")
def texts(facts_file: Path) -> list[str]:
    return [e.text for e in corpora.read("hyperred", facts_file)["file"]]


def test_growth_compares_first_last_most_and_least() -> None:
    sizes = [
        {"us_a_word": a, "cpu_us_a_word": b, "peak_mib": c}
        for a, b, c in ((4.0, 5.0, 100.0), (8.0, 2.0, 100.0), (6.0, 10.0, 150.0))
    ]
    found = growth(sizes)
    assert found["us_a_word:last_by_first"] == 1.5 and found["us_a_word:most_by_least"] == 2
    assert found["cpu_us_a_word:last_by_first"] == 2 and found["cpu_us_a_word:most_by_least"] == 5
    assert found["peak_mib:last_by_first"] == 1.5


@pytest.mark.parametrize(("share", "expected"), [(0.5, 2), (0.99, 4), (0.25, 1), (0.26, 2), (1, 4)])
def test_percentile_is_the_least_value_that_covers_the_share(share: float, expected: int) -> None:
    assert percentile([4, 1, 3, 2], share) == expected


@pytest.mark.parametrize("length", [1, 10, 37])
def test_texts_of_a_length_are_one_sentence_of_it(texts: list[str], length: int) -> None:
    found = of_length(texts, length, 5)
    assert 0 < len(found) <= 5
    assert [[len(s) for s in split_sentences(text)] for text in found] == [[length]] * len(found)


def test_growth_goes_on_where_it_stopped(
    texts: list[str], tiny_model: Path, tmp_path: Path
) -> None:
    lines, out = tmp_path / "texts.txt", tmp_path / "growth.json"
    lines.write_text("\n".join(texts))
    argv = ["--model", str(tiny_model), "--texts", str(lines), "--out", str(out)]
    argv += ["--least-bytes", "500", "--sentences", "--bytes", "300"]
    subprocess.run([sys.executable, "-m", "benchmarks.growth", *argv], check=True)
    first = json.loads(out.read_text())
    assert first["document:300"]["documents"] == 2 and first["document:300"]["triples"] > 0
    assert first["document:300"]["words"] > 80
    first["document:300"]["seconds"] = -1.0  # a mark: what is there is kept
    out.write_text(json.dumps(first))
    argv[-1:] = ["300", "600"]
    subprocess.run([sys.executable, "-m", "benchmarks.growth", *argv], check=True)
    second = json.loads(out.read_text())
    assert second["document:300"]["seconds"] == -1.0 and "growth:document" in second
    refused = subprocess.run(
        [sys.executable, "-m", "benchmarks.growth", *argv, "--seed", "1"],
        capture_output=True,
        text=True,
    )
    assert refused.returncode == 1
    assert refused.stderr.count("\n") == 1 and "Give another file" in refused.stderr


def test_stream_says_memory_on_the_way(texts: list[str], tiny_model: Path, tmp_path: Path) -> None:
    lines = tmp_path / "texts.txt"
    lines.write_text("\n".join(texts))
    argv = ["--model", str(tiny_model), "--texts", str(lines), "--one", "sentences:30"]
    found = in_process("benchmarks.growth", argv)
    assert len(found["rss_mib_at_each_tenth"]) == 10
    assert max(found["rss_mib_at_each_tenth"]) <= found["peak_mib"]


def test_relations_named_again_are_found_again(texts: list[str], tiny_model: Path) -> None:
    extractor = load(tiny_model, device="cpu")
    places = by_frequency(extractor, texts)
    n = len(places)
    assert sorted(places) == list(range(n))
    assert take(places, n - 1) == places[:-1]
    assert take(places, n + 2)[n:] == places[n // 2 :][:2]
    twice = with_relations(extractor, [*range(n), *range(n)])
    assert len(twice.schema.relations) == 2 * n
    facts = " ".join(texts)
    own = list(sentences_of(facts, "x", context=False))
    for one, two in zip(
        extractor._predictor.candidates(own), twice._predictor.candidates(own), strict=True
    ):
        scores = dict(
            zip(map(tuple, one.triples.tolist()), one.triple_scores.tolist(), strict=True)
        )
        again = zip(two.triples.tolist(), two.triple_scores.tolist(), strict=True)
        for (subject, relation, object_), score in again:
            assert score == pytest.approx(scores[subject, relation % n, object_], abs=1e-4)
        assert len(two.triples) == 2 * len(one.triples)
    few = with_relations(extractor, places[:1])
    name = extractor.schema.relations[places[0]].name
    found = {t.relation for d in few.extract(texts) for t in d.triples}
    assert found == {name}
    assert extractor.schema.relation_names != few.schema.relation_names


def test_networks_have_the_published_sizes() -> None:
    with torch.device("meta"):
        sizes = [
            sum(p.numel() for p in m().parameters()) for m in (networks.deberta, networks.bart)
        ]
    assert [round(n / 1e6) for n in sizes] == [184, 406]
