"""Train a model: `python train.py recipes/X.toml [key=value ...]` is `tripack train ...`."""

import sys

from extract.interfaces.cli import main

if __name__ == "__main__":
    sys.exit(main(["train", *sys.argv[1:]]))
