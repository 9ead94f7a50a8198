"""Reading mzXML: CPU time beside pyopenms, bare and into a store.

    python tests/benchmarks/read_mzxml.py [MEGABYTES]

Files are made by repeating the scans of fixture files up to MEGABYTES (default 30) of XML. One
process, CPU time, the best of several rounds taken in turn, imports excluded.
"""

import gzip
import os
import re
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

os.environ.setdefault("OMP_NUM_THREADS", "1")

import h5py
import numpy as np
import pyopenms
from read_mzml import FILES, ours, to_store

SOURCES = (
    "mzxml/DOM_b.mzXML.gz",  # 64 bit, zlib, centroids
    "identify/sulfamethazine/sulfamethizine_positive_2pt5uL_02.mzXML.gz",  # 32 bit, profiles
)
ROUNDS = 3


def repeated(source: Path, target: Path, n_bytes: int) -> None:
    """Write the scans of ``source`` again and again, as an mzXML of at least ``n_bytes``."""
    text = gzip.decompress(source.read_bytes())
    first, last = text.index(b"<scan "), text.rindex(b"</scan>") + len(b"</scan>")
    body = text[first:last] + b"\n"
    n = max(1, n_bytes // len(body))
    head = re.sub(rb'scanCount="\d+"', b"", text[:first])
    target.write_bytes(head + body * n + b"</msRun></mzXML>")


def load(path: Path) -> pyopenms.MSExperiment:
    experiment = pyopenms.MSExperiment()
    pyopenms.MzXMLFile().load(str(path), experiment)
    return experiment


def openms(path: Path) -> int:
    return sum(s.size() for s in load(path))


def openms_and_h5py(path: Path) -> int:
    """Load with pyopenms and write the peaks and a few columns, packed as a store is."""
    experiment = load(path)
    arrays = [s.get_peaks() for s in experiment]
    packed = {"chunks": (16_384,), "compression": "gzip", "shuffle": True}
    with h5py.File(path.with_suffix(".h5"), "w") as file:
        file.create_dataset("mz", data=np.concatenate([a for a, _ in arrays]), **packed)
        file.create_dataset("intensity", data=np.concatenate([b for _, b in arrays]), **packed)
        file["rt"] = [s.getRT() for s in experiment]
        file["level"] = [s.getMSLevel() for s in experiment]
        file["id"] = [s.getNativeID() for s in experiment]
    return sum(len(a) for a, _ in arrays)


def table(path: Path) -> None:
    rows: dict[str, Callable[[Path], int]] = {
        "pyopenms, load": openms,
        "spectrakit, Spectrum objects": ours,
        "pyopenms, load, and h5py": openms_and_h5py,
        "spectrakit, mzXML to store": to_store,
    }
    size = path.stat().st_size / 1e6
    best: dict[str, tuple[float, int]] = {}
    for _ in range(ROUNDS):
        for name, work in rows.items():
            start = time.process_time()
            n = work(path)
            seconds = time.process_time() - start
            best[name] = min(best.get(name, (seconds, n)), (seconds, n))
    assert len({n for name, (_, n) in best.items() if "store" not in name}) == 1, best
    print(f"\n{path.stem}, {size:.0f} MB\n")
    print("| reader | CPU s | peaks | MB per CPU-s | CPU time over pyopenms |")
    print("|---|---|---|---|---|")
    for name, (seconds, n) in best.items():
        base = "pyopenms, load, and h5py" if "store" in name or "h5py" in name else "pyopenms, load"
        ratio = seconds / best[base][0]
        print(f"| {name} | {seconds:.2f} | {n} | {size / seconds:.0f} | {ratio:.2f} |")


def main() -> None:
    n_bytes = int(float(sys.argv[1]) * 1e6) if len(sys.argv) > 1 else 30_000_000
    with tempfile.TemporaryDirectory() as folder:
        for source in SOURCES:
            path = Path(folder) / (Path(source).name.split(".")[0] + ".mzXML")
            repeated(FILES / source, path, n_bytes)
            table(path)


if __name__ == "__main__":
    main()
