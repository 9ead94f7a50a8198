"""HDF5 files whose names HDF5 would look for without end; authored with h5py and damaged here."""

import subprocess
import sys

import h5py
import numpy as np
import pytest

from spectrakit.store import StoreWriter
from spectrakit.store.heaps import names_can_be_read

HEAP = b"HEAP\0\0\0\0"


def let_it_circle(path, n_before=0):
    """Make the first free piece of a heap its own successor; the file format says where it is."""
    data = bytearray(path.read_bytes())
    at = -1
    for _ in range(n_before + 1):
        at = data.index(HEAP, at + 1)
    free, place = (int.from_bytes(data[at + k : at + k + 8], "little") for k in (16, 24))
    base = data.index(b"\x89HDF")
    data[base + place + free : base + place + free + 8] = free.to_bytes(8, "little")
    path.write_bytes(data)


def mzmlb(path):
    with h5py.File(path, "w") as file:
        file["mzML"] = np.frombuffer(b"<mzML/>", np.uint8)
        file["x"] = np.arange(3.0)


def store(path):
    with StoreWriter(path, history={"command": "authored"}):
        pass


def matlab(path):
    with h5py.File(path, "w", userblock_size=512) as file:
        file["spectra"] = np.arange(12.0).reshape(3, 4)
    data = bytearray(path.read_bytes())
    data[:128] = b"MATLAB 7.3 MAT-file".ljust(124) + b"\x00\x02IM"
    path.write_bytes(data)


@pytest.mark.parametrize(("name", "make"), [("a.mzMLb", mzmlb), ("a.h5", store), ("a.mat", matlab)])
def test_a_circle_of_names_ends_at_once(tmp_path, home, name, make):
    """It took for ever, in a place where not even Ctrl-C is heard."""
    path = tmp_path / name
    make(path)
    assert names_can_be_read(path, 1 << 16)
    let_it_circle(path)
    assert not names_can_be_read(path, 1 << 16)
    command = [sys.executable, "-m", "spectrakit", "convert", path, "-o", tmp_path / "o.mgf"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=30, check=False)
    assert done.returncode == 3, done.stderr
    assert f"{path}: /: has names that cannot be read." in done.stderr
    assert not (tmp_path / "o.mgf").exists()


def test_a_circle_in_an_inner_group_is_found_as_well(tmp_path, home):
    path = tmp_path / "a.mat"
    with h5py.File(path, "w") as file:
        file["group/spectra"] = np.arange(12.0)
    let_it_circle(path, n_before=1)
    assert not names_can_be_read(path, 1 << 16)


def test_places_that_are_not_in_the_file_are_left_to_hdf5(tmp_path):
    path = tmp_path / "a.h5"
    for tail in (b"", b"\xff" * 24, b"\xff" * 5, (1 << 62).to_bytes(8, "little") * 3):
        path.write_bytes(b"\x89HDF\r\n\x1a\n" + HEAP + tail)
        assert names_can_be_read(path, 1 << 16)
