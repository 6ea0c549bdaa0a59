"""Entity resolution on the gold mentions of Re-DocRED, against its clusters, by rule and by threshold.

    python -m benchmarks.graph_resolution --out benchmarks/results/graph-resolution.json

Mentions of persons, organisations, places and the rest are resolved over all documents at once, as in a
graph, and compared with the clusters within each document, as Re-DocRED does not cluster across documents.
Dates and numbers are literals and left out. Thresholds are chosen on one half of the documents and measured
on the other.
"""

from __future__ import annotations

import argparse
import json
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from importlib.metadata import version
from pathlib import Path
from typing import Any

from corpora import locate
from corpora.re_docred import ClusteredDocument, ReDocRed
from corpora.wikidata import property_name
from extract.evaluation.clusters import ClusterScore, cluster_score
from extract.kg.builder import build_graph
from extract.kg.identifiers import identifier
from extract.kg.literals import literal_of
from extract.kg.resolve import RULES, ResolutionConfig, resolve
from extract.kg.structures import DocumentFacts, Fact, Mention
from extract.versions import environment

Gold = list[dict[Mention, int]]  # of each document, the entity of each mention
SIMILARITIES = (0.7, 0.75, 0.8, 0.85, 0.9, 0.95, 1.0)
COSINES = (0.7, 0.75, 0.8, 0.85, 0.9, 0.95)


def main(arguments: Sequence[str] | None = None) -> None:
    """Parse the arguments, measure, write the figures."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--file", type=Path, default=None, help="instead of the corpus's dev file")
    parser.add_argument("--out", type=Path, required=True)
    given = parser.parse_args(arguments)
    reader = ReDocRed()
    path = given.file if given.file is not None else reader.files(locate(reader.name), "dev")[0]
    facts, gold = zip(*(as_facts(document) for document in reader.documents(path)), strict=True)
    result = {
        "corpus": reader.name,
        "data": path.name,
        **measured(list(gold)),
        "graph": graph_figures(facts),
        "rapidfuzz": version("rapidfuzz"),
        "environment": environment(),
    }
    given.out.write_text(json.dumps(result, indent=1) + "\n", encoding="utf-8")
    print(json.dumps({key: result[key] for key in ("rules", "graph")}, indent=1))


def as_facts(document: ClusteredDocument) -> tuple[DocumentFacts, dict[Mention, int]]:
    """A document's gold relations as facts, each between two mentions, and its entities' mentions."""
    words = [word for sentence in document.sentences for word in sentence]
    text, starts, first = " ".join(words), [], [0]
    at = 0
    for word in words:
        starts.append(at)
        at += len(word) + 1
    for sentence in document.sentences:
        first.append(first[-1] + len(sentence))

    def mention(sentence: int, start: int, end: int, type: str) -> Mention:
        a, last = first[sentence] + start, first[sentence] + end - 1
        begins, ends = starts[a], starts[last] + len(words[last])
        return Mention(document.title, begins, ends, text[begins:ends], type)

    clusters = [sorted(entity) for entity in document.entities]
    mentions = [[mention(*place) for place in cluster] for cluster in clusters]
    gold: dict[Mention, int] = {}
    for number, cluster in enumerate(mentions):
        for one in cluster:
            gold.setdefault(one, number)
    facts = []
    for head, relation, tail in document.relations:
        # Their first mentions in one sentence, else their first mentions.
        pairs = [
            (subject, object_, a[0])
            for subject, a in zip(mentions[head], clusters[head], strict=True)
            for object_, b in zip(mentions[tail], clusters[tail], strict=True)
            if a[0] == b[0]
        ]
        subject, object_, sentence = (
            pairs[0] if pairs else (mentions[head][0], mentions[tail][0], clusters[head][0][0])
        )
        begin, end = starts[first[sentence]], starts[first[sentence + 1] - 1]
        end += len(words[first[sentence + 1] - 1])
        name = property_name(relation) or relation
        facts.append(
            Fact(subject, name, relation, object_, (), 1.0, (begin, end), text[begin:end], "gold")
        )
    digest = identifier(text, [list(cluster) for cluster in clusters], document.relations)
    return DocumentFacts(document.title, digest, "gold", tuple(gold), tuple(facts)), {
        one: number for one, number in gold.items() if literal_of(one) is None
    }


def measured(gold: Gold) -> dict[str, Any]:
    """Scores before resolution, of the defaults, without each rule, of each alone, and by threshold."""
    default = ResolutionConfig()
    halves = [gold[::2], gold[1::2]]
    variants = {
        "names as written": None,
        "normalised names": replace(default, rules=()),
        "defaults": default,
    }
    for rule in RULES:
        if rule in default.rules and rule != "alias":
            left = tuple(other for other in default.rules if other != rule)
            variants[f"defaults without {rule}"] = replace(default, rules=left)
            variants[f"only {rule}"] = replace(default, rules=(rule,))
    return {
        "documents": len(gold),
        "mentions": sum(map(len, gold)),
        "gold entities": sum(len(set(one.values())) for one in gold),
        "rules": {name: score(gold, config).to_dict() for name, config in variants.items()},
        "similar text": chosen(halves, "similar text", "similarity", SIMILARITIES),
        "embedding": chosen(halves, "embedding", "embedding_similarity", COSINES),
    }


def chosen(
    halves: Sequence[Gold], rule: str, setting: str, thresholds: Sequence[float]
) -> dict[str, Any]:
    """The threshold with the best B-cubed F1 on each half, and its score on the other half."""
    default = ResolutionConfig()
    off = replace(default, rules=tuple(other for other in default.rules if other != rule))
    on = replace(default, rules=(*off.rules, rule))
    tried = [
        {threshold: score(half, replace(on, **{setting: threshold})) for threshold in thresholds}
        for half in halves
    ]
    best = [max(own, key=lambda t, own=own: (own[t].b_cubed.f1, t)) for own in tried]  # type: ignore[misc]
    return {
        "chosen": best,
        "without, on the other half": [score(half, off).to_dict() for half in halves[::-1]],
        "with, on the other half": [
            own[threshold].to_dict() for own, threshold in zip(tried[::-1], best, strict=True)
        ],
        "tried": [{str(t): of.to_dict() for t, of in own.items()} for own in tried],
    }


def score(gold: Gold, config: ResolutionConfig | None) -> ClusterScore:
    """The score of the clusters within documents; without a configuration, of names as written."""
    if config is None:
        found: list[Mapping[Mention, object]] = [{m: (m.text, m.type) for m in one} for one in gold]
    else:
        resolved = resolve((m for one in gold for m in one), config)
        found = [{m: resolved.of(m) for m in one} for one in gold]
    return cluster_score(gold, found)


def graph_figures(facts: Sequence[DocumentFacts]) -> dict[str, Any]:
    """Size of the graph of all documents and the seconds it takes."""
    figures: dict[str, Any] = {}
    for name, config in _graphs():
        started = time.perf_counter()
        graph = build_graph(facts, resolution=config)
        rules: dict[str, int] = {}
        for merge in graph.merges:
            rules[merge.rule] = rules.get(merge.rule, 0) + 1
        figures[name] = {
            "seconds": round(time.perf_counter() - started, 2),
            "facts": sum(len(one.facts) for one in facts),
            "nodes": len(graph.nodes),
            "statements": len(graph.statements),
            "merges": dict(sorted(rules.items())),
        }
    return figures


def _graphs() -> Iterator[tuple[str, ResolutionConfig]]:
    yield "without resolution", ResolutionConfig(rules=())
    yield "resolved", ResolutionConfig()


if __name__ == "__main__":
    main()
