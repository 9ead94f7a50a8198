"""The <peaks> elements of an mzXML scan: pairs of m/z and intensity, or one array each.

Source: mzXML_idx_3.2.xsd; ``byteOrder`` is ``network`` by the schema.
"""

from dataclasses import dataclass
from math import isnan
from typing import Any

import numpy as np
from numpy.typing import NDArray

from spectrakit.io.fields import number
from spectrakit.io.packed_numbers import OTHER_LENGTH, UNDECODABLE, numbers
from spectrakit.io.record import BadSpectrum
from spectrakit.spectrum import FloatArray

_NO_PEAKS = "peaks are declared, but there are none"
_DISAGREE = "m/z and intensity arrays differ in length"
_PAIRS = "m/z-int"
_COLUMNS = {"S/N": "signal_to_noise", "charge": "charge"}


@dataclass(frozen=True, slots=True)
class Peaks:
    """One <peaks> element as the file has it."""

    attributes: dict[str, str]
    text: str

    @property
    def content(self) -> str:
        """What the numbers are; version 2 called it ``pairOrder``."""
        said = self.attributes
        return said.get("contentType") or said.get("pairOrder") or _PAIRS

    def values(self, count: int | None, each: int) -> NDArray[Any]:
        """Return the numbers, ``each`` for a peak, as the file has them: big-endian.

        Raises:
            BadSpectrum: they cannot be decoded, or are not ``count`` peaks.
        """
        said = self.attributes
        precision = said.get("precision", "32")
        packing = said.get("compressionType", "none")
        order = said.get("byteOrder", "network")
        if precision not in ("32", "64") or packing not in ("none", "zlib") or order != "network":
            raise BadSpectrum(UNDECODABLE)
        dtype = ">f4" if precision == "32" else ">f8"
        length = None if count is None else each * count
        return numbers(self.text, dtype, length, zipped=packing == "zlib", native=False)


def unpack_peaks(
    found: list[Peaks], declared: str | None, extra: dict[str, Any]
) -> tuple[FloatArray, FloatArray, dict[str, NDArray[Any]]]:
    """Return m/z, intensity and further columns of a scan, in the order of the file.

    Args:
        found: its <peaks> elements.
        declared: ``peaksCount``, or None where it is missing.
        extra: told of arrays that are not read.

    Raises:
        BadSpectrum: an array is missing or wrong.
    """
    count = _count(declared)
    filled = [one for one in found if one.text and not one.text.isspace()]
    if not filled:
        if count:
            raise BadSpectrum(_NO_PEAKS)
        return np.empty(0), np.empty(0, np.float32), {}
    if count == 0:
        _check_nothing(filled)
        return np.empty(0), np.empty(0, np.float32), {}
    arrays: dict[str, NDArray[Any]] = {}
    for one in filled:
        if one.content == _PAIRS:
            pairs = one.values(count, 2)
            if len(pairs) % 2:
                raise BadSpectrum(OTHER_LENGTH)
            arrays.setdefault("m/z", pairs[0::2])
            arrays.setdefault("intensity", pairs[1::2])
        elif one.content in ("m/z", "intensity", *_COLUMNS):
            arrays.setdefault(one.content, one.values(count, 1))
        else:  # "TOF", "m/z ruler": no table of the program that made them is in the file
            extra[f"peaks {one.content} (not read)"] = f"{len(one.text)} characters of base64"
    mz, intensity = arrays.get("m/z"), arrays.get("intensity")
    if mz is None or intensity is None or len(mz) != len(intensity):
        raise BadSpectrum("no m/z array" if mz is None else _DISAGREE)
    columns = {name: _native(arrays[key]) for key, name in _COLUMNS.items() if key in arrays}
    if any(len(column) != len(mz) for column in columns.values()):
        raise BadSpectrum(OTHER_LENGTH)
    return mz.astype(np.float64), _native(intensity), columns


def _native(values: NDArray[Any]) -> NDArray[Any]:
    """Return a packed copy in the byte order of this machine."""
    return values.astype(values.dtype.newbyteorder("="))


def _count(declared: str | None) -> int | None:
    if declared is None or not declared.strip():
        return None
    value = number(declared)
    if isnan(value) or value < 0 or value != int(value):
        raise BadSpectrum("peaksCount is no count")
    return int(value)


def _check_nothing(found: list[Peaks]) -> None:
    """A scan without peaks is written by msconvert and ReAdW with one peak of zeros."""
    for one in found:
        values = one.values(None, 1)
        if len(values) > 2 or values.any():
            raise BadSpectrum(OTHER_LENGTH)
