"""A disk that is full, and Ctrl-C, at any moment of writing a store."""

import errno
import os
import signal
import subprocess
import sys

import numpy as np
import pytest

from spectrakit.errors import InputError
from spectrakit.spectrum import Axis, Modality, Spectrum
from spectrakit.store import StoreWriter, writer
from spectrakit.store.partfile import PartFile

LIMITED = """
import resource, signal, sys
from spectrakit.cli import main
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
resource.setrlimit(resource.RLIMIT_FSIZE, (int(sys.argv[1]), int(sys.argv[1])))
sys.exit(main(["convert", sys.argv[2], "-o", sys.argv[3], "--compression", sys.argv[4], "--quiet"]))
"""
FEW = [0, 1, 2, 3, 5, 8, 13, 21, 34, 55]  # of about a hundred writes


@pytest.fixture
def mgf(tmp_path):
    """Author 300 spectra of 100 peaks."""
    rng = np.random.default_rng(3)
    lines = []
    for number in range(300):
        mz = np.sort(rng.uniform(50, 900, 100))
        peaks = "".join(
            f"{a:.4f} {b:.2f}\n" for a, b in zip(mz, rng.uniform(0, 99, 100), strict=True)
        )
        lines.append(f"BEGIN IONS\nTITLE=s{number}\nPEPMASS=901\n{peaks}END IONS\n")
    path = tmp_path / "in.mgf"
    path.write_text("".join(lines))
    return path


@pytest.mark.skipif(os.name == "nt", reason="limits of POSIX")
@pytest.mark.parametrize("limit", [200, 500, 1024, 4096, 20_000, 60_000, 120_000, 200_000])
@pytest.mark.parametrize("compression", ["gzip", "none"])
def test_a_full_disk_is_one_line_and_leaves_nothing(mgf, tmp_path, home, limit, compression):
    """Some sizes ended in a segmentation fault, tracebacks of h5py and a part file."""
    out = tmp_path / "out" / "a.h5"
    out.parent.mkdir()
    command = [sys.executable, "-c", LIMITED, str(limit), mgf, out, compression]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 3, done.stderr
    first, hint = done.stderr.splitlines()
    assert first == f"spectrakit: error: {out}: cannot be written: File too large."
    assert "free space" in hint
    assert list(out.parent.iterdir()) == []


def write_all_kinds(path):
    """Write peaks, traces and an index."""
    rng = np.random.default_rng(0)
    with StoreWriter(path) as store:
        for number in range(100):
            mz = Axis(np.sort(rng.uniform(50, 900, 300)), "m/z")
            store.add(Spectrum(Modality.MSMS, mz, rng.random(300), sample=f"s{number}"))
            wide = Axis(np.arange(1000, 1500.0), "cm^-1")
            store.add(Spectrum(Modality.NIR, wide, rng.random(500), is_trace=True))
        store.add_index("x", {"a": np.arange(300_000.0), "b": np.arange(10)}, {"k": 1})


@pytest.mark.parametrize("number", FEW)
@pytest.mark.parametrize("what", ["full", "interrupt"])
def test_any_write_may_fail(tmp_path, monkeypatch, number, what):
    """An interrupt that is not kept comes out of HDF5 as an AttributeError."""
    n_writes = 0

    class Bad(PartFile):
        def write(self, data):
            nonlocal n_writes
            n_writes += 1
            if n_writes == number + 1 and what == "interrupt":
                signal.raise_signal(signal.SIGINT)
            elif n_writes == number + 1:
                self.refusal = OSError(errno.ENOSPC, "No space left on device")
            return super().write(data)

    monkeypatch.setattr(writer, "PartFile", Bad)
    before = signal.getsignal(signal.SIGINT)
    expected = {"full": InputError, "interrupt": KeyboardInterrupt}[what]
    with pytest.raises(expected, match="No space left" if what == "full" else None):
        write_all_kinds(tmp_path / "a.h5")
    assert n_writes > number
    assert list(tmp_path.iterdir()) == []
    assert signal.getsignal(signal.SIGINT) is before
