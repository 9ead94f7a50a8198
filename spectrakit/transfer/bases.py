"""The six preprocessings that members of an average start from.

Each is a basis (what is done to a spectrum by itself: nothing, or SNV) followed by a matrix, so
that whatever is learned behind them is one affine function of the basis.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

FloatArray = NDArray[np.float64]

NARROWEST, WIDEST = 5, 15  # channels of the Savitzky-Golay window
_CHANNELS_PER_WINDOW = 12


def snv(values: FloatArray) -> FloatArray:
    """Return spectra (..., p) with mean 0 and standard deviation (n - 1) 1; constant ones are NaN.

    The same as ``preprocess.traces.snv``, which a bundle's graph computes, for stacks of any shape.

    Source: Barnes 1989, Appl. Spectrosc. 43, 772.
    """
    spread = values.std(axis=-1, keepdims=True, ddof=1)
    with np.errstate(invalid="ignore", divide="ignore"):
        return (values - values.mean(axis=-1, keepdims=True)) / np.where(spread > 0, spread, np.nan)


def _as_is(values: FloatArray) -> FloatArray:
    return values


BASES: Mapping[str, Callable[[FloatArray], FloatArray]] = {"raw": _as_is, "snv": snv}


@dataclass(frozen=True, slots=True)
class Preprocessing:
    """A basis and the Savitzky-Golay derivative (0: none) taken of it."""

    name: str
    basis: str
    derivative: int

    def __call__(self, values: FloatArray) -> FloatArray:
        """Return (..., p) preprocessed spectra."""
        base = BASES[self.basis](values)
        return (
            base @ derivative_matrix(values.shape[-1], self.derivative) if self.derivative else base
        )

    def pull(self, slope: FloatArray) -> FloatArray:
        """Return slopes (p, k) on the basis that equal these slopes on preprocessed spectra."""
        return derivative_matrix(len(slope), self.derivative) @ slope if self.derivative else slope


PREPROCESSINGS = (
    Preprocessing("raw", "raw", 0),
    Preprocessing("SG1", "raw", 1),
    Preprocessing("SG2", "raw", 2),
    Preprocessing("SNV", "snv", 0),
    Preprocessing("SNV+SG1", "snv", 1),
    Preprocessing("SNV+SG2", "snv", 2),
)


def window_of(p: int) -> int:
    """Return the window in channels for spectra of p points: odd, about p / 12, 5 to 15."""
    width = min(max(round(p / _CHANNELS_PER_WINDOW), NARROWEST), WIDEST)
    width += 1 - width % 2
    return width if width <= p else max(3, p - 1 + p % 2)


@lru_cache(maxsize=32)
def derivative_matrix(p: int, derivative: int) -> FloatArray:
    """Return (p, p) ``M``: ``spectra @ M`` is the Savitzky-Golay derivative (second order).

    Source: Savitzky and Golay 1964, Anal. Chem. 36, 1627; ends by the polynomial of the last
    full window.
    """
    from scipy.signal import savgol_filter

    made = savgol_filter(np.eye(p), window_of(p), 2, deriv=derivative, axis=1)
    return np.asarray(made, np.float64)
