"""Put the builders of this folder on the path; an authored transfer folder, ready to be used."""

import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent))

from authored import fit, measured, store


@pytest.fixture
def source(tmp_path):
    """A store that stands for the spectra that the fit read."""
    return store(tmp_path / "source.h5", *measured(seed=1))


@pytest.fixture
def meal(tmp_path, source):
    """A transfer folder with one version."""
    fit(tmp_path / "meal", source)
    return tmp_path / "meal"
