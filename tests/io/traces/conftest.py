"""Lets these tests share the builders of tests/io and the makers of containers."""

import sys
from pathlib import Path

here = Path(__file__).parent
sys.path[:0] = [str(here), str(here.parent)]
