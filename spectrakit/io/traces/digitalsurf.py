"""Digital Surf (MountainsMap) files that hold spectra: one spectrum (.pro) or a map (.sur).

A header of 512 bytes, a comment, a private zone, then integers that a step and an offset turn
into values; compressed files have the integers in zlib streams.

Source: the field order as documented by the rosettasciio project; no code of it is used.
"""

import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
from numpy.typing import NDArray

from spectrakit.accounting import InputAccount
from spectrakit.io.blocks import Drops
from spectrakit.io.record import BadSpectrum
from spectrakit.io.traces.building import trace
from spectrakit.io.traces.layout import Layout
from spectrakit.io.traces.units import axis_unit, modality_of, value_unit
from spectrakit.spectrum import Spectrum

MARKS = (b"DIGITAL SURF", b"DSCOMPRESSED")
_HEADER = 512
_PROFILE, _SPECTRUM, _MAP = 1, 20, 21
_KINDS = {2: "a surface", 10: "an intensity image", 12: "an RGB image"}
_MOST_STREAMS = 64
_MOST_BYTES = 1 << 31


@dataclass(frozen=True, slots=True)
class _Header:
    """The fields of the header that matter to spectra."""

    kind: int
    w: int  # points of the spectral axis of a map
    bits: int
    low: int  # the integer of the smallest value
    width: int
    height: int
    special: bool
    steps: tuple[float, ...]  # x, y, z, t
    offsets: tuple[float, ...]
    names: tuple[str, ...]  # x, y, z, t
    units: tuple[str, ...]
    ratio: float
    comment: int
    private: int
    extra: dict[str, Any]


def read_digitalsurf(path: Path, stream: BinaryIO, account: InputAccount) -> Iterator[Spectrum]:
    """Yield the spectra, of maps row by row with their place in ``extra``.

    Raises:
        InputError: the file holds a surface or an image, or ends too early.
    """
    layout = Layout.of(path, stream)
    drops = Drops(path, account)
    header = _header(layout)
    if header.kind not in (_PROFILE, _SPECTRUM, _MAP):
        what = _KINDS.get(header.kind, f"an object of kind {header.kind}")
        raise layout.bad(f"holds {what}, not spectra", "Give the file with the spectral map.")
    if header.width < 0 or header.height < 0 or header.w < 0 or header.bits not in (16, 32):
        raise layout.bad(f"the map is {header.width} by {header.height} by {header.w}")
    is_map = header.kind == _MAP
    n = header.w if is_map else header.width
    count = header.width * header.height if is_map else max(header.height, 1)
    if not n:
        raise layout.bad("the spectra have no points")
    raw = _integers(layout, header, n * count)
    which = 3 if is_map else 0
    step = header.steps[which] or 1.0
    with np.errstate(over="ignore", invalid="ignore"):
        x = np.float64(header.offsets[which]) + np.float64(step) * np.arange(n)
    unit = axis_unit(header.units[which])
    values = value_unit(header.units[2]) or value_unit(header.names[2])
    scale = header.steps[2] / (header.ratio or 1.0)
    for index in range(count):
        whole = raw[index * n : (index + 1) * n]
        with np.errstate(over="ignore", invalid="ignore"):
            y = (whole.astype(np.float64) - header.low) * scale + header.offsets[2]
        if header.special:
            y[whole == header.low - 2] = np.nan  # points that were not measured
        extra = header.extra | _place(header, index, is_map=is_map)
        try:
            yield trace(
                x,
                unit,
                y,
                values,
                modality=modality_of(header.names[which], axis=x, unit=unit, values=values),
                extra=extra,
                native_id=str(index + 1),
            )
        except BadSpectrum as error:
            drops.drop(str(error), f"spectrum {index + 1}")


def _header(layout: Layout) -> _Header:
    what = "the Digital Surf header"
    layout.need(0, _HEADER, what)
    if layout.number("<h", 12, what) != 0:
        raise layout.bad("byte 12: the byte order is not that of PCs")
    kind = layout.number("<h", 18, what)
    special = layout.number("<h", 86, what)
    w, bits, low, _, width, height = layout.unpack("<Ihiiii", 94, what)
    steps = layout.unpack("<fff", 120, what)
    words = [layout.text(132 + 16 * i, 16, what) for i in range(9)]
    *_, ratio = layout.unpack("<fff", 276, what)
    seconds, minutes, hours, day, month, year = layout.unpack("<6h", 306, what)
    comment, private = layout.unpack("<hh", 334, what)
    x0, y0, z0, t_step, t0 = layout.unpack("<5f", 466, what)
    date = f"{year:04d}-{month:02d}-{day:02d}T{hours:02d}:{minutes:02d}:{seconds:02d}"
    return _Header(
        kind=kind,
        w=w,
        bits=bits,
        low=low,
        width=width,
        height=height,
        special=special == 1,
        steps=(*steps, t_step),
        offsets=(x0, y0, z0, t0),
        names=(*words[:3], layout.text(486, 13, what)),
        units=(*words[3:6], layout.text(499, 13, what)),
        ratio=ratio,
        comment=comment,
        private=private,
        extra={
            "title": layout.text(20, 30, what),
            "operator": layout.text(50, 30, what),
            "date": date if year else "",
        },
    )


def _integers(layout: Layout, header: _Header, count: int) -> NDArray[Any]:
    """Return the (count,) integers after comment and private zone."""
    if header.comment < 0 or header.private < 0:
        raise layout.bad(f"the comment has {header.comment} and the zone {header.private} bytes")
    header.extra["comment"] = layout.text(_HEADER, header.comment, "the comment")
    at = _HEADER + header.comment + header.private
    dtype = f"<i{header.bits // 8}"
    if layout.raw(0, 12, "the mark") == MARKS[0]:
        return layout.array(dtype, at, count, f"{count} points")
    size = count * header.bits // 8
    streams = layout.number("<I", at, "the compressed points")
    if not 0 < streams <= _MOST_STREAMS or size > _MOST_BYTES:
        raise layout.bad(f"the points are in {streams} streams of {size} bytes")
    lengths = [layout.unpack("<II", at + 4 + 8 * i, "a compressed stream") for i in range(streams)]
    at += 4 + 8 * streams
    pieces: list[bytes] = []
    for plain_size, packed_size in lengths:
        packed = layout.raw(at, packed_size, "a compressed stream")
        at += packed_size
        try:
            pieces.append(zlib.decompressobj().decompress(packed, min(plain_size, size) + 1))
        except zlib.error as error:
            raise layout.bad(f"a compressed stream is damaged ({error})") from error
    data = Layout(layout.path, b"".join(pieces))
    return data.array(dtype, 0, count, f"{count} compressed points")


def _place(header: _Header, index: int, *, is_map: bool) -> dict[str, Any]:
    """Return where a spectrum of a map or a series was measured."""
    if not is_map:
        if header.height <= 1:
            return {}
        return {"y": header.offsets[1] + header.steps[1] * index, "y_unit": header.units[1]}
    row, column = divmod(index, header.width)
    return {
        "row": row + 1,
        "column": column + 1,
        "x": header.offsets[0] + header.steps[0] * column,
        "y": header.offsets[1] + header.steps[1] * row,
        "x_unit": header.units[0],
        "y_unit": header.units[1],
    }
