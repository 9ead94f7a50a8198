"""The operator at work on one pair of instruments, behind one preprocessing: numpy in and out."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray

from spectrakit.transfer.bases import BASES, Preprocessing, derivative_matrix
from spectrakit_spectralfm.operator import Beliefs, Operator, Posterior, Seen, derived, part

FloatArray = NDArray[np.float64]
Rows = NDArray[np.int64]
RANK = 40  # directions of the covariance that the metric looks at
_TINY = 1e-300


@dataclass(frozen=True, slots=True)
class Metric:
    """``x + ((x @ axes) * less) @ axes.T``: spectra shrunk along what is not known of a target.

    Attributes:
        axes: (p, r) orthonormal.
        less: (r,) between -1 and 0.
    """

    axes: FloatArray
    less: FloatArray

    def __call__(self, values: FloatArray) -> FloatArray:
        """Return (m, p) spectra in the metric."""
        return values + ((values @ self.axes) * self.less) @ self.axes.T

    def pull(self, slope: FloatArray, offset: FloatArray) -> tuple[FloatArray, FloatArray]:
        """Return slopes (p, k) and offsets (k,) on spectra before the metric."""
        return slope + self.axes @ (self.less[:, None] * (self.axes.T @ slope)), offset


@dataclass(frozen=True, slots=True)
class Learned:
    """What some standards said.

    Attributes:
        shown: (n, p) source samples as the target is expected to show them, preprocessed.
        metric: of what is left unknown.
        sizes: (r,) variances along its axes, in the units of the spectra.
        penalty: of the regression, times the mean eigenvalue, as the network proposes it.
    """

    shown: FloatArray
    metric: Metric
    sizes: FloatArray
    penalty: float


class Applied:
    """The operator on the spectra of a pair.

    Args:
        operator: in float64.
        source: (n, p) as measured, or on the common axis.
        target: (N, p) the standards on the target.
        twins: (N,) their rows in ``source``.
        preprocessing: of core's six.
        place: (p,) of the channels, see ``place_of``.
    """

    def __init__(
        self, operator: Operator, source: FloatArray, target: FloatArray, twins: Rows,
        preprocessing: Preprocessing, place: FloatArray,
    ) -> None:  # fmt: skip
        self.operator, self.twins = operator, twins
        base, seen = BASES[preprocessing.basis](source), BASES[preprocessing.basis](target)
        mean = base.mean(axis=0)
        centre, self._scale = float(mean.mean()), max(float(mean.std()), _TINY)
        base, seen = (base - centre) / self._scale, (seen - centre) / self._scale
        p = source.shape[1]
        with torch.no_grad():
            features = operator.features(torch.from_numpy(base), torch.from_numpy(place))
        spectra, difference = torch.from_numpy(base), torch.from_numpy(seen - base[twins])
        self._centre = np.full(p, centre)
        order = preprocessing.derivative
        if order:
            features, spectra, difference = (
                derived(one, order) for one in (features, spectra, difference)
            )
            self._centre = self._centre @ derivative_matrix(p, order)
        kind = torch.tensor([order, preprocessing.basis == "snv"]).double()
        self.seen, self.difference = Seen(features, spectra, kind), difference
        self._variance = float((spectra - spectra.mean(0)).square().mean())

    @torch.no_grad()
    def learn(self, rows: Rows, noises: Sequence[float], trusts: Sequence[float]) -> list[Learned]:
        """Return what standards ``rows`` say, for each noise and trust in turn.

        Args:
            rows: of the standards, at least 2.
            noises: times the variance that the network expects.
            trusts: times the trust that it proposes; 0: the metric leaves spectra as they are.
        """
        of, chosen = torch.from_numpy(self.twins[rows]), torch.from_numpy(rows)
        some, difference = part(self.seen, of), self.difference[chosen]
        said = self.operator.beliefs(some, difference)
        found: list[Learned] = []
        for noise in noises:
            told = said._replace(noise=said.noise * noise)
            posterior = self.operator.posterior(some, difference, told)
            shown = posterior.shown(self.seen).numpy() * self._scale + self._centre
            axes, sizes = _directions(posterior.spread(self.seen).numpy())
            for trust in trusts:
                scale = trust * float(said.trust) / max(self._variance, _TINY)
                less = 1 / np.sqrt(1 + scale * sizes) - 1
                size = sizes * self._scale**2
                found.append(Learned(shown, Metric(axes, less), size, float(said.penalty)))
        return found

    @torch.no_grad()
    def posterior(self, rows: Rows) -> tuple[Posterior, Beliefs]:
        """Return the instrument as some standards and the network have it, in scaled units."""
        of, chosen = torch.from_numpy(self.twins[rows]), torch.from_numpy(rows)
        some, difference = part(self.seen, of), self.difference[chosen]
        said = self.operator.beliefs(some, difference)
        return self.operator.posterior(some, difference, said), said


def _directions(spread: FloatArray) -> tuple[FloatArray, FloatArray]:
    """Return (p, r) the main axes of ``spread @ spread.T`` and (r,) its eigenvalues along them.

    Source: Halko 2011, SIAM Rev. 53, 217 (randomised range finder, one power iteration).
    """
    p, m = spread.shape
    start = np.random.default_rng(0).normal(size=(p, min(RANK, p, m)))
    axes = np.linalg.qr(spread @ (spread.T @ start))[0]
    axes = np.linalg.qr(spread @ (spread.T @ axes))[0]
    seen = axes.T @ spread
    values, turn = np.linalg.eigh(seen @ seen.T)
    return axes @ turn, np.maximum(values, 0.0)
