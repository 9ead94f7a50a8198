"""Galactic SPC files: old and new, little- and big-endian, with one or many subfiles.

Four ways of X: even steps, one list for all subfiles, a list in each subfile, or (mass spectra)
one subfile with a list. Values are 16-bit or 32-bit integers with an exponent of two, or float32.
The old layout stores the two halves of a 32-bit integer in the other order.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from math import isfinite
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
from numpy.typing import NDArray

from spectrakit.accounting import InputAccount
from spectrakit.io.blocks import Drops
from spectrakit.io.record import BadSpectrum
from spectrakit.io.traces.building import trace
from spectrakit.io.traces.galactic_spc_header import (
    FLOAT_EXPONENT,
    GIVEN_X,
    MULTI,
    OWN_X,
    Y_16_BIT,
    Header,
    read_header,
)
from spectrakit.io.traces.layout import Layout, even_axis
from spectrakit.io.traces.units import axis_unit, known_value_unit, modality_of
from spectrakit.spectrum import Spectrum

_SUB = 32  # bytes of a subfile's header
_ENTRY = 12  # bytes of a subfile's entry in the directory


@dataclass(frozen=True, slots=True)
class _Sub:
    """A subfile: its header and where its points are."""

    index: int
    exponent: int
    z: float
    z_next: float
    n: int
    scans: int
    w: float
    points: int  # byte of its first number


def read_galactic_spc(path: Path, stream: BinaryIO, account: InputAccount) -> Iterator[Spectrum]:
    """Yield the subfiles in the order of the file; the native id is the subfile's number from 1.

    Raises:
        InputError: the file ends before its points do, or contradicts itself.
    """
    layout = Layout.of(path, stream)
    header = read_header(layout)
    drops = Drops(path, account)
    shared: NDArray[np.float64] | None = None
    bad_axis = ""
    start = header.start
    if not header.flags & OWN_X:
        if header.flags & GIVEN_X and not header.is_old:
            shared = layout.floats(header.order + "f4", start, header.n, "the X of all subfiles")
            start += 4 * header.n
        else:
            width = 2 if header.flags & Y_16_BIT else 4
            layout.need(start, _SUB + width * header.n, f"{header.n} points")
            try:
                shared = even_axis(header.first, header.last, header.n)
            except BadSpectrum as error:
                bad_axis = str(error)
    for number, sub in enumerate(_subfiles(layout, header, start), start=1):
        try:
            if bad_axis:
                raise BadSpectrum(bad_axis)
            yield _spectrum(layout, header, sub, shared, number)
        except BadSpectrum as error:
            drops.drop(str(error), f"subfile {number}")


def _subfiles(layout: Layout, header: Header, start: int) -> Iterator[_Sub]:
    """Yield the subfiles; with their own X the directory says where they are, if there is one."""
    own_x = bool(header.flags & OWN_X)
    width = 2 if header.flags & Y_16_BIT else 4
    directory = header.n if own_x and header.flags & MULTI else 0
    if directory and not 512 <= directory <= layout.size - _ENTRY * header.n_sub:
        directory = 0
    position, number = start, 0
    while number < header.n_sub or not header.n_sub:
        if not header.n_sub and position + _SUB > layout.size:
            if not number:
                raise layout.bad("there is no subfile after the header")
            return
        if directory:
            at = directory + _ENTRY * number
            position = layout.number(header.order + "I", at, "the directory of subfiles")
        sub = _sub(layout, header, position, number, own_x=own_x)
        size = sub.n * (width + 4 * own_x)
        if not header.n_sub and position + _SUB + size > layout.size:
            rest = layout.size - position
            if number and rest < _SUB + size and not any(layout.raw(position, rest, "the rest")):
                return  # filled up with zeros
        layout.need(sub.points, size, f"subfile {number + 1} with {sub.n} points")
        yield sub
        position = sub.points + size
        number += 1


def _sub(layout: Layout, header: Header, position: int, number: int, *, own_x: bool) -> _Sub:
    what = f"the header of subfile {number + 1}"
    _, exponent, index, z, z_next, _, n, scans, w = layout.unpack(
        header.order + "BbHfffIIf", position, what
    )
    layout.need(position, _SUB, what)
    if not header.flags & MULTI or header.exponent == FLOAT_EXPONENT:
        exponent = header.exponent
    n = n if own_x else header.n
    return _Sub(index, exponent, z, z_next, n, scans, w, position + _SUB)


def _spectrum(
    layout: Layout, header: Header, sub: _Sub, shared: NDArray[Any] | None, number: int
) -> Spectrum:
    offset = sub.points
    x = shared
    if x is None:
        x = layout.floats(header.order + "f4", offset, sub.n, "X")
        offset += 4 * sub.n
    y = _values(layout, header, sub, offset)
    x_unit = header.x_unit or axis_unit(str(header.extra.get("x_label", "")))
    label = known_value_unit(str(header.extra.get("y_label", "")))
    y_unit = label if label and header.y_unit in ("", "arbitrary") else header.y_unit
    z_known = isfinite(sub.z) and (header.flags & MULTI) != 0
    extra = header.extra | {
        "z": sub.z if z_known else None,
        "z_unit": header.z_unit if z_known else "",
        "w": sub.w if header.extra.get("w_planes") and isfinite(sub.w) else None,
        "subfile_scans": sub.scans or None,
    }
    is_minutes = z_known and header.z_unit in ("min", "s")
    return trace(
        x,
        x_unit,
        y,
        y_unit,
        modality=modality_of(_said(header), axis=x, unit=x_unit, values=y_unit),
        extra=extra,
        native_id=str(number),
        name=header.name,
        rt_seconds=sub.z * (60 if header.z_unit == "min" else 1) if is_minutes else float("nan"),
    )


def _said(header: Header) -> str:
    """Return what the file says of the technique: its code, else its comment."""
    if header.y_unit == "interferogram":
        return "FT-IR"
    return header.technique or str(header.extra["comment"])


def _values(layout: Layout, header: Header, sub: _Sub, offset: int) -> NDArray[Any]:
    """Return the (n,) values: float32 as stored, or integers times a power of two."""
    if sub.exponent == FLOAT_EXPONENT:
        return layout.array(header.order + "f4", offset, sub.n, "Y")
    bits = 16 if header.flags & Y_16_BIT else 32
    if bits == 16:
        whole = layout.array(header.order + "i2", offset, sub.n, "Y")
    elif header.is_old:
        halves = layout.array("<u2", offset, 2 * sub.n, "Y").reshape(-1, 2).astype(np.uint32)
        whole = (halves[:, 0] << 16 | halves[:, 1]).view(np.int32)
    else:
        whole = layout.array(header.order + "i4", offset, sub.n, "Y")
    return np.ldexp(whole.astype(np.float64), sub.exponent - bits)
