"""Maps of spectra from the target instrument to the source, learned from standards on both.

Every map is affine, so that a model of source spectra becomes one of target spectra by ``pull``.
Standards are ``target`` (N, q) and ``source`` (N, p), row by row the same sample.
"""

from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

FloatArray = NDArray[np.float64]
_TINY = 1e-300


class SpectrumMap(Protocol):
    """An affine map of target spectra."""

    def __call__(self, values: FloatArray) -> FloatArray:
        """Return (m, p) source-like spectra of (m, q) target spectra."""
        ...

    def pull(self, slope: FloatArray, offset: FloatArray) -> tuple[FloatArray, FloatArray]:
        """Return slopes (q, k) and offsets (k,) on target spectra."""
        ...


@dataclass(frozen=True, slots=True)
class Scaled:
    """``(x - centre) * gain + goal``: mean difference (gain 1) and global gain."""

    centre: FloatArray
    goal: FloatArray
    gain: float

    def __call__(self, values: FloatArray) -> FloatArray:
        """Return mapped spectra."""
        return (values - self.centre) * self.gain + self.goal

    def pull(self, slope: FloatArray, offset: FloatArray) -> tuple[FloatArray, FloatArray]:
        """Return slopes and offsets on target spectra."""
        return slope * self.gain, offset + (self.goal - self.gain * self.centre) @ slope


@dataclass(frozen=True, slots=True)
class Linear:
    """``(x - centre) @ matrix + goal``, the matrix as two factors (q, r) and (r, p)."""

    centre: FloatArray
    goal: FloatArray
    left: FloatArray
    right: FloatArray

    def __call__(self, values: FloatArray) -> FloatArray:
        """Return mapped spectra."""
        return ((values - self.centre) @ self.left) @ self.right + self.goal

    def pull(self, slope: FloatArray, offset: FloatArray) -> tuple[FloatArray, FloatArray]:
        """Return slopes and offsets on target spectra."""
        pulled = self.left @ (self.right @ slope)
        return pulled, offset + self.goal @ slope - self.centre @ pulled


@dataclass(frozen=True, slots=True)
class Piecewise:
    """Each channel plus a combination of the channels around it; ``local`` (p, window)."""

    centre: FloatArray
    goal: FloatArray
    local: FloatArray

    def __call__(self, values: FloatArray) -> FloatArray:
        """Return mapped spectra."""
        centred = values - self.centre
        around = windows(centred, self.local.shape[1] // 2)
        return centred + np.einsum("npw,pw->np", around, self.local) + self.goal

    def pull(self, slope: FloatArray, offset: FloatArray) -> tuple[FloatArray, FloatArray]:
        """Return slopes and offsets on target spectra."""
        p, width = self.local.shape
        half = width // 2
        pulled = slope.copy()
        for k in range(width):
            shift = k - half  # channel j reads channel j + shift
            low, high = max(0, -shift), min(p, p - shift)
            pulled[low + shift : high + shift] += self.local[low:high, k, None] * slope[low:high]
        return pulled, offset + self.goal @ slope - self.centre @ pulled


def windows(values: FloatArray, half: int) -> FloatArray:
    """Return (n, p, 2 half + 1) channels around each channel, zero beyond the ends."""
    if half == 0:
        return values[..., None]
    padded = np.zeros((len(values), values.shape[1] + 2 * half))
    padded[:, half:-half] = values
    return np.lib.stride_tricks.sliding_window_view(padded, 2 * half + 1, axis=-1)


def mean_difference(target: FloatArray, source: FloatArray) -> Scaled:
    """Return the map that adds the mean difference of the standards."""
    return Scaled(target.mean(axis=0), source.mean(axis=0), 1.0)


def global_gain(target: FloatArray, source: FloatArray) -> Scaled:
    """Return mean difference with one gain for all channels, by least squares."""
    centre, goal = target.mean(axis=0), source.mean(axis=0)
    around = target - centre
    gain = float((around * (source - goal)).sum() / max(float((around**2).sum()), _TINY))
    return Scaled(centre, goal, gain)


def latent_ridge(target: FloatArray, source: FloatArray, ridge: float) -> Linear:
    """Return the ridge regression of whole source spectra on whole target spectra.

    The two may be on different axes. With a small ridge and centred data it is direct
    standardisation by regularised least squares.

    Args:
        target: (N, q) standards on the target instrument.
        source: (N, p) the same on the source instrument.
        ridge: times the mean eigenvalue of the target's Gram matrix.

    Source: Wang 1991, Anal. Chem. 63, 2750 (direct standardisation), by ridge in the dual form.
    """
    centre, goal = target.mean(axis=0), source.mean(axis=0)
    rows = target - centre
    gram = rows @ rows.T
    scale = ridge * np.trace(gram) / len(gram) + _TINY
    dual = np.linalg.solve(gram + scale * np.eye(len(gram)), source - goal)
    return Linear(centre, goal, rows.T, dual)


def piecewise(target: FloatArray, source: FloatArray, half: int, ridge: float) -> Piecewise:
    """Return piecewise direct standardisation shrunk to the identity.

    The difference between the instruments at each channel is regressed on the target's channels
    around it, so that a large ridge leaves mean difference.

    Args:
        target: (N, p) standards on the target instrument.
        source: (N, p) the same on the source instrument, same axis.
        half: half-width of the window in channels.
        ridge: times the mean squared norm of the windows.

    Source: Wang 1991, Anal. Chem. 63, 2750 (PDS); shrinking: ``evidence`` recipe R, step 4.
    """
    centre, goal = target.mean(axis=0), source.mean(axis=0)
    rows = target - centre
    wanted = (source - goal) - rows
    around = windows(rows, half).transpose(1, 0, 2)  # (p, N, width)
    gram = around @ around.transpose(0, 2, 1)
    n = len(rows)
    scale = ridge * np.trace(gram, axis1=1, axis2=2) / min(n, around.shape[2])
    scale = scale + 1e-12 * scale.mean() + _TINY
    dual = np.linalg.solve(gram + scale[:, None, None] * np.eye(n), wanted.T[:, :, None])
    return Piecewise(centre, goal, (around.transpose(0, 2, 1) @ dual)[:, :, 0])
