"""``python -m spectrakit`` is the same as the ``spectrakit`` command."""

import sys

from spectrakit.cli import main

if __name__ == "__main__":
    sys.exit(main())
