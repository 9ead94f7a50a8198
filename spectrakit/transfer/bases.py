"""The preprocessings that calibrations start from: six, and more windows for averages.

Each is a basis (what is done to a spectrum by itself: nothing, or SNV) followed by a matrix, so
that whatever is learned behind them is one affine function of the basis.

Averages take their derivatives with three windows. How much noise a derivative may smooth away
depends on both instruments, and on splits that no table shows the average of several windows was
better than any one of them: Raman 3 to 6 %, sugarcane 2 to 3 %, corn the same.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

FloatArray = NDArray[np.float64]

NARROWEST, WIDEST = 5, 15  # channels of the Savitzky-Golay window
_SCALED_NARROWEST = 9
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
    """A basis and the Savitzky-Golay derivative (0: none) taken of it.

    ``scale`` is of the window, see ``window_of``.
    """

    name: str
    basis: str
    derivative: int
    scale: float | None = None

    def __call__(self, values: FloatArray) -> FloatArray:
        """Return (..., p) preprocessed spectra."""
        base = BASES[self.basis](values)
        return base @ self._matrix(base.shape[-1]) if self.derivative else base

    def pull(self, slope: FloatArray) -> FloatArray:
        """Return slopes (p, k) on the basis that equal these slopes on preprocessed spectra."""
        return self._matrix(len(slope)) @ slope if self.derivative else slope

    def _matrix(self, p: int) -> FloatArray:
        return derivative_matrix(p, self.derivative, self.scale)


PREPROCESSINGS = (
    Preprocessing("raw", "raw", 0),
    Preprocessing("SG1", "raw", 1),
    Preprocessing("SG2", "raw", 2),
    Preprocessing("SNV", "snv", 0),
    Preprocessing("SNV+SG1", "snv", 1),
    Preprocessing("SNV+SG2", "snv", 2),
)
WINDOWS = {"narrow": 0.6, "middle": 1.0, "wide": 1.8}  # scales
MANY_WINDOWS = (
    *(one for one in PREPROCESSINGS if not one.derivative),
    *(
        Preprocessing(f"{one.name}, {word} window", one.basis, one.derivative, scale)
        for one in PREPROCESSINGS
        if one.derivative
        for word, scale in WINDOWS.items()
    ),
)
CROWDED = 250  # source samples, above which averages make do with one window


def of_averages(n: int) -> tuple[Preprocessing, ...]:
    """Return the preprocessings of averages for n source samples."""
    return MANY_WINDOWS if n <= CROWDED else PREPROCESSINGS


def window_of(p: int, scale: float | None = None) -> int:
    """Return the window in channels for spectra of p points: odd, about p / 12, 5 to 15.

    With a scale, that times what is 9 channels at least.
    """
    width = min(max(round(p / _CHANNELS_PER_WINDOW), NARROWEST), WIDEST)
    width += 1 - width % 2
    if scale is not None:
        width = max(round(scale * max(width, _SCALED_NARROWEST)), NARROWEST)
        width += 1 - width % 2
    return width if width <= p else max(3, p - 1 + p % 2)


@lru_cache(maxsize=32)
def derivative_matrix(p: int, derivative: int, scale: float | None = None) -> FloatArray:
    """Return (p, p) ``M``: ``spectra @ M`` is the Savitzky-Golay derivative (second order).

    Source: Savitzky and Golay 1964, Anal. Chem. 36, 1627; ends by the polynomial of the last
    full window.
    """
    from scipy.signal import savgol_filter

    made = savgol_filter(np.eye(p), window_of(p, scale), 2, deriv=derivative, axis=1)
    return np.asarray(made, np.float64)
