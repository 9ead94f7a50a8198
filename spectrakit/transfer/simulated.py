"""Virtual instruments: what another instrument would have measured, made from source spectra.

A few standards cannot say how two instruments differ at every channel. How instruments differ in
general can be simulated: the wavelength axis warped, lines broadened or sharpened, gain and
baseline curves, detector curvature. The real difference is then looked for among combinations of
these differences, which is a Gaussian prior over instruments updated by the standards.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from spectrakit.transfer.bases import Preprocessing

FloatArray = NDArray[np.float64]

INSTRUMENTS = 60
SHRINKAGES = (0.01, 0.1, 1.0, 10.0, 1e9)  # the last: no more than the mean difference


def virtual_instruments(
    values: FloatArray, rng: np.random.Generator, n: int = INSTRUMENTS
) -> FloatArray:
    """Return (n, rows, p): spectra (rows, p) as n virtual instruments would show them.

    Shift 0.05 to 2 channels with a smooth warp, line width 0.3 to 2.5 channels (broadened or
    sharpened), gain curve 1 to 20 %, quadratic term 5 %, smooth baseline 1 to 30 % of the
    standard deviation.
    """
    from scipy.ndimage import gaussian_filter1d

    p = values.shape[1]
    channel = np.arange(p)
    position = np.linspace(0.0, 2.0, p)
    spread, centre = float(values.std()), float(values.mean())

    def curve(waves: int) -> FloatArray:
        order = np.arange(1, waves + 1)[:, None]
        phase = rng.uniform(0, 2 * np.pi, (waves, 1))
        height = rng.normal(size=(waves, 1)) / np.sqrt(waves)
        return (height * np.cos(np.pi * order * position / 2 + phase)).sum(axis=0)

    made = np.empty((n, *values.shape))
    for k in range(n):
        shift = 10 ** rng.uniform(-1.3, 0.3) * (rng.normal() + 0.5 * curve(2))
        where = np.clip(channel + shift, 0, p - 1)
        left = np.minimum(where.astype(np.int64), max(p - 2, 0))
        part = where - left
        seen = values[:, left] * (1 - part) + values[:, np.minimum(left + 1, p - 1)] * part
        smooth = gaussian_filter1d(seen, 10 ** rng.uniform(np.log10(0.3), np.log10(2.5)), axis=1)
        seen = smooth if rng.random() < 0.6 else seen + 0.5 * (seen - smooth)
        seen = seen * (1 + 10 ** rng.uniform(-2, -0.7) * curve(3))
        seen = seen + 0.05 * rng.normal() * (seen - centre) ** 2 / max(spread, 1e-12)
        made[k] = seen + 10 ** rng.uniform(-2, -0.5) * spread * curve(2)
    return made


@dataclass(frozen=True, slots=True)
class SimulatedOperator:
    """Differences that virtual instruments make to preprocessed source spectra.

    Attributes:
        source: (n, p) preprocessed source spectra.
        differences: (instruments, n, p).
    """

    source: FloatArray
    differences: FloatArray

    @classmethod
    def of(
        cls, source: FloatArray, simulated: FloatArray, preprocessing: Preprocessing
    ) -> "SimulatedOperator":
        """Return the operator for one preprocessing.

        Args:
            source: (n, p) preprocessed source spectra.
            simulated: (instruments, n, p) of ``virtual_instruments``, not preprocessed.
            preprocessing: what was done to ``source``.
        """
        return cls(source, preprocessing(simulated) - source)

    def target_like(
        self, target: FloatArray, twins: NDArray[np.int64], shrinkages: Sequence[float]
    ) -> list[FloatArray]:
        """Return (n, p) source spectra as the target would show them, for each shrinkage.

        Args:
            target: (N, p) preprocessed standards on the target instrument.
            twins: (N,) their rows in ``source``.
            shrinkages: times the mean squared norm of the differences.
        """
        source = self.source[twins]
        offset = target.mean(axis=0) - source.mean(axis=0)
        wanted = ((target - target.mean(axis=0)) - (source - source.mean(axis=0))).ravel()
        seen = self.differences[:, twins]
        seen = (seen - seen.mean(axis=1, keepdims=True)).reshape(len(seen), -1)
        gram, towards = seen @ seen.T, seen @ wanted
        size = np.trace(gram) / len(gram)
        found: list[FloatArray] = []
        for shrinkage in shrinkages:
            if shrinkage >= SHRINKAGES[-1]:
                found.append(self.source + offset)
                continue
            ridge = (shrinkage * size + 1e-300) * np.eye(len(gram))
            change = np.tensordot(np.linalg.solve(gram + ridge, towards), self.differences, 1)
            found.append(self.source + offset + change - change[twins].mean(axis=0))
        return found
