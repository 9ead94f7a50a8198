"""A store appears whole under its name or not at all: exceptions, kills, refusals."""

import os
import signal
import subprocess
import sys
import time

import numpy as np
import pytest
from store_spectra import peaks

from spectrakit.errors import InputError
from spectrakit.store import Store, StoreWriter
from spectrakit.store.check import problems

WRITE_FOREVER = """
import sys
import numpy as np
from pathlib import Path
from spectrakit.spectrum import Axis, Modality, Spectrum
from spectrakit.store import StoreWriter

rng = np.random.default_rng(int(sys.argv[2]))
spectra = [
    Spectrum(Modality.MSMS, Axis(np.sort(rng.random(30)), "m/z"), rng.random(30), name=f"s{k}")
    for k in range(300)
]
print("ready", flush=True)
for run in range(1000):
    with StoreWriter(Path(sys.argv[1])) as writer:
        for spectrum in spectra:
            writer.add(spectrum)
"""


@pytest.mark.parametrize("exception", [KeyboardInterrupt, ValueError, SystemExit])
def test_an_interrupted_writer_leaves_nothing(tmp_path, exception):
    with pytest.raises(exception), StoreWriter(tmp_path / "a.h5") as writer:
        writer.add(peaks())
        raise exception
    assert list(tmp_path.iterdir()) == []


def test_an_interrupted_writer_leaves_the_store_that_was_there(tmp_path):
    with StoreWriter(tmp_path / "a.h5") as writer:
        writer.add(peaks(name="old"))
    before = (tmp_path / "a.h5").read_bytes()
    with pytest.raises(KeyboardInterrupt), StoreWriter(tmp_path / "a.h5") as writer:
        writer.add(peaks(name="new"))
        raise KeyboardInterrupt
    assert (tmp_path / "a.h5").read_bytes() == before
    assert [path.name for path in tmp_path.iterdir()] == ["a.h5"]


def test_a_folder_that_is_not_there_is_one_clear_error(tmp_path):
    plain = "no/a.h5: cannot be written: No such file or directory.$"
    with pytest.raises(InputError, match=plain), StoreWriter(tmp_path / "no/a.h5"):
        pass
    (tmp_path / "folder").mkdir()
    with pytest.raises(InputError, match="cannot be written"), StoreWriter(tmp_path / "folder"):
        pass


def kill_while_writing(folder, seed, delay):
    """Start a process that writes a store again and again; kill it after ``delay`` seconds."""
    path = folder / "a.h5"
    child = subprocess.Popen(
        [sys.executable, "-c", WRITE_FOREVER, str(path), str(seed)],
        stdout=subprocess.PIPE,
        env={**os.environ, "OMP_NUM_THREADS": "1"},
    )
    try:
        assert child.stdout is not None and child.stdout.readline() == b"ready\n"
        time.sleep(delay)
    finally:
        child.send_signal(signal.SIGKILL)
        child.wait()
    return path


def assert_whole_or_absent(path):
    if path.exists():
        assert list(problems(path)) == []
        assert len(Store(path)) == 300
    others = [other.name for other in path.parent.iterdir() if other != path]
    assert all(name.startswith("a.h5.part-") for name in others), others


@pytest.mark.skipif(os.name == "nt", reason="SIGKILL is not there")
@pytest.mark.parametrize("seed", range(25))
def test_a_killed_writer_leaves_a_whole_store_or_none(tmp_path, seed):
    delay = float(np.random.default_rng(seed).uniform(0.0, 0.12))
    assert_whole_or_absent(kill_while_writing(tmp_path, seed, delay))


@pytest.mark.slow
@pytest.mark.skipif(os.name == "nt", reason="SIGKILL is not there")
@pytest.mark.parametrize("seed", range(100, 200))
def test_a_hundred_kills(tmp_path, seed):
    delay = float(np.random.default_rng(seed).uniform(0.0, 0.5))
    assert_whole_or_absent(kill_while_writing(tmp_path, seed, delay))
