"""ASD FieldSpec files, versions as1 to as8: what was measured, the white reference, reflectance.

A file marked as reflectance holds the raw numbers of the target and of the white reference; the
software divides on display. Here the file's numbers are given as they are (``spectrum`` and
``reference``), preceded for such files by their ratio as ``reflectance`` with
``extra.computed``, which says how it was made.

Source: ASD's published description of the file format, revision 8.
"""

from collections.abc import Iterator
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
from spectrakit.spectrum import Modality, Spectrum

_HEADER = 484
_REFERENCE_HEAD = 18  # flag, two times; then the length of a description
_RAW, _REFLECTANCE = 0, 1
_KINDS = {
    0: "counts", 1: "counts", 2: "radiance", 3: "", 4: "irradiance", 5: "quality index",
    6: "transmittance", 7: "", 8: "absorbance",
}  # fmt: skip
_KIND_NAMES = ("raw", "reflectance", "radiance", "no units", "irradiance", "quality index",
               "transmittance", "unknown", "absorbance")  # fmt: skip
_FORMATS = {0: "<f4", 1: "<i4", 2: "<f8"}
_INSTRUMENTS = {
    1: "PSII", 2: "LSVNIR", 3: "FSVNIR", 4: "FSFR", 5: "FSNIR", 6: "CHEM", 7: "FSFR Unattended",
}  # fmt: skip


def read_asd(path: Path, stream: BinaryIO, account: InputAccount) -> Iterator[Spectrum]:
    """Yield reflectance (where the file is marked so), spectrum and reference.

    Raises:
        InputError: the file ends too early or stores numbers in an unknown way.
    """
    layout = Layout.of(path, stream)
    drops = Drops(path, account)
    layout.need(0, _HEADER, "the ASD header")
    version = layout.text(0, 3, "the version")
    kind, form = layout.number("B", 186, "the kind"), layout.number("B", 199, "the format")
    n = layout.number("<H", 204, "the number of channels")
    first, step = layout.unpack("<ff", 191, "the wavelengths")
    if form not in _FORMATS:
        raise layout.bad(f"byte 199: the format of the numbers is {form}, not 0, 1 or 2")
    y = layout.array(_FORMATS[form], _HEADER, n, "the spectrum")
    with np.errstate(over="ignore", invalid="ignore"):
        x = np.float64(first) + np.float64(step) * np.arange(n)
    said = _said(layout, version, kind)
    reference, description = _reference(layout, version, form, n)
    said["reference_description"] = description
    parts: list[tuple[str, NDArray[Any], str]] = []
    if kind == _REFLECTANCE and reference is not None:
        with np.errstate(all="ignore"):
            ratio = np.where(reference != 0, y / reference, np.nan)
        parts.append(("reflectance", ratio, "reflectance"))
    parts.append(("spectrum", y, _KINDS.get(kind, "")))
    if reference is not None:
        parts.append(("reference", reference, "counts"))
    for name, values, unit in parts:
        extra = said | {"block": name}
        if name == "reflectance":
            extra["computed"] = "spectrum / reference"
        modality = modality_of(axis=x if n else None, unit="nm", values=unit)
        try:
            yield trace(
                x,
                "nm",
                values,
                unit,
                modality=Modality.REFLECTANCE if unit == "reflectance" else modality,
                extra=extra,
                native_id=name,
                instrument=str(said["instrument_type"]),
            )
        except BadSpectrum as error:
            drops.drop(str(error), name)


def _reference(layout: Layout, version: str, form: int, n: int) -> tuple[NDArray[Any] | None, str]:
    """Return the white reference and its description; versions before as2 have none."""
    at = _HEADER + n * np.dtype(_FORMATS[form]).itemsize
    if version in ("ASD", "as1") or at + _REFERENCE_HEAD + 2 > layout.size:
        if version not in ("ASD", "as1") and at != layout.size:
            layout.need(at, _REFERENCE_HEAD + 2, "the head of the reference")
        return None, ""
    has = layout.number("<H", at, "the head of the reference")
    length = layout.number("<H", at + _REFERENCE_HEAD, "the description of the reference")
    at += _REFERENCE_HEAD + 2
    description = layout.text(at, length, "the description of the reference")
    if not has:
        return None, description
    return layout.array(_FORMATS[form], at + length, n, "the reference"), description


def _said(layout: Layout, version: str, kind: int) -> dict[str, Any]:
    second, minute, hour, day, month, year = layout.unpack("<6h", 160, "the date")
    instrument = layout.number("B", 431, "the instrument")
    serial = layout.number("<H", 400, "the serial number")
    return {
        "version": version,
        "data_type": _KIND_NAMES[kind] if kind < len(_KIND_NAMES) else str(kind),
        "comment": layout.text(3, 157, "the comment"),
        "date": f"{year + 1900:04d}-{month + 1:02d}-{day:02d}T{hour:02d}:{minute:02d}:{second:02d}",
        "dark_corrected": bool(layout.number("B", 181, "the dark correction")),
        "integration_time_ms": layout.number("<I", 390, "the integration time"),
        "instrument_type": _INSTRUMENTS.get(instrument, ""),
        "serial_number": serial,
        "scans": layout.number("<H", 429, "the number of scans"),
        "foreoptic_degrees": layout.number("<H", 394, "the foreoptic") or None,
        "splices_nm": list(layout.unpack("<ff", 444, "the splices")),
        "swir_gains": list(layout.unpack("<HH", 436, "the gains")),
    }
