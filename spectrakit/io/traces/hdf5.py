"""HDF5 and netCDF4 files with a matrix of spectra, an axis and properties."""

from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Any, BinaryIO

import h5py

from spectrakit.accounting import InputAccount
from spectrakit.io.traces.array_samples import clip
from spectrakit.io.traces.array_spectra import spectra_of
from spectrakit.io.traces.arrays import Arrays, Kind, Variable
from spectrakit.io.traces.hdf5_guard import ForeignFile
from spectrakit.spectrum import Spectrum

_UNITS = ("units", "unit", "Units", "Unit", "UNITS")
_BOOKKEEPING = ("CLASS", "NAME", "REFERENCE_LIST", "DIMENSION_LIST")  # of dimension scales


def read_hdf5(path: Path, stream: BinaryIO, account: InputAccount) -> Iterator[Spectrum]:
    """Give the spectra of an HDF5 file that is no store.

    Raises:
        InputError: damaged, hostile, or without arrays that can be told to be spectra.
    """
    with ForeignFile(path) as file:
        about: dict[str, Any] = {
            key: clip(value) if isinstance(value, str) else value
            for key, value in file.attributes(file.file).items()
            if not key.startswith("_")
        }
        variables = [
            _variable(file, name, one) for name, one in file.walk() if isinstance(one, h5py.Dataset)
        ]
        yield from spectra_of(Arrays(path, variables, about), account)


def _variable(file: ForeignFile, name: str, dataset: Any) -> Variable:
    said = file.attributes(dataset)
    unit = next((str(said[key]) for key in _UNITS if key in said), "")
    kind = file.kind_of(dataset)
    known: Kind = "number" if kind == "number" else "text" if kind == "text" else "other"
    about = {
        key: clip(value)
        for key, value in said.items()
        if key not in _UNITS and key not in _BOOKKEEPING and not key.startswith("_")
    }
    load = partial(file.read, name, dataset)
    return Variable(name, dataset.shape or (), known, load, clip(unit), (), about)
