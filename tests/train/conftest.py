"""A small store, the torch toy installed, and the stores' builder for the tests beside this."""

import json
import os
import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent))
os.environ.setdefault("OMP_NUM_THREADS", "1")  # tiny tensors: threads would only wait

from train_stores import write_store


@pytest.fixture
def store(tmp_path):
    """Eight spectra to learn from and two held out, memory-mapped."""
    write_store(tmp_path / "eight.h5")
    return tmp_path / "eight.h5"


@pytest.fixture
def torchtoy(site):
    """Install the torch toy for this test; skip it where torch is not installed."""
    pytest.importorskip("torch", reason="torch is not installed: pip install 'spectrakit[train]'")
    pytest.importorskip("safetensors", reason="safetensors is not installed")
    folder = site / "spectrakit_torchtoy-1.0.dist-info"
    folder.mkdir()
    (folder / "METADATA").write_text(
        "Metadata-Version: 2.1\nName: spectrakit-torchtoy\nVersion: 1.0\n"
    )
    (folder / "entry_points.txt").write_text(
        "[spectrakit.plugins]\ntorchtoy = spectrakit_torchtoy.plugin:plugin\n"
    )


@pytest.fixture
def losses():
    """Return what a run recorded of one number, by step."""

    def read(run, name="loss"):
        rows = map(json.loads, (run / "metrics.jsonl").read_text().splitlines())
        return {row["step"]: row[name] for row in rows if name in row}

    return read
