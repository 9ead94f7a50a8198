"""Named, versioned steps on peak lists, so that a bundle can say what its graph was fed with.

A step never changes its meaning: another meaning is another version beside it.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from spectrakit.errors import MismatchError, UsageError, did_you_mean
from spectrakit.preprocess.peaks import PeakLists, clean_peaks, normalised
from spectrakit.spectrum import FloatArray, Tolerance


@dataclass(frozen=True, slots=True)
class Context:
    """What a step may know of the spectra beside their peaks. ``precursor_mz`` (n,) float64."""

    precursor_mz: FloatArray


def _clean_peaks_1(
    peaks: PeakLists,
    context: Context,
    *,
    tolerance: str = "0.01Da",
    min_relative_intensity: float = 0.01,
    max_peaks: int = 0,
) -> PeakLists:
    """Sort, denoise, merge, keep the strongest, sum 1 (``clean_peaks``)."""
    return clean_peaks(
        peaks,
        tolerance=Tolerance.parse(tolerance),
        min_relative_intensity=min_relative_intensity,
        max_peaks=max_peaks,
    )


def _below_precursor_1(peaks: PeakLists, context: Context, *, margin: float = 1.6) -> PeakLists:
    """Drop peaks above precursor m/z minus ``margin`` Da; none where the precursor is unknown."""
    limit = np.where(np.isnan(context.precursor_mz), np.inf, context.precursor_mz - margin)
    return peaks.where(peaks.mz <= np.repeat(limit, peaks.counts))


def _power_1(peaks: PeakLists, context: Context, *, exponent: float = 0.5) -> PeakLists:
    """Raise intensities to a power."""
    return PeakLists(peaks.indptr, peaks.mz, peaks.intensity**exponent)


def _sum_one_1(peaks: PeakLists, context: Context) -> PeakLists:
    """Divide intensities by their sum."""
    return normalised(peaks)


def _base_peak_one_1(peaks: PeakLists, context: Context) -> PeakLists:
    """Divide intensities by the largest of their spectrum."""
    largest = np.ones(len(peaks))
    filled = np.flatnonzero(peaks.counts)
    if len(filled):
        largest[filled] = np.maximum.reduceat(peaks.intensity, peaks.indptr[:-1][filled])
    return PeakLists(peaks.indptr, peaks.mz, peaks.intensity / np.repeat(largest, peaks.counts))


STEPS: Mapping[tuple[str, int], Callable[..., PeakLists]] = {
    ("clean_peaks", 1): _clean_peaks_1,
    ("below_precursor", 1): _below_precursor_1,
    ("power", 1): _power_1,
    ("sum_one", 1): _sum_one_1,
    ("base_peak_one", 1): _base_peak_one_1,
}


def check_steps(steps: Sequence[tuple[str, int, Mapping[str, Any]]]) -> None:
    """Refuse steps that cannot be applied, before there is a spectrum.

    Raises:
        MismatchError: a step or version that this spectrakit does not have, or a parameter that
            the step does not take.
    """
    one_peak = PeakLists(np.array([0, 1]), np.array([100.0]), np.array([1.0]))
    apply_steps(one_peak, Context(np.array([200.0])), steps)


def apply_steps(
    peaks: PeakLists, context: Context, steps: Sequence[tuple[str, int, Mapping[str, Any]]]
) -> PeakLists:
    """Apply (name, version, parameters) in order.

    Raises:
        MismatchError: a step or version that this spectrakit does not have, or a parameter that
            the step does not take.
    """
    for name, version, parameters in steps:
        function = STEPS.get((name, version))
        if function is None:
            near = did_you_mean(name, {known for known, _ in STEPS})
            raise MismatchError(
                f"the preprocessing step '{name}' version {version} is unknown. {near}".rstrip(),
                hint="Update spectrakit.",
            )
        try:
            peaks = function(peaks, context, **parameters)
        except (TypeError, UsageError) as error:
            raise MismatchError(
                f"the preprocessing step '{name}' version {version} refuses its parameters: "
                f"{error}".rstrip(".")
                + ".",
                hint="Export the bundle again.",
            ) from error
    return peaks
