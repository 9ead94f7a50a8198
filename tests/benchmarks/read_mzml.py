"""Reading mzML: MB per CPU-second beside pyopenms and pyteomics, and the memory it takes.

    python tests/benchmarks/read_mzml.py [MEGABYTES]

Files are made by repeating the spectra of fixture files up to MEGABYTES (default 100) of XML.
One process, CPU time, the best of several rounds taken in turn, imports excluded. pyopenms
loads the whole file into memory; ours streams, and converts every term besides the peaks.
"""

import gzip
import os
import resource
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

os.environ.setdefault("OMP_NUM_THREADS", "1")

import h5py
import numpy as np
import pyopenms

from spectrakit.accounting import InputAccount
from spectrakit.io import read_spectra
from spectrakit.store import StoreWriter

FILES = Path(__file__).resolve().parents[2].parent / "shared" / "data" / "ms" / "files"
SOURCES = (
    "mzml/small.mzML.gz",
    "identify/pma/171103_PMA_TK_QC_04-4to5min.mzML.gz",
    "identify/pesticides_1/AssayGeneratorMetabo_input.mzML.gz",
    "identify/nucleosides/FeatureFinderMetaboIdent_1_input.mzML.gz",
)
ROUNDS = 3


def repeated(source: Path, target: Path, n_bytes: int) -> None:
    """Write the spectra of ``source`` again and again, as an mzML of at least ``n_bytes``."""
    text = gzip.decompress(source.read_bytes())
    first = text.index(b"<spectrum ")
    last = text.rindex(b"</spectrum>") + len(b"</spectrum>")
    body = text[first:last]
    head, tail = text[:first], b"</spectrumList></run></mzML>"
    start = head.index(b"<mzML")
    with target.open("wb") as handle:
        handle.write(b'<?xml version="1.0" encoding="utf-8"?>\n' + head[start:])
        for _ in range(max(1, n_bytes // len(body))):
            handle.write(body + b"\n")
        handle.write(tail)


def ours(path: Path) -> int:
    return sum(len(s) for s in read_spectra(path, InputAccount(str(path))))


def openms(path: Path) -> int:
    experiment = pyopenms.MSExperiment()
    pyopenms.MzMLFile().load(str(path), experiment)
    return sum(s.size() for s in experiment)


def to_store(path: Path) -> int:
    n = 0
    with StoreWriter(path.with_suffix(".h5")) as writer:
        for spectrum in read_spectra(path, InputAccount(str(path))):
            writer.add(spectrum)
            n += len(spectrum)
    return n


def openms_and_h5py(path: Path) -> int:
    """Load with pyopenms and write the peaks and a few columns, packed as a store is."""
    experiment = pyopenms.MSExperiment()
    pyopenms.MzMLFile().load(str(path), experiment)
    arrays = [s.get_peaks() for s in experiment]
    packed = {"chunks": (16_384,), "compression": "gzip", "shuffle": True}
    with h5py.File(path.with_suffix(".h5"), "w") as file:
        file.create_dataset("mz", data=np.concatenate([a for a, _ in arrays]), **packed)
        file.create_dataset("intensity", data=np.concatenate([b for _, b in arrays]), **packed)
        file["rt"] = [s.getRT() for s in experiment]
        file["level"] = [s.getMSLevel() for s in experiment]
        file["id"] = [s.getNativeID() for s in experiment]
    return sum(len(a) for a, _ in arrays)


def pyteomics(path: Path) -> int:
    from pyteomics import mzml

    with mzml.read(str(path), use_index=False) as reader:
        return sum(len(s.get("m/z array", ())) for s in reader)


def table(path: Path) -> None:
    rows: dict[str, Callable[[Path], int]] = {
        "pyopenms, load": openms,
        "spectrakit, Spectrum objects": ours,
        "pyteomics": pyteomics,
        "pyopenms, load, and h5py": openms_and_h5py,
        "spectrakit, mzML to store": to_store,
    }
    size = path.stat().st_size / 1e6
    best: dict[str, tuple[float, int]] = {}
    for _ in range(ROUNDS):
        for name, work in rows.items():
            if name == "pyteomics" and name in best:
                continue  # slow; once is enough
            start = time.process_time()
            n = work(path)
            seconds = time.process_time() - start
            best[name] = min(best.get(name, (seconds, n)), (seconds, n))
    print(f"\n{path.stem}, {size:.0f} MB\n")
    print("| reader | CPU s | peaks | MB per CPU-s | CPU time over pyopenms |")
    print("|---|---|---|---|---|")
    for name, (seconds, n) in best.items():
        base = "pyopenms, load, and h5py" if "store" in name or "h5py" in name else "pyopenms, load"
        ratio = seconds / best[base][0]
        print(f"| {name} | {seconds:.2f} | {n} | {size / seconds:.0f} | {ratio:.2f} |")


def memory(path: Path) -> float:
    """Return the peak resident MB of a fresh process that reads ``path``."""
    child = os.fork()
    if child == 0:
        ours(path)
        os._exit(0)
    _, _, usage = os.wait4(child, 0)
    return usage.ru_maxrss / 1024


def main() -> None:
    n_bytes = int(float(sys.argv[1]) * 1e6) if len(sys.argv) > 1 else 100_000_000
    with tempfile.TemporaryDirectory() as folder:
        short = Path(folder) / "short.mzML"
        long = Path(folder) / "long.mzML"
        repeated(FILES / SOURCES[1], short, 20_000_000)
        repeated(FILES / SOURCES[1], long, 200_000_000)
        start = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
        print(f"peak memory of this process {start:.0f} MB; of one that then reads", end=" ")
        print(f"20 MB {memory(short):.0f} MB, 200 MB {memory(long):.0f} MB")
        for source in SOURCES:
            path = Path(folder) / (Path(source).name.split(".")[0] + ".mzML")
            repeated(FILES / source, path, n_bytes)
            table(path)


if __name__ == "__main__":
    main()
