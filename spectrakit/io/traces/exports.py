"""Text exports of spectrometers whose layout is known: Ocean, CRAIC, Avantes, SED, SIG, USGS, ...

Each is a block of columns below a header; what differs is which column is the spectrum, in
which unit, and where the file names instrument and sample. What is measured on the way to the
spectrum (dark, reference, raw) stays with it as columns.
"""

import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np

from spectrakit.accounting import InputAccount
from spectrakit.errors import InputError
from spectrakit.io.blocks import Drops
from spectrakit.io.record import BadSpectrum
from spectrakit.io.streams import COPY_AGAIN
from spectrakit.io.traces.columns import Columns, facts_of, parse_columns
from spectrakit.io.traces.text import all_lines, decode_head, number, trace
from spectrakit.io.traces.units import known_axis_unit, known_value_unit
from spectrakit.spectrum import Spectrum

Facts = dict[str, str]


@dataclass(slots=True)
class Reading:
    """What one layout makes of a table: the column of the spectrum, units, and names."""

    unit: str
    values: str
    column: int = -1  # of the spectrum
    said: str = ""
    name: str = ""
    sample: str = ""
    instrument: str = ""
    declared: float = float("nan")  # rows that the header announces
    names: Sequence[str] = ()  # of the columns, where the file has none


@dataclass(frozen=True, slots=True)
class Layout:
    """A program's export: how its first lines look, and how its header is to be read."""

    name: str
    mark: re.Pattern[str]
    read: Callable[[Columns, Facts, Path], Reading]


def _ocean(table: Columns, facts: Facts, path: Path) -> Reading:
    mode = facts.get("XAxis mode", "Wavelengths").lower()
    unit = {"wavelengths": "nm", "wavenumbers": "cm-1", "raman shifts": "cm-1", "pixels": "pixel"}
    serial = facts.get("Spectrometer") or facts.get("Spectrometers") or ""
    serial = serial or facts.get("Spectrometer Serial Number", "")
    processed = path.name.rsplit(".", 1)[-1].lower()
    values = {
        "transmission": "percent transmittance",
        "reflection": "percent reflectance",
        "absorbance": "absorbance",
        "scope": "counts",
        "irradiance": "irradiance",
    }.get(processed, "")
    declared = next((number(v) for k, v in facts.items() if k.startswith("Number of Pixels in")),
                    float("nan"))  # fmt: skip
    said = "Raman" if "raman" in mode else ""
    return Reading(unit.get(mode, "nm"), values, 1, said, instrument=serial, declared=declared)


def _craic(table: Columns, facts: Facts, path: Path) -> Reading:
    lines = [line.strip() for line in table.before]
    name = lines[0] if lines else ""
    values = known_value_unit(lines[1]) if len(lines) > 1 else ""
    if values == "reflectance" and np.nanmedian(table.values[:, 1]) > 2:
        values = "percent reflectance"  # CRAIC writes percent and calls it Reflectance
    return Reading("nm", values, 1, name=name, sample=name, instrument="CRAIC")


def _avantes(table: Columns, facts: Facts, path: Path) -> Reading:
    column = table.values.shape[1] - 1
    said = f"{table.unit(column)} {table.name(column)}"
    values = known_value_unit(table.unit(column))
    if values in ("", "arbitrary"):  # "Absorbance [A.U.]" means units of absorbance
        values = known_value_unit(table.name(column)) or known_value_unit(said) or values
    if table.unit(column).strip("[] ") == "%":
        values = known_value_unit(f"%{table.name(column)}")
    unit = known_axis_unit(table.unit(0)) or "nm"
    serial = next((v for k, v in facts.items() if k.startswith("Data measured")), "")
    name = table.before[0].strip() if table.before and ":" not in table.before[0] else ""
    return Reading(unit, values, column, name=name, instrument=serial)


def _sed(table: Columns, facts: Facts, path: Path) -> Reading:
    column = table.values.shape[1] - 1
    kind = facts.get("Measurement", "")
    values = known_value_unit(table.name(column)) or known_value_unit(kind)
    return Reading(
        "nm", values, column, instrument=facts.get("Instrument", ""),
        declared=number(facts.get("Channels", "")),
    )  # fmt: skip


def _sig(table: Columns, facts: Facts, path: Path) -> Reading:
    names = ("wavelength", "reference", "target", "reflectance")
    column = table.values.shape[1] - 1
    values = "percent reflectance" if column == 3 else ""
    name = facts.get("name", "").removesuffix(".sig")
    return Reading(
        "nm", values, column, name=name, instrument=facts.get("instrument", ""), names=names
    )


def _usgs(table: Columns, facts: Facts, path: Path) -> Reading:
    title = table.before[-2].strip() if len(table.before) > 1 else ""
    table.values[table.values < -1e30] = np.nan  # "-1.23e34 indicates a deleted number"
    names = ("wavelength", "reflectance", "standard deviation")
    return Reading("um", "reflectance", 1, name=title, sample=title, names=names)


def _ecostress(table: Columns, facts: Facts, path: Path) -> Reading:
    unit = known_axis_unit(facts.get("X Units", ""))
    values = known_value_unit(facts.get("Y Units", ""))
    return Reading(
        unit, values, 1, name=facts.get("Name", ""), sample=facts.get("Sample No.", ""),
        declared=number(facts.get("Number of X Values", "")),
    )  # fmt: skip


def _jasco(table: Columns, facts: Facts, path: Path) -> Reading:
    title = facts.get("TITLE", "")
    return Reading(
        known_axis_unit(facts.get("XUNITS", "")),
        known_value_unit(facts.get("YUNITS", "")) or facts.get("YUNITS", ""),
        1,
        said=facts.get("DATA TYPE", ""),
        name=title,
        sample=title,
        instrument=facts.get("SPECTROMETER/DATA SYSTEM", ""),
        declared=number(facts.get("NPOINTS", "")),
    )


def _wire(table: Columns, facts: Facts, path: Path) -> Reading:
    """Renishaw WiRE: the export names neither unit; its axis may be shift or wavelength."""
    return Reading("", "", 1, said="Raman", instrument="Renishaw")


def _mark(pattern: str) -> re.Pattern[str]:
    return re.compile(pattern, re.IGNORECASE | re.DOTALL)


def _stellar(table: Columns, facts: Facts, path: Path) -> Reading:
    """StellarNet SpectraWiz: the second line begins with what was measured (RAD, TRANS, ...)."""
    match = _STELLAR.match("\n".join(table.before))
    kinds = {"RAD": "irradiance", "TRANS": "percent transmittance", "REFL": "percent reflectance",
             "ABS": "absorbance", "SCOPE": "counts"}  # fmt: skip
    name = match[1].strip() if match else ""
    values = kinds.get(match[2].upper(), "") if match else ""
    return Reading("nm", values, 1, name=name, instrument="StellarNet")


_STELLAR = _mark(r'"? ?File:([^\n]*)\n"? ?(\w+)\s*->\s*Wave:')
LAYOUTS = (
    Layout("ocean-text", _mark(r".{0,8000}?>{5}\s*Begin[\w ]*Spectral Data\s*<{5}"), _ocean),
    Layout("craic-text", _mark(r"[^\n]{0,300}\n[^\n]{0,100}\nSciMode:"), _craic),
    Layout("avantes-text", _mark(r".{0,600}?Data measured with spectrometer"), _avantes),
    Layout("spectral-evolution-sed", _mark(r"Comment:.{0,4000}?\nColumns \[\d+\]:"), _sed),
    Layout("svc-sig", _mark(r"/\*\*\* Spectra Vista SIG Data"), _sig),
    Layout("usgs-asc", _mark(r"USGS Digital Spectral Library"), _usgs),
    Layout("ecostress-text", _mark(r".{0,8000}?\nX Units:.{0,2000}?\nFirst X Value:"), _ecostress),
    Layout("jasco-text", _mark(r"TITLE\t.{0,4000}?\nXUNITS\t.{0,4000}?\nXYDATA"), _jasco),
    Layout("stellarnet-text", _STELLAR, _stellar),
    Layout("renishaw-text", _mark(r"#Wave\s+#Intensity\s"), _wire),
)


@lru_cache(maxsize=4)
def layout_of(head: bytes) -> Layout | None:
    """Return the layout that the beginning of a text has, or None."""
    text = decode_head(head).lstrip()
    return next((layout for layout in LAYOUTS if layout.mark.match(text)), None)


def read_export(path: Path, stream: BinaryIO, account: InputAccount) -> Iterator[Spectrum]:
    """Yield the spectrum of an instrument's export.

    Raises:
        InputError: a row is damaged or missing, or the text is cut off.
    """
    lines = all_lines(path, stream)
    layout = layout_of("\n".join(lines[:400]).encode())
    if layout is None:
        raise InputError(f"{path}: its header is damaged.", hint=COPY_AGAIN)
    table = parse_columns(path, lines)
    facts = facts_of([*table.before, *table.after])
    reading = layout.read(table, facts, path)
    n, width = table.values.shape
    if reading.declared > n:
        raise InputError(
            f"{path}: is cut off: {n} of the {reading.declared:g} points of its header are there.",
            hint=COPY_AGAIN,
        )
    names = [table.name(i) or (reading.names[i : i + 1] or ("",))[0] for i in range(width)]
    beside = {
        names[i] or f"column {i + 1}": table.values[:, i]
        for i in range(1, width)
        if i != reading.column
    }
    try:
        yield _spectrum(table, reading, facts, names, beside)
    except BadSpectrum as error:
        Drops(path, account).drop(str(error), f"line {table.line}")


def _spectrum(
    table: Columns, reading: Reading, facts: Facts, names: list[str], beside: dict[str, Any]
) -> Spectrum:
    extra: dict[str, Any] = dict(facts)
    if names[reading.column]:
        extra["value_name"] = names[reading.column]
    return trace(
        table.values[:, 0],
        table.values[:, reading.column],
        unit=reading.unit,
        values=reading.values,
        said=reading.said,
        name=reading.name,
        sample=reading.sample,
        instrument=reading.instrument,
        columns=beside,
        extra=extra,
    )
