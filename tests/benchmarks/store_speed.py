"""Writing and reading a store beside bare h5py calls on the same columns, same run, one thread.

Run: ``OMP_NUM_THREADS=1 python tests/benchmarks/store_speed.py``

Spectra are ``massbank_train_library`` of ../shared/data, read by spectrakit before the clock
starts. "h5py" writes the arrays that the store holds, gathered beforehand, with the same chunks
and filters and without digests, text encoding or checks: no writer of this schema on h5py can be
faster. CPU time, best of 3.
"""

import os
import time
from pathlib import Path
from tempfile import TemporaryDirectory

os.environ.setdefault("OMP_NUM_THREADS", "1")

import h5py
import numpy as np

from spectrakit.accounting import InputAccount
from spectrakit.io import read_spectra
from spectrakit.store import Store, StoreWriter
from spectrakit.store.check import problems

DATA = Path(__file__).resolve().parents[2].parent / "shared" / "data" / "ms"
N_RANDOM = 500


def best_of(function, times=3):
    """Return the result and the least CPU seconds of ``times`` runs."""
    seconds = []
    for _ in range(times):
        start = time.process_time()
        result = function()
        seconds.append(time.process_time() - start)
    return result, min(seconds)


def write(path, spectra, compression):
    with StoreWriter(path, compression=compression) as writer:
        for spectrum in spectra:
            writer.add(spectrum)


def all_arrays(path):
    """Return every dataset of a store with its chunks."""
    found = {}
    with h5py.File(path) as file:
        file.visititems(
            lambda name, item: (
                found.update({name: (item[()], item.chunks)})
                if isinstance(item, h5py.Dataset)
                else None
            )
        )
    return found


def write_bare(path, arrays):
    with h5py.File(path, "w", libver=("earliest", "v110")) as file:
        for name, (values, chunks) in arrays.items():
            packed = {"compression": "gzip", "compression_opts": 1, "shuffle": True}
            settings = {"chunks": chunks, **packed} if chunks else {}
            file.create_dataset(name, data=values, **settings)


def read_bare(path):
    with h5py.File(path) as file:
        block = file["blocks/msms"]
        return [block[key][()] for key in ("indptr", "axis", "value", "meta/precursor_mz")]


def read_columns(path):
    with Store(path) as store:
        block = store.blocks["msms"]
        return [block.indptr, block.axis, block.value, block.meta("precursor_mz")]


def read_random(path, rows):
    block = Store(path).blocks["msms"]
    return [block.spectrum(int(row)) for row in rows]


def main():
    account = InputAccount("")
    spectra = list(read_spectra(DATA / "massbank_train_library.msp.gz", account))
    n = len(spectra)
    rows = np.random.default_rng(0).integers(0, n, N_RANDOM)
    print(f"MassBank train library: {n} spectra, {sum(map(len, spectra))} peaks; per CPU-second")
    print("what\tspectrakit\th5py\tratio\tMB")
    with TemporaryDirectory() as folder:
        path, bare = Path(folder) / "a.h5", Path(folder) / "bare.h5"
        for compression in ("gzip", "none"):
            _, ours = best_of(lambda c=compression: write(path, spectra, c))
            arrays = all_arrays(path)
            _, theirs = best_of(lambda a=arrays: write_bare(bare, a))
            size = path.stat().st_size / 1e6
            report(f"write, {compression}", n, ours, theirs, size)
            _, ours = best_of(lambda: read_columns(path))
            _, theirs = best_of(lambda: read_bare(path))
            report(f"read four columns, {compression}", n, ours, theirs)
            count, ours = best_of(lambda: sum(1 for _ in Store(path)))
            assert count == n
            report(f"read as Spectrum objects, {compression}", n, ours)
            _, ours = best_of(lambda: read_random(path, rows))
            report(f"random Spectrum, opening included, {compression}", N_RANDOM, ours)
            found, ours = best_of(lambda: list(problems(path)), 1)
            assert not found
            report(f"store check, {compression}", n, ours)


def report(what, n, ours, theirs=None, size=None):
    peer = "" if theirs is None else f"{n / theirs:,.0f}"
    ratio = "" if theirs is None else f"{theirs / ours:.2f}"
    print(f"{what}\t{n / ours:,.0f}\t{peer}\t{ratio}\t{'' if size is None else f'{size:.1f}'}")


if __name__ == "__main__":
    main()
