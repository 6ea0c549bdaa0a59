"""Score a model: `python evaluate.py --model M --corpus C ...` is `tripack evaluate ...`."""

import sys

from extract.interfaces.cli import main

if __name__ == "__main__":
    sys.exit(main(["evaluate", *sys.argv[1:]]))
