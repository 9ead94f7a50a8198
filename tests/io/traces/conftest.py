"""Lets these tests share the builders of tests/io."""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))
