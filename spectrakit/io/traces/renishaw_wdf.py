"""Renishaw WiRE files (WDF): single spectra, series and maps with the place of each spectrum.

A file is a chain of blocks (name, number, size). DATA holds the values of all spectra, XLST the
axis they share, ORGN what differs between them: time, X, Y, Z, temperature, flags.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
from numpy.typing import NDArray

from spectrakit.accounting import InputAccount
from spectrakit.io.blocks import Drops
from spectrakit.io.record import BadSpectrum
from spectrakit.io.traces.building import trace
from spectrakit.io.traces.layout import Layout
from spectrakit.io.traces.units import modality_of
from spectrakit.spectrum import Spectrum

_BLOCK = 16
_UNITS = {
    1: "cm-1", 2: "cm-1", 3: "nm", 4: "eV", 5: "um", 6: "counts", 7: "electrons", 8: "mm",
    9: "m", 10: "K", 11: "Pa", 12: "s", 13: "ms", 14: "h", 15: "d", 16: "pixel",
    17: "intensity", 18: "relative intensity", 19: "degree", 20: "radian", 21: "degC",
    22: "degF", 23: "K/min", 24: "filetime",
}  # fmt: skip
_ORIGINS = {
    1: "spectrum_axis", 2: "intensity", 3: "x", 4: "y", 5: "z", 6: "r", 7: "theta", 8: "phi",
    9: "temperature", 10: "pressure", 11: "time", 14: "focus_track_z", 15: "temperature_ramp",
    16: "checksum", 17: "flags", 18: "elapsed_time", 24: "frame",
}  # fmt: skip
_KINDS = {0: "unspecified", 1: "single", 2: "series", 3: "mapping"}
_RAMAN_SHIFT = 1
_FILETIME, _CHECKSUM, _FLAGS, _ELAPSED = 11, 16, 17, 18
_FILETIME_EPOCH = datetime(1601, 1, 1, tzinfo=UTC)
_LATEST_FILETIME = 10**19  # 100 ns; datetime ends before


@dataclass(frozen=True, slots=True)
class _Origin:
    """One quantity that differs between the spectra of a file."""

    kind: int
    name: str
    unit: str
    values: int  # byte of the first of its 8-byte numbers


def read_renishaw_wdf(path: Path, stream: BinaryIO, account: InputAccount) -> Iterator[Spectrum]:
    """Yield the collected spectra; the native id is their number from 1.

    Raises:
        InputError: a block lies outside the file, or the axis or the values are missing.
    """
    layout = Layout.of(path, stream)
    drops = Drops(path, account)
    blocks = _blocks(layout)
    what = "the WDF header"
    n, capacity, count, scans, _, n_x, n_origins = layout.unpack("<IQQIIII", 60, what)
    scan_kind, kind = layout.unpack("<II", 128, what)
    laser = layout.number("<f", 156, what)
    layout.need(0, 512, what)
    for name in ("DATA", "XLST"):
        if name not in blocks:
            raise layout.bad(f"the block {name} is missing")
    x_at, x_size = blocks["XLST"]
    x_kind, x_code = layout.unpack("<II", x_at, "the block XLST")
    if n_x != n or 4 * n > x_size - 8:
        raise layout.bad(f"the axis has {n_x} points and the spectra {n}")
    data_at, data_size = blocks["DATA"]
    if not n or 4 * n * count > data_size:
        raise layout.bad(f"{count} spectra of {n} points do not fit the block DATA")
    x = layout.floats("<f4", x_at + 8, n, "the axis")
    y_code = layout.number("<I", blocks["YLST"][0] + 4, "the block YLST") if "YLST" in blocks else 6
    origins = _origins(layout, blocks, n_origins, capacity, count)
    unit = _UNITS.get(x_code, "")
    said: dict[str, Any] = {
        "measurement": _KINDS.get(kind, ""),
        "scan_type": scan_kind,
        "accumulations": scans,
        "laser_wavenumber": laser,
        "laser_wavelength_nm": 1e7 / laser if laser > 0 else None,
        "operator": layout.text(208, 32, what),
        "application": layout.text(96, 24, what),
        "not_collected": capacity - count if capacity > count else None,
        "map": _map(layout, blocks),
    }
    title = layout.text(240, 160, what, "utf-8")
    technique = "Raman" if x_code == _RAMAN_SHIFT and x_kind == 1 else ""
    values = {6: "counts", 16: "counts", 17: "arbitrary"}.get(y_code, _UNITS.get(y_code, ""))
    for index in range(count):
        y = layout.array("<f4", data_at + 4 * n * index, n, f"spectrum {index + 1}")
        extra, seconds = _place(layout, origins, index)
        try:
            yield trace(
                x,
                unit,
                y,
                values,
                modality=modality_of(technique, axis=x, unit=unit, values=values),
                extra=said | extra,
                native_id=str(index + 1),
                name=title,
                rt_seconds=seconds,
            )
        except BadSpectrum as error:
            drops.drop(str(error), f"spectrum {index + 1}")


def _blocks(layout: Layout) -> dict[str, tuple[int, int]]:
    """Return where the content of the first block of each name is, and its size."""
    found: dict[str, tuple[int, int]] = {}
    at = 0
    while at + _BLOCK <= layout.size:
        name, _, size = layout.unpack("<4sIQ", at, "the head of a block")
        label = name.decode("latin-1")
        if size < _BLOCK:
            raise layout.bad(f"byte {at}: block {label!r} says it has {size} bytes")
        if at + size > layout.size and label in ("WDF1", "DATA", "XLST", "YLST", "ORGN", "WMAP"):
            layout.need(at, size, f"block {label}")
        found.setdefault(label, (at + _BLOCK, size - _BLOCK))
        at += size
    if at > layout.size or (at < layout.size and any(layout.raw(at, layout.size - at, "the end"))):
        layout.need(0, max(at, layout.size + _BLOCK), "the chain of blocks")
    return found


def _origins(
    layout: Layout, blocks: dict[str, tuple[int, int]], n: int, capacity: int, count: int
) -> list[_Origin]:
    """Return what differs between spectra; room is kept for all that were planned."""
    if "ORGN" not in blocks:
        return []
    at, size = blocks["ORGN"]
    n = min(n, layout.number("<I", at, "the block ORGN"))
    step = 24 + 8 * capacity
    if 4 + n * step > size:
        step = 24 + 8 * count
    if 4 + n * step > size:
        raise layout.bad(f"{n} quantities of {count} spectra do not fit the block ORGN")
    found: list[_Origin] = []
    for index in range(n):
        here = at + 4 + index * step
        kind, unit = layout.unpack("<II", here, "the block ORGN")
        name = layout.text(here + 8, 16, "the block ORGN")
        kind &= 0x7FFFFFFF  # the highest bit marks the important ones
        found.append(
            _Origin(kind, _ORIGINS.get(kind, name.lower()), _UNITS.get(unit, ""), here + 24)
        )
    return found


def _place(layout: Layout, origins: list[_Origin], index: int) -> tuple[dict[str, Any], float]:
    """Return the coordinates of a spectrum and its time after the first, in seconds."""
    extra: dict[str, Any] = {}
    seconds = float("nan")
    for origin in origins:
        at = origin.values + 8 * index
        if origin.kind == _FILETIME:
            ticks = layout.number("<Q", at, "the time")
            start = layout.number("<Q", origin.values, "the time")
            if 0 < start <= ticks < _LATEST_FILETIME // 10:
                stamp = _FILETIME_EPOCH + timedelta(microseconds=ticks // 10)
                extra["date"] = stamp.isoformat()
                seconds = (ticks - start) / 1e7
        elif origin.kind == _FLAGS:
            extra["flags"] = layout.number("<Q", at, "the flags") or None
        elif origin.kind != _CHECKSUM:
            extra[origin.name] = layout.number("<d", at, origin.name)
            if origin.unit:
                extra[f"{origin.name}_unit"] = origin.unit
    return extra, seconds


def _map(layout: Layout, blocks: dict[str, tuple[int, int]]) -> dict[str, Any]:
    """Return the grid of a map: origin, step and number of places along x, y and z."""
    if "WMAP" not in blocks or blocks["WMAP"][1] < 48:
        return {}
    flags, _, *grid = layout.unpack("<II6f4I", blocks["WMAP"][0], "the block WMAP")
    places: NDArray[Any] = np.nan_to_num(np.array(grid[:6]))
    return {
        "type": flags,
        "start": places[:3].tolist(),
        "step": places[3:].tolist(),
        "size": list(grid[6:9]),
    }
