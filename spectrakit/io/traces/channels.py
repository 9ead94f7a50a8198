"""Header cells that are positions on an axis: ``1100``, ``1100 nm``, ``X1100``, ``wn_4000.5``."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache

import numpy as np

from spectrakit.io.traces.units import known_axis_unit
from spectrakit.spectrum import FloatArray

FEWEST = 5  # channels: numbers as names of fewer columns may be anything
_PREFIXES = {  # what programs put before a position -> unit it states
    "": "", "x": "", "wl": "", "spc": "", "spec": "", "spectra": "", "spectrum": "",
    "int": "", "intensity": "", "signal": "", "abs": "", "absorbance": "", "refl": "",
    "reflectance": "", "nir": "", "wavelength": "", "lambda": "", "w": "", "raman": "cm-1",
    "wn": "cm-1", "wavenumber": "cm-1", "cm": "cm-1", "nm": "nm", "um": "um", "v": "index",
    "channel": "index", "ch": "index", "band": "index", "pixel": "pixel", "px": "pixel",
    "ppm": "ppm",
}  # fmt: skip
_CHANNEL = re.compile(
    r"\s*([A-Za-z]*)[\s_.@]?(-?(?:\d+(?:[.,]\d*)?|[.,]\d+)(?:[eE][+-]?\d{1,3})?)"
    r"[\s_]*[\[(]?([^\d\s\[\]()][^\[\]()]{0,30})?[\])]?\s*"
)


@dataclass(frozen=True, slots=True)
class Channels:
    """The columns that are one axis: half-open range, positions (n,) and their unit."""

    start: int
    stop: int
    positions: FloatArray
    unit: str  # empty: not stated


@lru_cache(maxsize=65536)
def _channel(cell: str, any_unit: bool) -> tuple[str, float, str] | None:
    """Return (prefix, position, unit) of a header cell, or None when it is no position."""
    match = _CHANNEL.fullmatch(cell[:80])
    if match is None or (prefix := match[1].lower()) not in _PREFIXES:
        return None
    suffix = match[3] or ""
    unit = known_axis_unit(suffix) if suffix else ""
    if any_unit and suffix:
        unit = suffix.strip()
    elif suffix and not unit:
        return None
    position = float(match[2].replace(",", "."))
    return (prefix, position, unit) if abs(position) < 1e300 else None


def find_channels(
    header: Sequence[str], fewest: int = FEWEST, *, at_end: bool = False
) -> Channels | None:
    """Return the longest run of columns whose names are positions, or None.

    Names of one run share their prefix and unit.

    Args:
        header: names of the columns.
        fewest: channels that a run must have.
        at_end: take the run that ends with the last column, in whatever unit.
    """
    best = (0, 0)
    found = [_channel(cell, at_end) for cell in header]
    start = 0
    while start < len(found):
        first = found[start]
        stop = start + 1
        if first is not None:
            while stop < len(found) and (one := found[stop]) and one[::2] == first[::2]:
                stop += 1
            if (at_end and stop == len(found)) or (not at_end and stop - start > best[1] - best[0]):
                best = (start, stop)
        start = stop
    if best[1] - best[0] < max(fewest, 1):
        return None
    run = [one for one in found[slice(*best)] if one is not None]
    prefix, _, unit = run[0]
    return Channels(*best, np.array([one[1] for one in run]), unit or _PREFIXES[prefix])
