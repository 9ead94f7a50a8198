"""Errors on standards that were left out: of every way to predict, for every choice it allows.

Whatever learns from standards, maps included, does so again without each fold: an error of what
was fitted on the same standards is too good, and weights made of such errors are worse than none
(recipe R, point 6). The same folds serve nested cross-validation, where one fold is outside and
the others judge: fits without one fold and without two are all that is needed.
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from spectrakit.transfer.standard_samples import Standards
from spectrakit.transfer.ways import OfStandards

FloatArray = NDArray[np.float64]
Rows = NDArray[np.int64]
Folds = frozenset[int]
WHOLE: Folds = frozenset()


class Learned(Protocol):
    """A way to predict, learned from some standards, in c configurations at all penalties."""

    def source_mse(self) -> FloatArray:
        """Return (c, penalties, k) leave-one-out errors on source samples."""
        ...

    def predict(self, rows: Rows) -> FloatArray:
        """Return (c, penalties, rows, k) predictions of standards on the target."""
        ...

    def affine(self, configuration: int, penalty: int, column: int) -> tuple[FloatArray, float]:
        """Return slope and offset of one property on preprocessed target spectra."""
        ...


@dataclass(frozen=True, slots=True)
class Errors:
    """What is known of a way without looking at some folds.

    Attributes:
        source_mse: (c, penalties, k) leave-one-out error on source samples.
        honest_mse: (c, penalties, k) error on standards that were left out in turn: of the labels,
            or (ways without labels) of the source model's predictions for the same samples.
        left_out: (c, penalties, N', k) predictions of these standards, in ``rows`` order.
        rows: (N',) the standards.
    """

    source_mse: FloatArray
    honest_mse: FloatArray
    left_out: FloatArray
    rows: Rows

    def part(self, some: slice) -> "Errors":
        """Return those of some configurations."""
        source, honest = self.source_mse[some], self.honest_mse[some]
        return Errors(source, honest, self.left_out[some], self.rows)


Learn = Callable[[Rows, int], Learned]


@dataclass(eq=False)
class Way:
    """A way to predict, and how it learns.

    Attributes:
        data: the standards.
        learn: takes rows of the standards and a choice (of a map's parameters).
        aim: (..., N, k) what standards left out are compared with.
        choose: the choice that is made without looking at some folds.
    """

    data: Standards
    learn: Learn
    aim: FloatArray
    choose: Callable[[Folds], int] = lambda left: 0
    _learned: dict[tuple[Folds, int], Learned] = field(default_factory=dict, repr=False)
    _told: dict[tuple[Folds, int], dict[int, FloatArray]] = field(default_factory=dict, repr=False)
    _errors: dict[Folds, Errors] = field(default_factory=dict, repr=False)

    def learned(self, left: Folds) -> Learned:
        """Return what is learned without some folds, its choice made without them."""
        return self._fit(left, self.choose(left))

    def errors(self, left: Folds = WHOLE) -> Errors:
        """Return the errors on all standards but those of some folds, which are not looked at."""
        if left not in self._errors:
            self._errors[left] = self._measure(left, self.choose(left))
        return self._errors[left]

    def outside(self, fold: int) -> FloatArray:
        """Return (c, penalties, h, k) predictions of a fold by fits and choices without it."""
        left = frozenset([fold])
        return self._predicted(left, self.choose(left))[fold]

    def _measure(self, left: Folds, choice: int) -> Errors:
        rows = self.data.without(left)
        source_mse = self._fit(left, choice).source_mse()
        left_out: FloatArray | None = None
        for fold, (_, held) in enumerate(self.data.folds()):
            if fold in left:
                continue
            found = self._predicted(left | {fold}, choice)[fold]
            if left_out is None:
                left_out = np.empty((*found.shape[:2], len(rows), found.shape[3]))
            left_out[:, :, np.searchsorted(rows, held)] = found
        assert left_out is not None  # there are two folds at least
        honest = np.mean((left_out - self.aim[..., rows, :]) ** 2, axis=2)
        return Errors(source_mse, honest, left_out, rows)

    def _predicted(self, left: Folds, choice: int) -> dict[int, FloatArray]:
        """Return the predictions of every fold left out, by one fit without them all."""
        key = (left, choice)
        if key not in self._told:
            fit = self._fit(left, choice)
            folds = self.data.folds()
            self._told[key] = {fold: fit.predict(folds[fold][1]) for fold in left}
        return self._told[key]

    def _fit(self, left: Folds, choice: int) -> Learned:
        key = (left, choice)
        if key in self._learned:
            return self._learned[key]
        found = self.learn(self.data.without(left), choice)
        if len(left) < 2:  # those without two folds are many, and asked for predictions once
            self._learned[key] = found
        return found


class Alone(Way):
    """A ridge regression of the standards alone: its leave-one-out errors are in closed form."""

    def _measure(self, left: Folds, choice: int) -> Errors:
        rows = self.data.without(left)
        if len(np.unique(self.data.groups[rows])) < len(rows):
            found = super()._measure(left, choice)
            return Errors(found.honest_mse, found.honest_mse, found.left_out, rows)
        model = self._fit(left, choice)
        assert isinstance(model, OfStandards)
        left_out = (self.aim[rows] + model.model.loo)[None]
        honest = model.source_mse()
        return Errors(honest, honest, left_out, rows)
