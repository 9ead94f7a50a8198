"""numpy's ``.npy`` (one array) and ``.npz`` (a zip archive of named arrays), without pickles."""

import io
import tokenize
from collections.abc import Generator, Iterator
from contextlib import contextmanager
from functools import partial
from math import prod
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
from numpy.lib import format as npy
from numpy.typing import NDArray

from spectrakit.accounting import InputAccount
from spectrakit.errors import InputError
from spectrakit.io.streams import COPY_AGAIN
from spectrakit.io.traces.array_samples import clip
from spectrakit.io.traces.array_spectra import spectra_of
from spectrakit.io.traces.arrays import Arrays, Kind, Variable, check_bytes
from spectrakit.io.traces.whole import read_whole
from spectrakit.io.traces.zips import open_zip, read_member
from spectrakit.spectrum import Spectrum

_FAILURES = (ValueError, TypeError, SyntaxError, KeyError, OverflowError, EOFError, MemoryError,
             RecursionError, tokenize.TokenError, UnicodeDecodeError)  # fmt: skip
_MOST_MEMBERS = 10_000
_KINDS: dict[str, Kind] = {**dict.fromkeys("biuf", "number"), "U": "text", "S": "text"}


def read_npy(path: Path, stream: BinaryIO, account: InputAccount) -> Iterator[Spectrum]:
    """Give the rows of one array; it has no axis, so the channel index is.

    Raises:
        InputError: cut off, pickled, or no matrix of numbers.
    """
    variable = _variable(path, "array", read_whole(path, stream))
    if variable.kind == "number" and len(variable.shape) == 1 and variable.n > 1:
        values = variable.values.reshape(1, -1)
        axis = np.arange(values.shape[1], dtype=np.float64)
        from spectrakit.io.traces.array_rule import Sheet

        sheets = [Sheet(variable, values, axis, has_axis=False)]
        yield from spectra_of(Arrays(path, [variable]), account, sheets=sheets)
        return
    yield from spectra_of(Arrays(path, [variable]), account)


def read_npz(path: Path, stream: BinaryIO, account: InputAccount) -> Iterator[Spectrum]:
    """Give the spectra of named arrays.

    Raises:
        InputError: the archive is damaged, an array is larger than it can be, or which arrays
            are spectra cannot be told.
    """
    variables: list[Variable] = []
    with _reading(path, "the archive"), open_zip(path, stream) as archive:
        members = [one for one in archive.infolist() if one.filename.endswith(".npy")]
        if len(members) > _MOST_MEMBERS:
            raise InputError(
                f"{path}: has {len(members)} arrays, too many.", hint="Split the file."
            )
        for one in members:
            name = one.filename.removesuffix(".npy")
            variables.append(_variable(path, name, read_member(path, archive, one)))
    yield from spectra_of(Arrays(path, variables), account)


@contextmanager
def _reading(path: Path, what: str) -> Generator[None]:
    try:
        yield
    except _FAILURES as error:
        reason = " ".join(str(error).split())[:200] or type(error).__name__
        raise InputError(
            f"{path}: {what} is cut off or damaged ({reason}).", hint=COPY_AGAIN
        ) from error


def _variable(path: Path, name: str, data: bytes) -> Variable:
    """Return an array whose bytes are all here; only its header is read now."""
    stream = io.BytesIO(data)
    with _reading(path, f"'{name}'"):
        version = npy.read_magic(stream)
        read = npy.read_array_header_1_0 if version == (1, 0) else npy.read_array_header_2_0
        shape, fortran, dtype = read(stream)
    if dtype.hasobject:
        return Variable(name, shape, "other", partial(_refuse, path, name))
    if dtype.names is not None or min(shape, default=0) < 0:
        return Variable(name, shape, "other", partial(_refuse, path, name))
    check_bytes(path, name, prod(shape) * dtype.itemsize, len(data) - stream.tell())
    load = partial(_load, data, stream.tell(), shape, fortran, dtype)
    return Variable(name, shape, _KINDS.get(dtype.kind, "other"), load)


def _load(
    data: bytes, start: int, shape: tuple[int, ...], fortran: bool, dtype: np.dtype[Any]
) -> NDArray[Any]:
    flat = np.frombuffer(data, dtype, prod(shape), start)
    values = flat.reshape(shape, order="F" if fortran else "C")
    if dtype.kind == "S":
        texts = [clip(one.decode("utf-8", "replace")) for one in values.reshape(-1).tolist()]
        return np.array(texts, dtype=object).reshape(shape)
    if dtype.kind == "U":
        texts = [clip(one) for one in _texts(values)]
        return np.array(texts, dtype=object).reshape(shape)
    return values.astype(dtype.newbyteorder("="), copy=False)


def _texts(values: NDArray[Any]) -> Iterator[str]:
    """Yield UCS-4 texts; a code that no character has becomes the replacement character."""
    for one in values.reshape(-1):
        try:
            yield str(one)
        except (ValueError, UnicodeError):
            yield "\ufffd"


def _refuse(path: Path, name: str) -> NDArray[Any]:
    raise InputError(
        f"{path}: '{name}' holds Python objects, which are not read.",
        hint="Save plain numbers and texts.",
    )
