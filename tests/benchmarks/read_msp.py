"""Reading MSP and MGF: spectra per CPU-second beside ms_entropy's reader and pyteomics.

    OMP_NUM_THREADS=1 python tests/benchmarks/read_msp.py [FILE.msp.gz]

The file is unpacked first, for all. One process, one thread, CPU time, the best of several rounds
taken in turn, imports excluded. "convert" is ``spectrakit convert`` called in process.
ms_entropy gives peaks as strings: ``bare parse`` is that; ``with numbers`` adds what a search
needs, the peaks as one float array. Ours gives Spectrum objects: float64 arrays checked and
sorted, metadata understood, everything else kept.
"""

import gzip
import logging
import shutil
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import ms_entropy
import numpy as np

from spectrakit.accounting import InputAccount, Summary
from spectrakit.io import read_spectra
from spectrakit.io.writers import write_spectra
from spectrakit.verbs.convert import convert

DATA = Path(__file__).resolve().parents[2].parent / "shared" / "data" / "ms"
ROUNDS = 3


def timed(work: Callable[[], int]) -> tuple[float, int]:
    start = time.process_time()
    n = work()
    return time.process_time() - start, n


def ours(path: Path) -> int:
    return sum(1 for _ in read_spectra(path, InputAccount(str(path))))


def theirs(path: Path) -> int:
    return sum(1 for _ in ms_entropy.read_one_spectrum(str(path)))


def theirs_with_numbers(path: Path) -> int:
    n = 0
    for spectrum in ms_entropy.read_one_spectrum(str(path)):
        np.array(spectrum["peaks"], dtype=np.float32)
        n += 1
    return n


def to_store(path: Path, out: Path) -> int:
    summary = Summary("convert", "")
    convert([str(path)], out, summary=summary)
    return summary.inputs[0].kept


def pyteomics_mgf(path: Path) -> int:
    from pyteomics import mgf

    with mgf.read(str(path), use_index=False, convert_arrays=1) as reader:
        return sum(1 for _ in reader)


def table(rows: dict[str, Callable[[], int]], base: str) -> None:
    best: dict[str, tuple[float, int]] = {}
    for _ in range(ROUNDS):
        for name, work in rows.items():
            result = timed(work)
            best[name] = min(best.get(name, result), result)
    print("| reader | CPU s | spectra | spectra per CPU-s | ratio |")
    print("|---|---|---|---|---|")
    for name, (seconds, n) in best.items():
        ratio = best[base][0] / seconds
        print(f"| {name} | {seconds:.2f} | {n} | {n / seconds:,.0f} | {ratio:.2f} x |")


def main() -> None:
    logging.disable(logging.WARNING)
    packed = Path(sys.argv[1]) if len(sys.argv) > 1 else DATA / "massbank_train_library.msp.gz"
    with tempfile.TemporaryDirectory() as folder:
        store, mgf, path = (Path(folder) / name for name in ("x.h5", "x.mgf", "x.msp"))
        with gzip.open(packed) as source, path.open("wb") as target:
            shutil.copyfileobj(source, target)
        write_spectra(mgf, read_spectra(path, InputAccount("")))
        print(f"\n{packed.name}, MSP, unpacked\n")
        table(
            {
                "ms_entropy, bare parse (peaks as text)": lambda: theirs(path),
                "ms_entropy, with numbers": lambda: theirs_with_numbers(path),
                "spectrakit, Spectrum objects": lambda: ours(path),
                "spectrakit convert, MSP to store": lambda: to_store(path, store),
            },
            base="ms_entropy, bare parse (peaks as text)",
        )
        print("\nthe same spectra as MGF\n")
        table(
            {
                "ms_entropy, bare parse (peaks as text)": lambda: theirs(mgf),
                "pyteomics, arrays": lambda: pyteomics_mgf(mgf),
                "spectrakit, Spectrum objects": lambda: ours(mgf),
            },
            base="ms_entropy, bare parse (peaks as text)",
        )


if __name__ == "__main__":
    main()
