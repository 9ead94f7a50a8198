"""Reading mzML: MB per CPU-second beside pyopenms and pyteomics, and the memory it takes.

    python tests/benchmarks/read_mzml.py [MEGABYTES]

Files are made by repeating the spectra of fixture files up to MEGABYTES (default 300) of XML.
One process, one thread, CPU time, the best of several rounds taken in turn, imports excluded.
pyopenms loads the whole file into memory; ours streams, and converts every term besides the
peaks. "pyopenms, load, and h5py" writes m/z and intensities as pyopenms gives them and all other
columns of our store, gathered beforehand, with the chunks and filters of our store.

Memory is RssAnon of ``spectrakit convert``, sampled every 5 ms.
"""

import gzip
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

os.environ.setdefault("OMP_NUM_THREADS", "1")

import h5py
import numpy as np
import pyopenms

from spectrakit.accounting import InputAccount, Summary
from spectrakit.io import read_spectra
from spectrakit.verbs.convert import convert

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
    summary = Summary("convert", "")
    convert([str(path)], path.with_suffix(".h5"), summary=summary)
    return summary.inputs[0].kept


def columns_of(store: Path) -> dict[str, tuple[np.ndarray, tuple[int, ...] | None]]:
    """Return every dataset of a store with its chunks."""
    found = {}

    def visit(name: str, item: object) -> None:
        if isinstance(item, h5py.Dataset):
            found[name] = item[()], item.chunks

    with h5py.File(store, locking=False) as file:
        file.visititems(visit)
    return found


def openms_and_h5py(path: Path, columns: dict) -> int:
    """Load with pyopenms and write the columns of our store, peaks as pyopenms has them."""
    experiment = pyopenms.MSExperiment()
    pyopenms.MzMLFile().load(str(path), experiment)
    peaks = [s.get_peaks() for s in experiment]
    own = {
        "blocks/msms/axis": np.concatenate([mz for mz, _ in peaks]),
        "blocks/msms/value": np.concatenate([intensity for _, intensity in peaks]),
    }
    with h5py.File(path.with_suffix(".peer.h5"), "w", libver=("earliest", "v110")) as file:
        for name, (values, chunks) in columns.items():
            packed = {"compression": "gzip", "compression_opts": 1, "shuffle": True}
            settings = {"chunks": chunks, **packed} if chunks else {}
            file.create_dataset(name, data=own.get(name, values), **settings)
    return len(peaks)


def pyteomics(path: Path) -> int:
    from pyteomics import mzml

    with mzml.read(str(path), use_index=False) as reader:
        return sum(len(s.get("m/z array", ())) for s in reader)


def table(path: Path) -> None:
    to_store(path)
    columns = columns_of(path.with_suffix(".h5"))
    rows: dict[str, Callable[[Path], int]] = {
        "pyopenms, load": openms,
        "spectrakit, Spectrum objects": ours,
        "pyopenms, load, and h5py": lambda path: openms_and_h5py(path, columns),
        "spectrakit convert, mzML to store": to_store,
    }
    if "--pyteomics" in sys.argv:
        rows["pyteomics"] = pyteomics
    size = path.stat().st_size / 1e6
    best: dict[str, float] = {}
    for _ in range(ROUNDS):
        for name, work in rows.items():
            start = time.process_time()
            work(path)
            seconds = time.process_time() - start
            best[name] = min(best.get(name, seconds), seconds)
    print(f"\n{path.stem}, {size:.0f} MB, best of {ROUNDS}\n")
    print("| reader | CPU s | MB per CPU-s | CPU time over pyopenms |")
    print("|---|---|---|---|")
    for name, seconds in best.items():
        base = "pyopenms, load, and h5py" if "store" in name or "h5py" in name else "pyopenms, load"
        ratio = seconds / best[base]
        print(f"| {name} | {seconds:.2f} | {size / seconds:.0f} | {ratio:.2f} |", flush=True)


def memory(path: Path) -> float:
    """Return the MB of anonymous memory of ``spectrakit convert`` at its peak."""
    command = [sys.executable, "-m", "spectrakit", "convert", str(path), "-q", "-o"]
    process = subprocess.Popen([*command, str(path.with_suffix(".h5"))])
    peak = 0.0
    while process.poll() is None:
        peak = max(peak, anonymous(process.pid))
        time.sleep(0.005)
    return peak


def anonymous(process: int) -> float:
    """Return RssAnon of a process in MB; 0 when it is ending."""
    text = Path(f"/proc/{process}/status").read_text()
    line = next((line for line in text.split("\n") if line.startswith("RssAnon")), "x 0")
    return int(line.split()[1]) / 1024


def main() -> None:
    numbers = [word for word in sys.argv[1:] if not word.startswith("-")]
    n_bytes = int(float(numbers[0]) * 1e6) if numbers else 300_000_000
    with tempfile.TemporaryDirectory() as folder:
        short, long = (Path(folder) / f"{name}.mzML" for name in ("short", "long"))
        for path, size in ((short, n_bytes // 10), (long, n_bytes)):
            repeated(FILES / SOURCES[1], path, size)
        few, many = memory(short), memory(long)
        print(f"anonymous memory of converting {n_bytes // 10_000_000} MB: {few:.0f} MB;", end=" ")
        print(f"ten times as much: {many:.0f} MB, {many / few:.2f} x", flush=True)
        long.unlink()
        for source in SOURCES:
            path = Path(folder) / (Path(source).name.split(".")[0] + ".mzML")
            repeated(FILES / source, path, n_bytes)
            table(path)
            path.unlink()


if __name__ == "__main__":
    main()
