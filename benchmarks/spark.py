"""The function for Spark's `mapInPandas` on Spark itself: what it gives beside `tripack extract`.

    pip install pyspark
    python -m benchmarks.spark --out benchmarks/results/spark.json

Needs a Java that Spark takes. Spark runs on this machine, `--cores` tasks at once; sentences of HyperRED go
through a Parquet file into `--partitions` partitions, and the documents that come out are written as Parquet,
as docs/scale.md shows it. `equal_lines` counts documents whose line is the same, byte for byte, as that of
`tripack extract` on the same texts; `equal_facts` those whose offsets, labels and relations are the same,
since a score may differ in its last digit by what a sentence is read with. `exploded` is how many triples
Spark takes out of the lines by `from_json`, beside how many there are. Fails if a document is missing or has
other facts.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
import time
from importlib.metadata import version
from pathlib import Path
from typing import Any

from benchmarks.measured import Results, options, texts

_MENTION = "struct<text:string,start:long,end:long,label:string>"
_QUALIFIER = f"struct<label:string,label_id:string,value:{_MENTION},score:double>"
_TRIPLE = (
    f"struct<subject:{_MENTION},relation:string,relation_id:string,object:{_MENTION},"
    f"qualifiers:array<{_QUALIFIER}>,score:double,sentence:array<long>>"
)


def main() -> None:
    """Run both and write one file."""
    parser = options(__doc__.splitlines()[0])
    parser.add_argument("--n-texts", type=int, default=2000)
    parser.add_argument("--partitions", type=int, default=8)
    parser.add_argument("--cores", type=int, default=2)
    arguments = parser.parse_args()
    results = Results(arguments, ["model", "seed", "texts", "n_texts", "partitions", "cores"])
    results.keep("spark", lambda: _measured(arguments))
    print(json.dumps(results.found, indent=1))
    of = results.found["spark"]
    if not of["equal_facts"] == of["documents"] == arguments.n_texts:
        raise SystemExit("Expected the same facts of all documents.")


def _measured(arguments: argparse.Namespace) -> dict[str, Any]:
    chosen = {str(n): text for n, text in enumerate(texts(arguments)[: arguments.n_texts])}
    with tempfile.TemporaryDirectory() as folder:
        plain = _by_command_line(chosen, arguments, Path(folder))
        started = time.perf_counter()
        on_spark, exploded = _by_spark(chosen, arguments, Path(folder))
        seconds = time.perf_counter() - started
    return {
        "pyspark": version("pyspark"),
        "documents": len(on_spark),
        "equal_lines": sum(plain.get(name) == line for name, line in on_spark.items()),
        "equal_facts": sum(
            name in plain and _facts(plain[name]) == _facts(line) for name, line in on_spark.items()
        ),
        "triples": sum(len(json.loads(line)["triples"]) for line in plain.values()),
        "exploded": exploded,
        "seconds": round(seconds, 1),
    }


def _by_command_line(
    chosen: dict[str, str], arguments: argparse.Namespace, folder: Path
) -> dict[str, str]:
    """The line of each text by its id."""
    lines = [json.dumps({"id": name, "text": text}) + "\n" for name, text in chosen.items()]
    (folder / "texts.jsonl").write_text("".join(lines), encoding="utf-8")
    command = [sys.executable, "-m", "extract.interfaces.cli", "extract", "--quiet"]
    command += ["--model", arguments.model, "--threads", "1"]
    command += ["--input", str(folder / "texts.jsonl"), "--output", str(folder / "plain.jsonl")]
    subprocess.run(command, check=True)
    written = (folder / "plain.jsonl").read_text(encoding="utf-8").splitlines()
    return {json.loads(line)["id"]: line for line in written}


def _by_spark(
    chosen: dict[str, str], arguments: argparse.Namespace, folder: Path
) -> tuple[dict[str, str], int]:
    """The line of each text by its id, and how many triples `from_json` finds in them."""
    import pandas as pd
    from pyspark.sql import SparkSession
    from pyspark.sql.functions import explode, from_json

    from extract.interfaces.batch.spark import SPARK_SCHEMA, map_in_pandas

    pd.DataFrame({"id": chosen.keys(), "text": chosen.values()}).to_parquet(
        folder / "texts.parquet"
    )
    master = f"local[{arguments.cores}]"
    spark = SparkSession.builder.master(master).config("spark.ui.enabled", "false").getOrCreate()
    try:
        read = spark.read.parquet(str(folder / "texts.parquet")).select("id", "text")
        function = map_in_pandas(arguments.model)
        documents = read.repartition(arguments.partitions).mapInPandas(function, SPARK_SCHEMA)
        documents.write.parquet(str(folder / "documents"))
        written = spark.read.parquet(str(folder / "documents"))
        parsed = written.select("id", from_json("document", f"triples array<{_TRIPLE}>").alias("d"))
        exploded = parsed.select("id", explode("d.triples").alias("triple"))
        n_whole = exploded.filter("triple.subject.text is not null and triple.score > 0").count()
        return {row["id"]: row["document"] for row in written.collect()}, n_whole
    finally:
        spark.stop()


def _facts(line: str) -> Any:
    """What a line says, without its scores."""

    def bare(value: Any) -> Any:
        if isinstance(value, dict):
            return {name: bare(of) for name, of in value.items() if name != "score"}
        return [bare(of) for of in value] if isinstance(value, list) else value

    return bare(json.loads(line))


if __name__ == "__main__":
    main()
