"""Which ion was really isolated: the stated precursor, and what the survey scan says about it.

Instruments pick the M+1 peak now and then, and write a wrong charge or none. The MS1 scan
before tells: a stronger peak one carbon-13 spacing below, or isotope peaks half a unit apart.
What is only guessed is tried beside the stated precursor, never instead of it.
"""

import math
from dataclasses import dataclass

import numpy as np

from spectrakit.chemistry import C13_C12
from spectrakit.spectrum import Spectrum, Tolerance

MAX_ISOLATION_WIDTH = 4.0  # Da; wider windows mix many precursors (DIA)
MAX_CHARGE = 4

SURVEY_TOLERANCE = Tolerance(10.0, "ppm")


@dataclass(frozen=True, slots=True)
class Precursor:
    """One reading of a spectrum's precursor."""

    mz: float
    charge: int  # unsigned, at least 1
    note: str = ""  # empty: as the file states it


def isolation_width(spectrum: Spectrum) -> float:
    """Return the width of the isolation window in Da, NaN where the file does not say."""
    return spectrum.isolation_upper - spectrum.isolation_lower


def readings(spectrum: Spectrum, survey: Spectrum | None) -> list[Precursor]:
    """Return the precursors to try, the stated one first; empty without a precursor m/z.

    Args:
        spectrum: an MS2 spectrum.
        survey: the centroided MS1 scan before it, where there is one.
    """
    mz = spectrum.precursor_mz
    if not math.isfinite(mz) or mz <= 0:
        return []
    stated = abs(spectrum.charge)
    seen = _charge_in_survey(survey, mz) if survey is not None else 0
    charge = stated or seen or 1
    found = [Precursor(mz, charge)]
    if stated and seen and seen != stated:
        found.append(Precursor(mz, seen, f"charge {seen} by its isotope peaks"))
    for reading in tuple(found):
        below = mz - C13_C12 / reading.charge
        if survey is not None and _is_isotope_of(survey, below, mz):
            found.append(Precursor(below, reading.charge, "M+1 was isolated"))
    return found


def _intensity_at(survey: Spectrum, mz: float) -> float:
    """Return the strongest intensity of a survey scan at an m/z, 0 where there is no peak."""
    half = SURVEY_TOLERANCE.half_width(mz)
    low, high = np.searchsorted(survey.mz, [mz - half, mz + half])
    return float(survey.intensity[low:high].max()) if high > low else 0.0


def _charge_in_survey(survey: Spectrum, mz: float) -> int:
    """Return the charge whose isotope spacing fits the peaks above ``mz``, 0 if none does.

    The second isotope peak counts only below the height that carbon allows; the highest
    charge wins because its spacing explains the peaks of the lower ones too.
    """
    base = _intensity_at(survey, mz)
    if base <= 0:
        return 0
    for charge in range(MAX_CHARGE, 0, -1):
        ratio = _intensity_at(survey, mz + C13_C12 / charge) / base
        # at least 1.1 % of one carbon; at most what 1.3 carbons for each 14 Da would give
        if 0.03 <= ratio <= 0.011 * mz * charge / 12 + 0.1:
            return charge
    return 0


def _is_isotope_of(survey: Spectrum, below: float, mz: float) -> bool:
    """Say whether the peak at ``mz`` is the M+1 of a clearly stronger peak ``below``."""
    strong = _intensity_at(survey, below)
    return strong > 0 and _intensity_at(survey, mz) < strong * (0.011 * mz / 12 + 0.1)
