"""From the spectra of a file to the ones that can be searched; every other is counted.

Profile spectra are centroided. Survey scans are kept for what they say about the precursors
that follow; in electron-ionisation data the survey scans are the spectra to search.
"""

import math
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, replace

import numpy as np

from spectrakit.accounting import InputAccount
from spectrakit.chemistry import known_adduct
from spectrakit.io.centroid import centroided
from spectrakit.io.record import CHARGE_SOURCE
from spectrakit.search.precursor import (
    MAX_ISOLATION_WIDTH,
    Precursor,
    isolation_width,
    readings,
)
from spectrakit.spectrum import Axis, Modality, Spectrum

_EI = ("EI", "electron ionization", "electron ionisation", "GC-EI")


@dataclass(frozen=True, slots=True)
class Query:
    """A centroided spectrum to name, and the precursors it may have come from.

    ``number`` is its place among the spectra of the file, from 0.
    """

    number: int
    spectrum: Spectrum
    precursors: tuple[Precursor, ...]  # empty: none stated (electron ionisation)
    adduct: str  # canonical; empty where the file says none that we can read

    @property
    def note(self) -> str:
        """What a person should know about how this spectrum was read."""
        doubts = [precursor.note for precursor in self.precursors[1:]]
        return "; ".join(f"also tried: {doubt}" for doubt in doubts)

    def without_peaks(self) -> "Query":
        """Return the query without its peaks, for when only its description is needed."""
        nothing = np.empty(0)
        bare = replace(
            self.spectrum, axis=Axis(nothing, "m/z"), value=nothing, columns={}, extra={}
        )
        return replace(self, spectrum=bare)


def is_electron_ionisation(spectrum: Spectrum) -> bool:
    """Say whether the file states electron ionisation for this spectrum."""
    if spectrum.activation in _EI:
        return True
    stated = str(spectrum.extra.get("ionization", "")) + spectrum.instrument
    return any(word in stated for word in _EI[1:])


class Centroider:
    """Centroid what is profile, and count it."""

    def __init__(self) -> None:
        self.count = 0

    def __call__(self, spectrum: Spectrum) -> Spectrum:
        """Return a centroided spectrum."""
        if not spectrum.is_profile or len(spectrum) == 0:
            return spectrum
        self.count += spectrum.ms_level != 1
        return centroided(spectrum)


def searchable(
    spectra: Iterable[Spectrum],
    account: InputAccount,
    centroid: Centroider,
    *,
    survey_scans: bool,
    needs_precursor: bool,
    aside: Callable[[int, Spectrum], bool] | None = None,
) -> Iterator[Query]:
    """Yield the spectra of one file that can be searched; count the others with the reason.

    Args:
        spectra: in the order of the file.
        account: of this file.
        centroid: counts the profile spectra it turns into centroids.
        survey_scans: search MS1 scans too (electron ionisation).
        needs_precursor: drop spectra without a precursor m/z, which nothing can answer.
        aside: given each spectrum with its number; one that it takes (True) is its own to count.
    """
    surveys: dict[int, Spectrum] = {}  # the last of each polarity: instruments switch
    for number, spectrum in enumerate(spectra):
        if aside is not None and aside(number, spectrum):
            continue
        if CHARGE_SOURCE in spectrum.extra:  # an annotation that a query carries changes nothing
            spectrum = replace(spectrum, charge=0)
        is_survey = spectrum.ms_level == 1
        if is_survey and spectrum.modality is Modality.MSMS:
            surveys[spectrum.polarity] = spectrum
        reason = _unsearchable(spectrum, survey_scans, needs_precursor)
        if reason:
            account.drop(reason)
            continue
        account.keep()
        if is_survey:
            precursors: list[Precursor] = []
        else:
            survey = surveys.get(spectrum.polarity)
            if survey is not None and survey.is_profile:
                survey = surveys[spectrum.polarity] = centroid(survey)
            precursors = readings(spectrum, survey)
        adduct = _adduct(spectrum)
        yield Query(number, centroid(spectrum), tuple(precursors), adduct)


def _adduct(spectrum: Spectrum) -> str:
    """Return the stated adduct, or an empty string where none is read or the polarity denies it.

    The polarity comes from the instrument, the adduct from a person or a program.
    """
    ion = known_adduct(spectrum.adduct)
    return ion.name if ion and spectrum.polarity in (0, ion.polarity) else ""


def _unsearchable(spectrum: Spectrum, survey_scans: bool, needs_precursor: bool) -> str:
    """Return why a spectrum cannot be searched, or an empty string."""
    if spectrum.modality is not Modality.MSMS:
        return "not a mass spectrum"
    if spectrum.ms_level == 1 and not (survey_scans or is_electron_ionisation(spectrum)):
        return "MS1 scan"
    if spectrum.ms_level > 2:
        return f"MS{spectrum.ms_level} scan"
    if len(spectrum) == 0 or not np.any(spectrum.intensity > 0):
        return "no peaks"
    if np.any(spectrum.intensity < 0):
        return "negative intensity"
    if isolation_width(spectrum) > MAX_ISOLATION_WIDTH:
        return f"isolation window wider than {MAX_ISOLATION_WIDTH:g} Da (DIA)"
    missing = not math.isfinite(spectrum.precursor_mz) or spectrum.precursor_mz <= 0
    if missing and needs_precursor and spectrum.ms_level != 1:
        return "no precursor m/z"
    return ""
