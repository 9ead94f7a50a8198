"""What the members of an average learn from standards: maps, virtual instruments, one regression.

Each is ``honest.Learned``: predictions of standards, errors on source samples, affine functions,
all behind one preprocessing. ``target`` (N, q) are the preprocessed standards, of which some rows
are learned from and the others predicted.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from spectrakit.transfer.bordered import SourceSide
from spectrakit.transfer.joint import Joint
from spectrakit.transfer.maps import SpectrumMap
from spectrakit.transfer.ridge import Ridge
from spectrakit.transfer.simulated import SHRINKAGES, SimulatedOperator

FloatArray = NDArray[np.float64]
Rows = NDArray[np.int64]
Fit = Callable[[FloatArray, FloatArray], SpectrumMap]


@dataclass(frozen=True, slots=True)
class Met:
    """A space in which source samples and target spectra can be compared.

    Attributes:
        side: the source's samples there.
        mapping: of target spectra to it; None where they are there already.
        twins: (N, p) the standards' twins there.
    """

    side: SourceSide
    mapping: SpectrumMap | None
    twins: FloatArray

    def seen(self, target: FloatArray) -> FloatArray:
        """Return (N, p) target spectra in the space."""
        return target if self.mapping is None else self.mapping(target)


Meet = Callable[[Rows, int], Met]


@dataclass(frozen=True, slots=True)
class Behind:
    """The source's regression behind each of several maps of target spectra."""

    model: Ridge
    maps: Sequence[SpectrumMap]
    target: FloatArray

    def source_mse(self) -> FloatArray:
        """Return (maps, penalties, k) the regression's errors, the same for every map."""
        return np.broadcast_to(
            self.model.source_mse, (len(self.maps), *self.model.source_mse.shape)
        )

    def predict(self, rows: Rows) -> FloatArray:
        """Return (maps, penalties, rows, k) predictions."""
        return np.stack([self.model.predict(one(self.target[rows])) for one in self.maps])

    def affine(self, configuration: int, penalty: int, column: int) -> tuple[FloatArray, float]:
        """Return slope and offset."""
        return pulled(self.maps[configuration], *_of_ridge(self.model, penalty, column))


@dataclass(frozen=True, slots=True)
class OfVirtual:
    """Regressions of source samples as the target would show them, one for each shrinkage."""

    models: Sequence[Ridge]
    target: FloatArray

    def source_mse(self) -> FloatArray:
        """Return (shrinkages, penalties, k) errors."""
        return np.stack([model.source_mse for model in self.models])

    def predict(self, rows: Rows) -> FloatArray:
        """Return (shrinkages, penalties, rows, k) predictions."""
        return np.stack([model.predict(self.target[rows]) for model in self.models])

    def affine(self, configuration: int, penalty: int, column: int) -> tuple[FloatArray, float]:
        """Return slope and offset."""
        return _of_ridge(self.models[configuration], penalty, column)


class OfBoth(Protocol):
    """A regression of both instruments in c settings at all penalties."""

    def source_mse(self) -> FloatArray:
        """Return (c, penalties, k) errors on source samples."""
        ...

    def predict(self, spectra: FloatArray) -> FloatArray:
        """Return (c, penalties, m, k) predictions of (m, p) target spectra in its space."""
        ...

    def affine(self, setting: int, penalty: int, column: int) -> tuple[FloatArray, float]:
        """Return slope and offset of one property on spectra of its space."""
        ...


@dataclass(frozen=True, slots=True)
class Together:
    """One regression of both instruments; ``seen`` (N, p) are the standards in its space."""

    model: OfBoth
    seen: FloatArray
    mapping: SpectrumMap | None

    def source_mse(self) -> FloatArray:
        """Return (settings, penalties, k) errors."""
        return self.model.source_mse()

    def predict(self, rows: Rows) -> FloatArray:
        """Return (settings, penalties, rows, k) predictions."""
        return self.model.predict(self.seen[rows])

    def affine(self, configuration: int, penalty: int, column: int) -> tuple[FloatArray, float]:
        """Return slope and offset."""
        found = self.model.affine(configuration, penalty, column)
        return found if self.mapping is None else pulled(self.mapping, *found)


@dataclass(frozen=True, slots=True)
class OfStandards:
    """A regression of the standards alone."""

    model: Ridge
    target: FloatArray

    def source_mse(self) -> FloatArray:
        """Return (1, penalties, k) leave-one-out errors on the standards; there is no source."""
        return self.model.source_mse[None]

    def predict(self, rows: Rows) -> FloatArray:
        """Return (1, penalties, rows, k) predictions."""
        return self.model.predict(self.target[rows])[None]

    def affine(self, configuration: int, penalty: int, column: int) -> tuple[FloatArray, float]:
        """Return slope and offset."""
        return _of_ridge(self.model, penalty, column)


@dataclass(frozen=True, slots=True)
class Maps:
    """How maps of target spectra to the source are learned.

    Attributes:
        fits: one for each configuration.
        model: the source's regression.
        side: the source's samples, for regressions of both.
        twins: (N, p) standards on the source.
        target: (N, q).
    """

    fits: Sequence[Fit]
    model: Ridge
    side: SourceSide
    twins: FloatArray
    target: FloatArray

    def learn(self, rows: Rows, _: int) -> Behind:
        """Return the regression behind every map."""
        maps = [fit(self.target[rows], self.twins[rows]) for fit in self.fits]
        return Behind(self.model, maps, self.target)

    def meet(self, rows: Rows, choice: int) -> Met:
        """Return the source, and one map to it."""
        mapping = self.fits[choice](self.target[rows], self.twins[rows])
        return Met(self.side, mapping, self.twins)


@dataclass(frozen=True, slots=True)
class Updating:
    """How one regression of both instruments is learned, in the space where they meet."""

    meet: Meet
    target: FloatArray
    labels: FloatArray

    def learn(self, rows: Rows, choice: int) -> Together:
        """Return the regression."""
        met = self.meet(rows, choice)
        seen = met.seen(self.target)
        return Together(Joint(met.side, seen[rows], self.labels[rows]), seen, met.mapping)


@dataclass(frozen=True, slots=True)
class Virtual:
    """How source samples as the target would show them are learned.

    Attributes:
        operator: of the virtual instruments, m source samples.
        known: (m, k) their reference values.
        twins: (N,) which of them are the standards.
        target: (N, p).
    """

    operator: SimulatedOperator
    known: FloatArray
    twins: Rows
    target: FloatArray

    def learn(self, rows: Rows, _: int) -> OfVirtual:
        """Return the regressions."""
        models = [Ridge(like, self.known) for like in self._like(rows, SHRINKAGES)]
        return OfVirtual(models, self.target)

    def meet(self, rows: Rows, choice: int) -> Met:
        """Return the source samples as the target would show them, with one shrinkage."""
        (like,) = self._like(rows, (SHRINKAGES[choice],))
        return Met(SourceSide(like, self.known), None, like[self.twins])

    def _like(self, rows: Rows, shrinkages: Sequence[float]) -> list[FloatArray]:
        return self.operator.target_like(self.target[rows], self.twins[rows], shrinkages)


def _of_ridge(model: Ridge, penalty: int, column: int) -> tuple[FloatArray, float]:
    slope, offset = model.affine(np.full(len(model.y_mean), penalty))
    return slope[:, column], float(offset[column])


def pulled(mapping: SpectrumMap, slope: FloatArray, offset: float) -> tuple[FloatArray, float]:
    """Return slope and offset on target spectra that equal these on mapped ones."""
    slopes, offsets = mapping.pull(slope[:, None], np.array([offset]))
    return slopes[:, 0], float(offsets[0])
