"""Let a model annotate the sentences of other corpora, to train a smaller one on them.

    python -m benchmarks.silver --model runs/hyperred-mpnet --recipe recipes/hyperred-minilm.toml \
        --texts re_docred text2kgbench fewrel --out runs/silver/hyperred.jsonl

Only the texts of the train splits are read, not their annotation. Sentences of the recipe's development
parts are left out. The file is read back as a corpus: name = "tripack", path = FILE, train = "file",
dev = "none".

Hinton et al. 2015, Distilling the Knowledge in a Neural Network; Kim and Rush 2016, Sequence-Level
Knowledge Distillation (training on what the larger model puts out). Differs from the papers: texts other
than those of the training corpus, and the decoder's output, not its distribution.
"""

from __future__ import annotations

import argparse
import json
import random
from collections.abc import Iterator, Sequence
from pathlib import Path

import corpora
from extract import load
from extract.training.corpora import load_corpus
from extract.training.recipe import read_recipe


def main() -> None:
    """Parse the arguments, choose texts, annotate them."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--model", required=True)
    parser.add_argument("--recipe", required=True, help="whose development parts are left out")
    parser.add_argument("--texts", nargs="+", required=True, help="names of corpora")
    parser.add_argument("--most", type=int, default=4000, help="sentences of each corpus at most")
    parser.add_argument("--seed", type=int, default=0, help="of the choice among more than --most")
    parser.add_argument(
        "--facts-only", action="store_true", help="leave out sentences without a triple"
    )
    parser.add_argument("--threads", type=int, default=None)
    parser.add_argument("--dtype", default="auto")
    parser.add_argument("--out", type=Path, required=True)
    arguments = parser.parse_args()
    recipe = read_recipe(arguments.recipe)
    kept_out = {e.text for corpus in recipe.corpora for e in load_corpus(corpus).dev}
    chosen = [
        text
        for name in arguments.texts
        for text in texts_of(name, arguments.most, arguments.seed, kept_out)
    ]
    extractor = load(arguments.model, threads=arguments.threads, dtype=arguments.dtype)
    arguments.out.parent.mkdir(parents=True, exist_ok=True)
    n_kept = n_triples = 0
    with arguments.out.open("w", encoding="utf-8") as out:
        for document in extractor.extract(chosen):
            line = document.to_dict()
            if line["triples"] or not arguments.facts_only:
                n_kept += 1
                n_triples += len(line["triples"])
                out.write(json.dumps(line, ensure_ascii=False) + "\n")
    print(f"{n_kept} of {len(chosen)} texts kept, {n_triples} triples")


def texts_of(name: str, most: int, seed: int, kept_out: set[str]) -> list[str]:
    """At most `most` different sentences of a corpus, drawn by `seed`, none of them in `kept_out`."""
    splits = corpora.read(name, corpora.locate(name))
    examples = splits.get("train") or next(iter(splits.values()))
    found = list(dict.fromkeys(t for t in _sentences(examples) if t.strip() not in kept_out))
    return random.Random(seed).sample(found, min(most, len(found)))


def _sentences(examples: Sequence[corpora.Example]) -> Iterator[str]:
    for example in examples:
        sentence = example.sentence
        yield example.text[sentence.start_char : sentence.end_char]


if __name__ == "__main__":
    main()
