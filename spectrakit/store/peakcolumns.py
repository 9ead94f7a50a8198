"""Further columns of points (ion mobility, annotations) while a block is written.

A column's link is its name and a code of its type, ``ion_mobility.f8`` or ``annotation.text``,
so that every value comes back with the type it had, even where files disagree.
"""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from spectrakit.errors import InputError
from spectrakit.spectrum import Spectrum
from spectrakit.store.digest import Attribute
from spectrakit.store.emit import Emitter
from spectrakit.store.layout import ENCODING_VERSION, link_name
from spectrakit.store.spool import Spool
from spectrakit.store.text import encode_texts

TEXT = "text"
BOOL = "bool"
NUMBERS = ("f2", "f4", "f8", "i1", "i2", "i4", "i8", "u1", "u2", "u4", "u8")


class PeakColumns:
    """The columns of one block, by link."""

    def __init__(self, spool: Spool, prefix: str) -> None:
        self._spool = spool
        self._prefix = prefix
        self._waiting: dict[str, list[NDArray[Any]]] = {}
        self._rows: dict[str, list[int]] = {}

    def add(self, row: int, spectrum: Spectrum) -> None:
        """Buffer the columns of the block's spectrum number ``row``.

        Raises:
            InputError: a column has another length than the axis, or a type that is no column.
        """
        checked: list[tuple[str, NDArray[Any]]] = []
        for name, values in spectrum.columns.items():
            code, array = _coded(spectrum, name, np.asarray(values))
            checked.append((f"{link_name(name)}.{code}", array))
        for link, array in checked:
            self._waiting.setdefault(link, []).append(array)
            self._rows.setdefault(link, []).append(row)

    def flush(self) -> None:
        """Move what is buffered to the spool."""
        for link, arrays in self._waiting.items():
            key = f"{self._prefix}/{link}"
            joined = np.concatenate(arrays)
            if joined.dtype.kind in "UO":
                blob, lengths = encode_texts(joined.tolist())
                self._spool.append(f"{key}/bytes", blob)
                self._spool.append(f"{key}/lengths", lengths)
            else:
                self._spool.append(key, joined)
            self._spool.append(f"{key}/rows", np.array(self._rows[link], "<i8"))
        known = self._rows.keys()
        self._rows = {link: [] for link in known}
        self._waiting = {}

    def emit(self, emitter: Emitter, root: str, n: int) -> None:
        """Write one group for each column: ``data``, and ``present`` where rows lack it."""
        for link in sorted(self._rows):
            key, path = f"{self._prefix}/{link}", f"{root}/{link}"
            attributes: dict[str, Attribute] = {
                "encoding-type": "point-column",
                "encoding-version": ENCODING_VERSION,
            }
            emitter.group(path, attributes)
            code = link.rsplit(".", 1)[1]
            if code == TEXT:
                pieces = [*self._spool.pieces(f"{key}/lengths", "<i8")]
                lengths = np.concatenate(pieces) if pieces else np.zeros(0, np.int64)
                n_bytes = self._spool.count(f"{key}/bytes")
                blob = self._spool.pieces(f"{key}/bytes", "|u1")
                emitter.text(f"{path}/data", blob, n_bytes, lengths)
            else:
                dtype = np.dtype("u1" if code == BOOL else code).newbyteorder("<").str
                count = self._spool.count(key)
                emitter.stream(f"{path}/data", (count,), dtype, self._spool.pieces(key, dtype))
            present = np.zeros(n, np.uint8)
            for rows in self._spool.pieces(f"{key}/rows", "<i8"):
                present[rows] = 1
            if not present.all():
                emitter.array(f"{path}/present", present)


def _coded(spectrum: Spectrum, name: str, values: NDArray[Any]) -> tuple[str, NDArray[Any]]:
    """Return a column's type code and its values in the stored type."""
    place = f"spectrum '{spectrum.native_id}': column '{name}'"
    if values.shape != spectrum.axis.values.shape:
        raise InputError(
            f"{place} has shape {values.shape} for {len(spectrum)} points.",
            hint="A column holds one value for each point.",
        )
    if values.dtype.kind in "UO":
        if not all(isinstance(value, str) for value in values.tolist()):
            raise InputError(f"{place} holds objects that are no text.")
        return TEXT, values.astype(object)
    code = BOOL if values.dtype.kind == "b" else f"{values.dtype.kind}{values.dtype.itemsize}"
    if code == BOOL:
        return code, values.astype(np.uint8)
    if code not in NUMBERS:
        raise InputError(f"{place} has type {values.dtype}.", hint="Use numbers, bools or text.")
    return code, values.astype(values.dtype.newbyteorder("<"), copy=False)
