"""Ragged NPZ files of spectra into one store, for ``spectrakit pretrain -m spectralfm``.

``python tests/benchmarks/spectralfm_corpus.py OUT.h5 FILE.npz ...`` reads the layout of
``vib/pretrain`` in the shared data (its README says what the arrays are). Groups, techniques and
units are kept; spectra whose axis the source does not give (unit ``index``) are left out and
counted, as are techniques that spectrakit has no modality for.
"""

import argparse
import sys
from collections import Counter
from pathlib import Path

import numpy as np

from spectrakit.accounting import file_sha256
from spectrakit.errors import InputError
from spectrakit.spectrum import Axis, Modality, Spectrum
from spectrakit.store import StoreWriter

TECHNIQUES = {
    "nir": Modality.NIR, "ir": Modality.IR, "raman": Modality.RAMAN,
    "reflectance": Modality.REFLECTANCE, "uvvis": Modality.OPTICAL,
}  # fmt: skip
UNITS = {"nm": "nm", "wavelength (nm)": "nm", "um": "um", "cm-1": "cm-1", "1/cm": "cm-1"}


def add(writer: StoreWriter, path: Path, counts: Counter[str]) -> None:
    """Add the spectra of one file and count what becomes of them."""
    source = writer.add_source(path.name, file_sha256(path), path.stat().st_size, "npz")
    with np.load(path, allow_pickle=False) as arrays:
        held = {name: arrays[name] for name in arrays.files}
    starts, axis_starts = held["offsets"], held["axis_offsets"]
    for row in range(len(starts) - 1):
        unit = UNITS.get(str(held["axis_unit"][row]).strip().casefold())
        technique = TECHNIQUES.get(str(held["technique"][row]))
        number = int(held["axis_id"][row])
        axis = held["axis_values"][axis_starts[number] : axis_starts[number + 1]]
        values = held["values"][starts[row] : starts[row + 1]]
        if unit is None or technique is None:
            counts[f"left out: {'no axis' if unit is None else 'no technique'}"] += 1
            continue
        origin = str(held["source"][row])
        sample = f"{origin}/{row}"
        writer.add_sample(sample, group=f"{origin}/{held['group'][row] or row}", origin=origin)
        spectrum = Spectrum(
            technique,
            Axis(np.asarray(axis, np.float64), unit),
            np.asarray(values, np.float32),
            value_unit=str(held["y_unit"][row]),
            is_trace=True,
            native_id=f"{path.stem}/{row}",
            name=str(held["name"][row]),
            sample=sample,
        )
        try:
            writer.add(spectrum, source=source)
        except InputError as error:
            counts[f"left out: {str(error).split(':')[-1].strip()}"] += 1
        else:
            counts[str(technique)] += 1


def main(argv: list[str]) -> int:
    """Write the store and say what it holds."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("out", type=Path)
    parser.add_argument("files", type=Path, nargs="+")
    told = parser.parse_args(argv)
    counts: Counter[str] = Counter()
    with StoreWriter(told.out, compression="none", history={"command": "corpus"}) as writer:
        for path in told.files:
            add(writer, path, counts)
    for name, n in sorted(counts.items()):
        sys.stdout.write(f"{name}\t{n}\n")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
