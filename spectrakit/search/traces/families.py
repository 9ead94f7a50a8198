"""What traces can be compared with each other, and how each is brought into a common form.

Families: infrared; Raman; everything absorbed from the ultraviolet to the far infrared that is
kept by wavelength (NIR, reflectance, optical); emission. Transmittance and reflectance become
absorbance, -log10, because it is proportional to what is there; an axis becomes that of the
family's grid.
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from spectrakit.search.traces.grids import Grid, OnGrid, Segment
from spectrakit.spectrum import FloatArray, Modality, Spectrum

GRIDS: Mapping[str, Grid] = {
    "ir": Grid((Segment("cm-1", 200.0, 4808.0, 4.0),)),
    "raman": Grid((Segment("cm-1", 0.0, 4000.0, 4.0),)),
    "nir": Grid((Segment("nm", 190.0, 2606.0, 2.0), Segment("cm-1", 40.0, 3816.0, 8.0))),
    "emission": Grid((Segment("nm", 190.0, 2606.0, 2.0),)),
}
FAMILY_UNIT = {"ir": "cm-1", "raman": "cm-1", "nir": "nm", "emission": "nm"}
LEAST_BINS = 16  # of the grid that a spectrum must cover
FLOOR = 1e-4  # transmittance below it is the noise of an instrument: absorbance 4
SATURATED = 0.05  # share of points at exactly the highest value

_FAMILY = {
    Modality.IR: "ir",
    Modality.RAMAN: "raman",
    Modality.NIR: "nir",
    Modality.REFLECTANCE: "nir",
    Modality.OPTICAL: "nir",
}
_RATIOS = ("transmittance", "reflectance")
_EMITTED = {"radiance", "irradiance", "emission", "counts", "counts/s", "uW/cm2/nm"}
_NOT_COMPARED = {"interferogram", "single beam"}
_UNITS = ("nm", "um", "mm", "cm-1", "eV")


@dataclass(frozen=True, slots=True)
class Comparable:
    """A trace in the form of its family, or the reason why it has none.

    Attributes:
        family: a key of ``GRIDS``.
        on_grid: the values; absorbance, or intensity of Raman and emission.
        note: what was converted.
        reason: not empty where the trace cannot be compared; a short, stable phrase.
    """

    family: str = ""
    on_grid: OnGrid | None = None
    note: str = ""
    reason: str = ""


def comparable(spectrum: Spectrum) -> Comparable:
    """Bring a trace into the form of its family; ``reason`` says why one cannot be."""
    family = family_of(spectrum)
    if not family:
        return Comparable(reason=f"{spectrum.modality} traces are not searched")
    if spectrum.value.ndim != 1 or len(spectrum) != len(spectrum.value):
        return Comparable(reason="complex or many-valued trace")
    if spectrum.value_unit in _NOT_COMPARED:
        return Comparable(reason=f"{spectrum.value_unit}, not a spectrum")
    axis, unit = np.asarray(spectrum.axis.values, np.float64), spectrum.axis.unit
    if family == "raman" and unit in ("nm", "um"):
        axis, unit = _shift(axis, unit, spectrum), "cm-1"
        if not np.isfinite(axis).any():
            return Comparable(reason="Raman axis in wavelength, laser not stated")
    if unit not in _UNITS:
        return Comparable(reason=f"axis in {unit or 'an unstated unit'}")
    values, note = _absorbance(np.asarray(spectrum.value, np.float64), spectrum.value_unit)
    whole = values[np.isfinite(values) & np.isfinite(axis)]
    if len(whole) * 2 < len(values) or not len(whole):
        return Comparable(reason="more than half of the values are missing or not numbers")
    highest, lowest = float(whole.max()), float(whole.min())
    if highest - lowest <= 1e-9 * max(abs(highest), abs(lowest)):
        return Comparable(reason="constant trace")
    if np.mean(whole == highest) > SATURATED and (whole == highest).sum() >= LEAST_BINS:
        return Comparable(reason="saturated trace")
    largest = max(abs(highest), abs(lowest))
    if not 1e-30 < largest < 1e30:  # squares of such values would leave the range of a double
        values = values / largest
    on_grid = GRIDS[family].place(axis, values, unit)
    if on_grid.covered.sum() < LEAST_BINS * 2**on_grid.level:
        return Comparable(reason="too short or outside the range of its kind")
    inside = on_grid.values[on_grid.covered]
    if np.ptp(inside) <= 1e-9 * np.abs(inside).max():
        return Comparable(reason="constant trace")
    return Comparable(family, on_grid, note)


def family_of(spectrum: Spectrum) -> str:
    """Return the family of a trace; empty for NMR and what else is not searched."""
    family = _FAMILY.get(spectrum.modality, "")
    if spectrum.modality is Modality.OPTICAL and spectrum.value_unit in _EMITTED:
        return "emission"
    return family


def _shift(axis: FloatArray, unit: str, spectrum: Spectrum) -> FloatArray:
    """Return Raman shifts of wavelengths, by the laser that the file states; else NaN."""
    laser = laser_nm(spectrum.extra)
    nm = axis * (1e3 if unit == "um" else 1.0)
    return 1e7 / laser - 1e7 / np.where(nm > 0, nm, np.nan)


def laser_nm(extra: Mapping[str, Any]) -> float:
    """Return the wavelength of the laser in nm, NaN where it is not stated."""
    for key, told in extra.items():
        if "laser" in key.lower() and "power" not in key.lower():
            words = str(told).replace("nm", " ").split()
            try:
                found = float(words[0]) if words else math.nan
            except ValueError:
                continue
            if 150 <= found <= 2000:
                return found
    return math.nan


def _absorbance(values: FloatArray, unit: str) -> tuple[FloatArray, str]:
    """Return what is proportional to the amount, and what was done to get it."""
    percent = unit.startswith("percent ")
    kind = unit.removeprefix("percent ")
    if kind in _RATIOS:
        typical = float(np.nanmedian(values)) if np.isfinite(values).any() else 0.0
        note = f"{kind} compared as absorbance"
        if not percent and typical > 2:
            percent, note = True, f"{note}; its values taken as percent"
        ratio = values / 100 if percent else values
        return -np.log10(np.maximum(ratio, FLOOR)), note
    if kind == "Kubelka-Munk":
        amount = np.maximum(values, 0.0)  # K/S = (1 - R)^2 / 2R, solved for R
        ratio = 1 + amount - np.sqrt(amount * (amount + 2))
        return -np.log10(np.maximum(ratio, FLOOR)), "Kubelka-Munk compared as absorbance"
    return values, ""
