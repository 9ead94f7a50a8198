"""Spectra in FITS files: tables with a wavelength and a flux column, images with a spectral axis.

The axis is what the file gives: ``10 ** loglam`` for logarithmic columns, the spectral coordinate
of the header (linear or log-linear) or the pixels of a ``WAVELENGTH`` extension for images. Whether
wavelengths are those in air or in vacuum is said in ``extra`` where the file says it; nothing is
converted.

Source: Greisen et al. 2006, *Representations of spectral coordinates in FITS*; SDSS data model
(COADD, COEFF0 and COEFF1).
"""

import re
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
from numpy.typing import NDArray

from spectrakit.accounting import InputAccount
from spectrakit.errors import InputError
from spectrakit.io.blocks import Drops
from spectrakit.io.traces.array_rule import is_axis
from spectrakit.io.traces.array_samples import clip
from spectrakit.io.traces.array_spectra import NO_AXIS, NO_VALUE
from spectrakit.io.traces.fits import Column, Unit, read_units
from spectrakit.io.traces.units import axis_unit, modality_of, value_unit
from spectrakit.io.traces.whole import read_whole
from spectrakit.spectrum import Axis, Spectrum

_LOG = ("loglam", "log_lam", "loglambda", "logwave")
_WAVE = ("wavelength", "wave", "lambda", "lam", "wavelengths", "wl", "awav", "wave_air", "wave_vac",
         "wavenumber", "freq", "frequency", "energy")  # fmt: skip
_FLUX = ("flux", "flam", "fluxes", "intensity", "counts", "spectrum", "data", "flux_reduced",
         "flux_density", "reflectance", "absorbance")  # fmt: skip
_SPECTRAL = re.compile(r"wave|awav|lambda|freq|ener|wavn|linear|log.*lam|lam|vrad|velo", re.I)
_ABOUT = ("CLASS", "SUBCLASS", "Z", "Z_ERR", "ZWARNING")
_KEPT = ("OBJECT", "TELESCOP", "INSTRUME", "DATE-OBS", "EXPTIME", "RA", "DEC", "EQUINOX", "MJD",
         "PLATEID", "FIBERID", "OBSERVER", "HELIO_RV", "RADECSYS", "ORIGIN", "UTDATE")  # fmt: skip
_NAMES = ("VARIANCE", "IVAR", "ERROR", "ERR", "SIGMA", "MASK", "QUALITY", "SKY", "WAVELENGTH",
          "NOISE", "UNCERT", "STAT", "DQ")  # fmt: skip
_NO_AXIS = "an axis that does not rise or fall"


def read_fits(path: Path, stream: BinaryIO, account: InputAccount) -> Iterator[Spectrum]:
    """Give the spectra of a FITS file: those of tables first, else those of images.

    Raises:
        InputError: damaged, or nothing in it is a spectrum.
    """
    units = read_units(path, read_whole(path, stream))
    drops = Drops(path, account)
    about = _about(units)
    names = _names(units)
    tables = [(one, one.columns()) for one in units if one.is_table and one.shape[0]]
    found = [row for one, columns in tables for row in _of_table(units, one, columns)]
    if not found:
        found = list(_of_images(units))
    if not found:
        raise InputError(
            f"{path}: the FITS file has no spectrum: no table with wavelength and flux, and no "
            "image with a spectral axis.",
            hint="Spectra are read from columns such as loglam and flux, or from images whose "
            "CTYPE1 or WAVELENGTH extension gives the axis.",
        )
    for place, (axis, values, draft) in enumerate(found):
        name = names[place] if len(names) == len(found) else ""
        if not np.isfinite(values).any():
            drops.drop(NO_VALUE, draft.native_id)
        elif not is_axis(axis):
            drops.drop(_NO_AXIS, draft.native_id)
        else:
            if draft.axis.unit == "index":
                account.treated[NO_AXIS] += 1
            sample = name or str(about.get("id", "") or draft.sample)
            yield replace(
                draft,
                axis=Axis(axis, draft.axis.unit),
                value=np.ascontiguousarray(values),
                modality=modality_of(axis=axis, unit=draft.axis.unit, values=draft.value_unit),
                name=name,
                sample=sample if len(found) == 1 or name else "",
                extra={**draft.extra, **about},
            )


Found = tuple[NDArray[np.float64], NDArray[Any], Spectrum]


def _of_table(units: Sequence[Unit], table: Unit, columns: Sequence[Column]) -> Iterator[Found]:
    by_name = {one.name.lower(): one for one in columns if one.values.dtype.kind == "f"}
    flux = next((by_name[name] for name in _FLUX if name in by_name), None)
    log = next((by_name[name] for name in _LOG if name in by_name), None)
    wave = log or next((by_name[name] for name in _WAVE if name in by_name), None)
    if flux is None or wave is None or wave.values.shape != flux.values.shape or wave is flux:
        return
    axes = np.atleast_2d(wave.values.astype(np.float64))
    with np.errstate(over="ignore"):
        axes = 10.0**axes if log is not None else axes
    unit = re.sub(r"(?i)^log(?:10)?\s*\(?\s*([^)]*)\)?$", r"\1", wave.unit)
    unit = unit or _unit_of_header(units[0])
    medium = _medium(units, table, wave.name)
    for row, (axis, values) in enumerate(zip(axes, np.atleast_2d(flux.values), strict=True)):
        place = f"{table.name or f'unit {table.number}'}"
        native_id = place if len(axes) == 1 else f"{place}[{row + 1}]"
        value = flux.unit or units[0].text("BUNIT")
        yield axis, values, _draft(units, axis_unit(unit), value, native_id, medium)


def _of_images(units: Sequence[Unit]) -> Iterator[Found]:
    by_name = {one.name: one for one in units if not one.is_table and one.shape}
    for one in units:
        if one.is_table or not one.shape or one.name in _NAMES:
            continue
        sizes = [n for n in one.shape if n > 1]
        if not sizes or len(sizes) > 2 or one.shape[-1] < 2:
            continue
        n = one.shape[-1]
        axes, unit = _image_axis(by_name.get("WAVELENGTH"), units[0], one, n)
        if axes is None and len(sizes) == 1:
            axes, unit = np.arange(n, dtype=np.float64)[None, :], "index"
        if axes is None:
            continue
        rows = one.image().reshape(-1, n)
        if len(axes) not in (1, len(rows)):
            continue
        medium = _medium(units, one, one.text("CTYPE1"))
        for row, values in enumerate(rows):
            place = one.name or ("primary" if not one.number else f"unit {one.number}")
            native_id = place if len(rows) == 1 else f"{place}[{row + 1}]"
            value = one.text("BUNIT")
            axis = axes[row if len(axes) > 1 else 0]
            yield axis, values, _draft(units, unit, value, native_id, medium)
        return


def _image_axis(
    extension: Unit | None, primary: Unit, image: Unit, n: int
) -> tuple[NDArray[np.float64] | None, str]:
    """Return the axis or axes of an image, (1, n) or (rows, n), and its unit."""
    unit = axis_unit(image.text("CUNIT1") or _unit_of_header(image) or _unit_of_header(primary))
    if extension is not None and extension.shape[-1] == n:
        given = extension.image().reshape(-1, n).astype(np.float64)
        if primary.header.get("LOGSCALE") is True and np.abs(given).max() < 20:
            given = _powers(given)[0]
        return given, axis_unit(extension.text("BUNIT")) or unit
    first, step = image.number_of("COEFF0"), image.number_of("COEFF1")
    if first is not None and step is not None:
        return _powers(first + step * np.arange(n)), unit or "Angstrom"
    first = image.number_of("CRVAL1")
    step = image.number_of("CDELT1", "CD1_1")
    kind = image.text("CTYPE1")
    if first is None or not step:
        return None, unit
    if len([size for size in image.shape if size > 1]) == 2 and not _SPECTRAL.search(kind):
        return None, unit
    pixel = image.number_of("CRPIX1")
    steps = np.arange(n, dtype=np.float64) + 1.0 - (1.0 if pixel is None else pixel)
    axis: NDArray[np.float64] = np.asarray(first + step * steps, dtype=np.float64)
    is_log = image.number_of("DC-FLAG") == 1 or "log" in kind.lower()
    if is_log and np.abs(axis).max() < 20:
        return _powers(axis), unit
    return axis[None, :], unit


def _powers(values: NDArray[Any]) -> NDArray[np.float64]:
    with np.errstate(over="ignore"):
        return np.power(10.0, values, dtype=np.float64)[None, :]


def _unit_of_header(unit: Unit) -> str:
    said = re.search(r"units=(\S+)", unit.text("WAT1_001"))
    return said[1] if said else unit.text("CUNIT1")


def _medium(units: Sequence[Unit], here: Unit, word: str) -> str:
    """Return ``air`` or ``vacuum`` where the file says which wavelengths it gives."""
    if word.upper().startswith("AWAV") or "air" in word.lower():
        return "air"
    if "vac" in word.lower() or re.match(r"WAVE(?:-|$)", word):
        return "vacuum"
    for one in (here, units[0]):
        said = one.header.get("VACUUM")
        if isinstance(said, bool | int):
            return "vacuum" if said else "air"
        words = one.text("AIRORVAC", "VACUUM").lower()
        if words[:3] in ("air", "vac"):
            return "air" if words[:3] == "air" else "vacuum"
    return ""


def _draft(units: Sequence[Unit], unit: str, value: str, native_id: str, medium: str) -> Spectrum:
    primary = units[0]
    extra: dict[str, Any] = {}
    for key in _KEPT:
        if (said := primary.header.get(key)) not in (None, ""):
            extra[key] = clip(said) if isinstance(said, str) else said
    if medium:
        extra["wavelengths in"] = medium
    return Spectrum(
        modality=modality_of(unit=unit),
        axis=Axis(np.zeros(0), unit),
        value=np.zeros(0),
        value_unit=value_unit(value),
        is_trace=True,
        native_id=native_id,
        instrument=primary.text("INSTRUME", "TELESCOP"),
        sample=clip(primary.text("OBJECT")),
        extra=extra,
    )


def _about(units: Sequence[Unit]) -> dict[str, Any]:
    """Return what a one-row table says of the object: its class and redshift, its SDSS id."""
    found: dict[str, Any] = {}
    for one in units:
        if not one.is_table or one.shape[0] != 1:
            continue
        for column in one.columns():
            value = column.values.reshape(-1)[0]
            if column.name in _ABOUT and value == value and value != "":
                found.setdefault(
                    column.name, clip(value) if isinstance(value, str) else float(value)
                )
    first = units[0].header
    if all(isinstance(first.get(key), int) for key in ("PLATEID", "MJD", "FIBERID")):
        found["id"] = f"{first['PLATEID']}-{first['MJD']}-{first['FIBERID']}"
    return found


def _names(units: Sequence[Unit]) -> list[str]:
    """Return the names of the objects that a table of fibres lists."""
    for one in units:
        if one.is_table and one.name == "FIBRES":
            for column in one.columns():
                if column.name == "NAME" and column.values.dtype.kind == "O":
                    return [clip(text) for text in column.values]
    return []
