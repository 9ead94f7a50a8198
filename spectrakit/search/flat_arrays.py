"""Named arrays in one memory-mapped file: opened in a millisecond, never unpickled.

Layout: ``SKARRAY1``, the header's length (uint64, little endian), a JSON header
``{"about": {...}, "arrays": {name: [dtype, shape, offset]}}``, then the arrays, each at a
multiple of 64 bytes from the start of the file.
"""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from spectrakit.atomic import atomic_path
from spectrakit.errors import InputError

MAGIC = b"SKARRAY1"
_ALIGN = 64
_DTYPES = {"|u1", "|i1", "<i2", "<i4", "<i8", "<f4", "<f8"}


def _aligned(offset: int) -> int:
    return -(-offset // _ALIGN) * _ALIGN


def write_arrays(path: Path, arrays: Mapping[str, NDArray[Any]], about: Mapping[str, Any]) -> None:
    """Write ``arrays`` and the JSON-able ``about`` under ``path``, whole or not at all.

    Raises:
        InputError: the folder refuses the file.
    """
    whole = {name: np.ascontiguousarray(array) for name, array in arrays.items()}
    sizes = {name: array.nbytes for name, array in whole.items()}
    places: dict[str, list[Any]] = {}
    header = b""
    start = _ALIGN
    for _ in range(8):  # the header holds offsets that depend on its own length: settle it
        offset = start
        for name, array in whole.items():
            places[name] = [array.dtype.str, list(array.shape), offset]
            offset = _aligned(offset + sizes[name])
        header = json.dumps({"about": dict(about), "arrays": places}, sort_keys=True).encode()
        needed = _aligned(len(MAGIC) + 8 + len(header))
        if needed == start:
            break
        start = max(start, needed)
    header = header.ljust(start - len(MAGIC) - 8)
    with atomic_path(path) as part, part.open("wb") as handle:
        handle.write(MAGIC + np.uint64(len(header)).tobytes() + header)
        for name, array in whole.items():
            handle.seek(places[name][2])
            handle.write(array.data if array.size else b"")
        handle.truncate(max([start] + [places[n][2] + sizes[n] for n in whole]))


def open_arrays(
    path: Path, *, hint: str = "Delete the file; it is built again when it is needed."
) -> tuple[dict[str, NDArray[Any]], dict[str, Any]]:
    """Return the arrays of a file, memory-mapped and read-only, and its ``about``.

    ``hint`` says what to do with a damaged one.

    Raises:
        InputError: no such file, another format, or a file shorter than its header says.
    """
    try:
        size = path.stat().st_size
        with path.open("rb") as handle:
            start = handle.read(len(MAGIC) + 8)
            if len(start) < len(MAGIC) + 8 or not start.startswith(MAGIC):
                raise InputError(f"{path}: not a table of arrays.", hint=hint)
            length = int.from_bytes(start[len(MAGIC) :], "little")
            if length > size:
                raise InputError(f"{path}: cut short inside its header.", hint=hint)
            header = json.loads(handle.read(length))
        places, about = header["arrays"], header["about"]
        whole = np.memmap(path, dtype=np.uint8, mode="r") if size else np.zeros(0, np.uint8)
        arrays: dict[str, NDArray[Any]] = {}
        for name, (code, shape, offset) in places.items():
            n_bytes = int(np.prod(shape, dtype=np.int64)) * np.dtype(code).itemsize
            if code not in _DTYPES or min([offset, *shape]) < 0 or offset + n_bytes > size:
                raise InputError(f"{path}: array '{name}' does not fit in the file.", hint=hint)
            arrays[name] = whole[offset : offset + n_bytes].view(code).reshape(shape)
    except OSError as error:
        raise InputError(
            f"{path}: cannot be read: {error.strerror or error}.", hint=hint
        ) from error
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise InputError(f"{path}: its header is damaged ({error}).", hint=hint) from error
    return arrays, about
