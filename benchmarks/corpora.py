"""Counts of every corpus at hand, as the readers see them.

python -m benchmarks.corpora --out benchmarks/results/corpora.json
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path

import corpora
from corpora.describe import describe
from extract.versions import environment


def main() -> None:
    """Describe each corpus under $TRIPACK_CORPORA and write the counts without label histograms."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--out", type=Path, required=True)
    arguments = parser.parse_args()
    found = {}
    for name in corpora.names():
        described = describe(name)
        for split in described["splits"].values():
            for histogram in ("entity_types", "relations", "qualifier_labels"):
                split[histogram] = len(split[histogram])
        found[name] = described
    result = {"corpora": found, "environment": environment()}
    arguments.out.write_text(
        json.dumps(result, indent=1, ensure_ascii=False) + "\n", encoding="utf-8"
    )


if __name__ == "__main__":
    main()
