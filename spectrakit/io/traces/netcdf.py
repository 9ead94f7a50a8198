"""netCDF files of the classic format: ANDI mass spectra, ANDI chromatograms, or arrays.

netCDF4 files are HDF5 and read as such.
"""

import io
import warnings
from collections.abc import Generator, Iterator, Mapping
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
from numpy.typing import NDArray

from spectrakit.accounting import InputAccount
from spectrakit.errors import InputError
from spectrakit.io.streams import COPY_AGAIN
from spectrakit.io.traces.array_samples import clip
from spectrakit.io.traces.array_spectra import spectra_of
from spectrakit.io.traces.arrays import Arrays, Kind, Variable
from spectrakit.io.traces.whole import read_whole
from spectrakit.spectrum import Spectrum

# scipy checks little of what a file declares: what it then trips over is one of these.
_FAILURES = (ValueError, TypeError, KeyError, IndexError, AssertionError, OverflowError,
             MemoryError, AttributeError, OSError, RecursionError, ZeroDivisionError)  # fmt: skip
_ATTRIBUTES = "_attributes"  # scipy offers no other way to list them
_UNITS = ("units", "unit")


def read_netcdf(path: Path, stream: BinaryIO, account: InputAccount) -> Iterator[Spectrum]:
    """Give the spectra of a classic netCDF file.

    Raises:
        InputError: cut off, damaged, or without spectra.
    """
    arrays = read_arrays(path, read_whole(path, stream))
    names = {one.name for one in arrays.variables}
    if {"mass_values", "intensity_values", "scan_index"} <= names:
        from spectrakit.io.traces.andi import mass_spectra

        yield from mass_spectra(arrays, account)
    elif "ordinate_values" in names:
        from spectrakit.io.traces.andi import chromatogram

        yield from chromatogram(arrays, account)
    else:
        yield from spectra_of(arrays, account)


def read_arrays(path: Path, data: bytes) -> Arrays:
    """List the variables of a classic netCDF file.

    Raises:
        InputError: cut off or damaged.
    """
    from scipy.io import netcdf_file

    with _reading(path), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        file = netcdf_file(io.BytesIO(data), "r", mmap=False)
        about = _texts(getattr(file, _ATTRIBUTES))
        variables = [_variable(name, one) for name, one in file.variables.items()]
    return Arrays(path, variables, about)


@contextmanager
def _reading(path: Path) -> Generator[None]:
    try:
        yield
    except _FAILURES as error:
        reason = " ".join(str(error).split())[:200] or type(error).__name__
        raise InputError(
            f"{path}: the netCDF file is cut off or damaged ({reason}).", hint=COPY_AGAIN
        ) from error


def _variable(name: str, one: Any) -> Variable:
    said = _texts(getattr(one, _ATTRIBUTES))
    unit = next((str(said[key]) for key in _UNITS if key in said), "")
    values: NDArray[Any] = one.data
    shape, kind = values.shape, _kind(values)
    if kind == "text":
        values = _joined(values)
        shape = values.shape
    about = {key: str(value) for key, value in said.items() if key not in _UNITS}
    dims = tuple(map(str, one.dimensions)) if kind == "number" else ()
    scaled = partial(_scaled, values, said) if kind == "number" else partial(_as_is, values)
    return Variable(name, shape, kind, scaled, unit, dims, about)


def _as_is(values: NDArray[Any]) -> NDArray[Any]:
    return values


def _scaled(values: NDArray[Any], said: Mapping[str, Any]) -> NDArray[Any]:
    """Undo the packing that the attributes state (netCDF conventions), in native byte order."""
    native = values.astype(values.dtype.newbyteorder("="), copy=False)
    scale, offset = said.get("scale_factor", 1.0), said.get("add_offset", 0.0)
    plain = not isinstance(scale, str) and not isinstance(offset, str)
    if not plain or (scale == 1.0 and offset == 0.0):
        return native
    return native * float(scale) + float(offset)


def _kind(values: NDArray[Any]) -> Kind:
    if values.dtype.kind in "iuf":
        return "number"
    return "text" if values.dtype.kind == "S" and values.ndim else "other"


def _joined(characters: NDArray[Any]) -> NDArray[Any]:
    """Return the texts of a character array, whose last dimension is the length."""
    rows = characters.reshape(-1, characters.shape[-1]) if characters.size else characters[:0]
    texts = [b"".join(row.tolist()).split(b"\x00")[0].decode("latin-1") for row in rows]
    return np.array([clip(text) for text in texts], dtype=object)


def _texts(attributes: Mapping[str, Any]) -> dict[str, Any]:
    """Return attributes as texts and numbers, bounded."""
    found: dict[str, Any] = {}
    for key, value in list(attributes.items())[:200]:
        if isinstance(value, bytes):
            value = clip(value.decode("latin-1"))
        elif isinstance(value, np.generic) or (isinstance(value, np.ndarray) and value.size == 1):
            value = np.asarray(value).reshape(-1)[0].item()
        if isinstance(value, str | int | float) and value != "":
            found[str(key)] = value
    return found
