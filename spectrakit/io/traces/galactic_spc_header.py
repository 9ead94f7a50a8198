"""The main header and the log of a Galactic SPC file, old and new.

Source: the public layout of SPC.H (Galactic Industries), versions 0x4B, 0x4C and 0x4D.
"""

from dataclasses import dataclass, field
from math import isfinite
from typing import Any

from spectrakit.io.traces.layout import Layout, plain

NEW, NEW_BIG_ENDIAN, OLD = 0x4B, 0x4C, 0x4D
FLOAT_EXPONENT = -128
Y_16_BIT, MULTI, LABELS, OWN_X, GIVEN_X = 0x01, 0x04, 0x20, 0x40, 0x80
_MOST_POINTS = 1 << 31
_X_UNITS = {
    1: "cm-1", 2: "um", 3: "nm", 4: "s", 5: "min", 6: "Hz", 7: "kHz", 8: "MHz", 9: "m/z",
    10: "ppm", 11: "d", 12: "a", 13: "cm-1", 14: "eV", 16: "pixel", 17: "channel", 18: "degree",
    19: "degF", 20: "degC", 21: "K", 22: "index", 23: "ms", 24: "us", 25: "ns", 26: "GHz",
    27: "cm", 28: "m", 29: "mm", 30: "h", 255: "index",
}  # fmt: skip
_Y_UNITS = {
    0: "arbitrary", 1: "interferogram", 2: "absorbance", 3: "Kubelka-Munk", 4: "counts", 5: "V",
    6: "degree", 7: "mA", 8: "mm", 9: "mV", 10: "log(1/R)", 11: "percent", 12: "intensity",
    13: "relative intensity", 14: "energy", 16: "dB", 19: "degF", 20: "degC", 21: "K",
    22: "refractive index", 23: "extinction coefficient", 24: "real", 25: "imaginary",
    26: "complex", 128: "transmittance", 129: "reflectance", 130: "single beam", 131: "emission",
}  # fmt: skip
_TECHNIQUES = {
    1: "gas chromatogram", 2: "chromatogram", 3: "HPLC chromatogram",
    5: "NIR", 7: "UV-VIS", 8: "X-ray diffraction", 9: "mass spectrum", 10: "NMR", 11: "Raman",
    12: "fluorescence", 13: "atomic", 14: "diode array chromatogram",
}  # fmt: skip
_RAMAN_SHIFT = 13


@dataclass(slots=True)
class Header:
    """What the main header says; ``exponent`` is -128 where the values are float32."""

    order: str  # of struct: < or >
    is_old: bool
    flags: int
    exponent: int
    n: int  # points of each subfile; of files with own X: where their directory is
    first: float
    last: float
    n_sub: int  # 0: until the end of the file (old layout)
    start: int  # byte after the header
    log_offset: int
    x_unit: str
    y_unit: str
    z_unit: str
    technique: str
    name: str
    extra: dict[str, Any] = field(default_factory=dict[str, Any])


def read_header(layout: Layout) -> Header:
    """Return the main header.

    Raises:
        InputError: the file ends inside it, or its number of points is impossible.
    """
    version = layout.number("B", 1, "the version of the file")
    return _old(layout) if version == OLD else _new(layout, "><"[version == NEW])


def _new(layout: Layout, order: str) -> Header:
    flags, _, technique, exponent = layout.unpack(order + "BBBb", 0, "the SPC header")
    n, first, last, n_sub = layout.unpack(order + "IddI", 4, "the SPC header")
    x_code, y_code, z_code, _ = layout.unpack("4B", 28, "the SPC header")
    date = layout.number(order + "I", 32, "the date")
    log_offset = layout.number(order + "I", 248, "the offset of the log")
    layout.need(0, 512, "the SPC header")
    width = 2 if flags & Y_16_BIT else 4
    if n_sub > 1 and not flags & OWN_X and layout.size >= 512 + n_sub * (32 + width * n):
        flags |= MULTI  # some writers forget the flag
    factor = layout.number(order + "f", 260, "the concentration factor")
    w_planes, w_step, w_code = layout.unpack(order + "IfB", 316, "the W axis")
    comment = layout.text(88, 130, "the comment")
    method = layout.text(264, 48, "the method")
    extra: dict[str, Any] = {
        "technique": _TECHNIQUES.get(
            technique, "FT-IR, FT-NIR or FT-Raman" if technique == 4 else ""
        ),
        "date": _packed_date(date),
        "resolution": layout.text(36, 9, "the resolution"),
        "comment": comment,
        "method": method,
        "w_planes": w_planes or None,
        "w_step": w_step if w_planes else None,
        "w_unit": _X_UNITS.get(w_code, "") if w_planes else "",
        "concentration_factor": factor if isfinite(factor) and factor not in (0, 1) else None,
    }
    return _finish(
        layout,
        Header(
            order=order,
            is_old=False,
            flags=flags,
            exponent=exponent,
            n=n,
            first=first,
            last=last,
            n_sub=n_sub if flags & MULTI else 1,
            start=512,
            log_offset=log_offset,
            x_unit=_X_UNITS.get(x_code, ""),
            y_unit=_Y_UNITS.get(y_code, ""),
            z_unit=_X_UNITS.get(z_code, ""),
            technique="Raman" if x_code == _RAMAN_SHIFT else _TECHNIQUES.get(technique, ""),
            name=comment.split("\r")[0].split("\n")[0].strip()[:200] if _is_text(comment) else "",
            extra=extra,
        ),
        layout.raw(218, 30, "the labels of the axes"),
    )


def _old(layout: Layout) -> Header:
    flags, _, exponent, n, first, last = layout.unpack("<BBhfff", 0, "the old SPC header")
    x_code, y_code, year, month, day, hour, minute = layout.unpack("<BBHBBBB", 16, "the date")
    layout.need(0, 256, "the old SPC header")
    comment = layout.text(64, 130, "the comment")
    scans = layout.number("<H", 34, "the number of scans")
    if not (isfinite(n) and 0 <= n < _MOST_POINTS):
        raise layout.bad(f"byte 4: the number of points is {n}")
    year, z_code = year & 0x0FFF, year >> 12
    extra: dict[str, Any] = {
        "date": f"{year:04d}-{month:02d}-{day:02d}T{hour:02d}:{minute:02d}" if year else "",
        "resolution": layout.text(24, 8, "the resolution"),
        "scans": scans or None,
        "comment": comment,
    }
    return _finish(
        layout,
        Header(
            order="<",
            is_old=True,
            flags=flags,
            exponent=max(exponent, FLOAT_EXPONENT),
            n=int(n),
            first=first,
            last=last,
            n_sub=0 if flags & MULTI else 1,
            start=224,
            log_offset=0,
            x_unit=_X_UNITS.get(x_code, ""),
            y_unit=_Y_UNITS.get(y_code, ""),
            z_unit=_X_UNITS.get(z_code, ""),
            technique="Raman" if x_code == _RAMAN_SHIFT else "",
            name=comment.split("\r")[0].split("\n")[0].strip()[:200] if _is_text(comment) else "",
            extra=extra,
        ),
        layout.raw(194, 30, "the labels of the axes"),
    )


def _finish(layout: Layout, header: Header, labels: bytes) -> Header:
    """Take the axes' own labels where the file uses them, and the text of the log."""
    if header.flags & LABELS:
        words = [plain(word) for word in labels.split(b"\0")[:3]]
        for key, word in zip(("x_label", "y_label", "z_label"), words, strict=False):
            if word and word.isprintable():
                header.extra[key] = word
    if not _is_text(header.extra["comment"]):
        header.extra["comment"] = ""
    header.extra["log"] = _log(layout, header)
    return header


def _log(layout: Layout, header: Header) -> str:
    """Return the text of the log block; empty when the file has none or it is damaged."""
    offset = header.log_offset
    if not 0 < offset <= layout.size - 64:
        return ""
    size, _, text_at = layout.unpack(header.order + "III", offset, "the log")
    if not 64 <= text_at <= size or offset + text_at >= layout.size:
        return ""
    length = min(size - text_at, layout.size - offset - text_at)
    text = layout.text(offset + text_at, length, "the log")
    return text if _is_text(text) else ""


def _is_text(text: str) -> bool:
    """Say whether a field holds text: some instruments put their own numbers there."""
    odd = sum(not (c.isprintable() or c in "\r\n\t") for c in text)
    return odd * 20 <= len(text)


def _packed_date(packed: int) -> str:
    """Return the date that is packed into 32 bits: minute 6, hour 5, day 5, month 4, year 12."""
    if not packed:
        return ""
    minute, hour = packed & 63, packed >> 6 & 31
    day, month, year = packed >> 11 & 31, packed >> 16 & 15, packed >> 20
    return f"{year:04d}-{month:02d}-{day:02d}T{hour:02d}:{minute:02d}"
