"""`python -m extract.interfaces.cli` is `tripack`."""

import sys

from extract.interfaces.cli import main

if __name__ == "__main__":
    sys.exit(main())
