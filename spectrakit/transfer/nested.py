"""LV*: the configuration with the least error expected on the target, chosen inside the folds.

The score of a configuration (latent variables, window, rank, preprocessing) is its squared error
in cross-validation on source samples plus its mean squared disagreement on standards left out:
of the mapped standard with its twin on the source, or of the prediction with the label where a
method uses labels. Predictions of standards left out are nested: the fold that is left out had no
part in the choice either, nor its twins in the calibration of the source.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from spectrakit.errors import MismatchError
from spectrakit.transfer.affine import AffineSum, Term, limits
from spectrakit.transfer.methods import Fitted
from spectrakit.transfer.pls import smallest_within
from spectrakit.transfer.standard_samples import Standards

FloatArray = NDArray[np.float64]
Rows = NDArray[np.int64]


class Trained(Protocol):
    """A way to predict, learned from some of the standards, in c configurations."""

    @property
    def texts(self) -> Sequence[str]:
        """What each configuration is."""
        ...

    def source_mse(self) -> FloatArray:
        """Return (c, k) mean squared error in cross-validation, 0 where there is nothing to say."""
        ...

    def predict(self, values: FloatArray) -> FloatArray:
        """Return (c, m, k) predictions of (m, q) target spectra as measured."""
        ...

    def errors(self, held: Rows) -> FloatArray | None:
        """Return (c, h, k) errors on standards left out; None where they are not scored."""
        ...

    def affine(self, configuration: int, column: int) -> tuple[FloatArray, float]:
        """Return slope (q,) on target spectra as measured and offset of one property."""
        ...


Train = Callable[[Rows], Trained]
Clip = Callable[[Rows], tuple[FloatArray, FloatArray]]


@dataclass
class Several:
    """The configurations of several ways, e.g. of several preprocessings, as one list."""

    parts: Sequence[Trained]

    @property
    def texts(self) -> Sequence[str]:
        """What each configuration is."""
        return [text for part in self.parts for text in part.texts]

    def source_mse(self) -> FloatArray:
        """Return (c, k) mean squared errors."""
        return np.concatenate([part.source_mse() for part in self.parts])

    def predict(self, values: FloatArray) -> FloatArray:
        """Return (c, m, k) predictions."""
        return np.concatenate([part.predict(values) for part in self.parts])

    def errors(self, held: Rows) -> FloatArray | None:
        """Return (c, h, k) errors on standards left out."""
        found = [part.errors(held) for part in self.parts]
        scored = [one for one in found if one is not None]
        return np.concatenate(scored) if len(scored) == len(found) else None

    def affine(self, configuration: int, column: int) -> tuple[FloatArray, float]:
        """Return slope and offset."""
        for part in self.parts:
            if configuration < len(part.texts):
                return part.affine(configuration, column)
            configuration -= len(part.texts)
        raise IndexError(configuration)


@dataclass
class Search:
    """Every configuration of a way, trained on whatever standards are asked for.

    Attributes:
        data: the standards.
        train: learns from some rows of the standards.
        least: fewest standards that it can learn from.
        clip: rows of the standards to (low, high), each (k,), of what is predicted.
        tolerance: share of the least root mean square error that is given away for a smaller
            configuration (an earlier one).
    """

    data: Standards
    train: Train
    least: int
    clip: Clip
    tolerance: float = 0.0
    _trained: dict[frozenset[int], Trained] = field(default_factory=dict[frozenset[int], Trained])
    _scores: dict[frozenset[int], FloatArray] = field(
        default_factory=dict[frozenset[int], FloatArray]
    )

    def without(self, left: frozenset[int]) -> Trained:
        """Return the way trained without some folds."""
        if left not in self._trained:
            self._trained[left] = self.train(self.data.without(left))
        return self._trained[left]

    def score(self, left: frozenset[int] = frozenset()) -> FloatArray:
        """Return (c, k) LV* scores that know nothing of some folds."""
        if left not in self._scores:
            score = np.array(self.without(left).source_mse())
            found: list[FloatArray] = []
            for fold, (_, held) in enumerate(self.data.folds()):
                more = left | {fold}
                if fold in left or len(self.data.without(more)) < self.least:
                    continue
                errors = self.without(more).errors(held)
                if errors is not None:
                    found.append(errors)
            if found:
                score = score + np.mean(np.concatenate(found, axis=1) ** 2, axis=1)
            self._scores[left] = score
        return self._scores[left]

    def fitted(self) -> Fitted:
        """Return the best configuration of each property."""
        choice = smallest_within(self.score(), self.tolerance)
        whole = self.without(frozenset())
        k = len(choice)
        parts = [whole.affine(int(choice[column]), column) for column in range(k)]
        low, high = self.clip(np.arange(len(self.data.target)))
        term = Term(
            "raw",
            np.stack([slope for slope, _ in parts], axis=1),
            np.array([offset for _, offset in parts]),
            np.ones(k),
            low,
            high,
        )
        texts = tuple(whole.texts[int(one)] for one in choice)
        return Fitted(AffineSum((term,)), self.left_out, texts)

    def left_out(self) -> FloatArray:
        """Return (N, k) predictions of standards: fits and choices without their fold."""
        predicted = np.empty_like(self.data.labels)
        columns = np.arange(predicted.shape[1])
        for fold, (_, held) in enumerate(self.data.folds()):
            left = frozenset([fold])
            best = smallest_within(self.score(left), self.tolerance)
            found = self.without(left).predict(self.data.target[held])
            predicted[held] = np.clip(
                found[best, :, columns].T, *self.clip(self.data.without(left))
            )
        return predicted

    def left_of(self, rows: Rows) -> frozenset[int]:
        """Return the folds that these rows of the standards have nothing of."""
        return frozenset(
            fold
            for fold, (_, held) in enumerate(self.data.folds())
            if not np.isin(held, rows).any()
        )


def search(data: Standards, train: Train, *, least: int = 1, clip: Clip | None = None) -> Search:
    """Return the search over a way's configurations.

    Args:
        data: the standards.
        train: learns from some rows of the standards.
        least: fewest standards that it can learn from.
        clip: limits of predictions; those of the source's known values when not given.
    """
    return Search(data, train, least, clip or range_of_source(data))


def range_of_source(data: Standards) -> Clip:
    """Return limits by the source's known values, without those of standards left out."""

    def clip(rows: Rows) -> tuple[FloatArray, FloatArray]:
        left = data.twins[np.setdiff1d(np.arange(len(data.target)), rows)]
        kept = np.delete(data.known, left, axis=0)
        return limits(kept if len(kept) else data.known)

    return clip


def range_of_labels(data: Standards) -> Clip:
    """Return limits by the labels of the standards."""
    return lambda rows: limits(data.labels[rows])


def unlimited(data: Standards) -> Clip:
    """Return no limits, for where no range of known values is known."""
    k = data.labels.shape[1]
    return lambda rows: (np.full(k, -np.inf), np.full(k, np.inf))


def check(data: Standards, method: str, *, labels: bool, least: int, same_axis: bool) -> None:
    """Check that a method can be fitted; ``least`` 0 is for one that needs no standards.

    Raises:
        MismatchError: missing reference values or labels, too few standards, different axes.
    """
    if not np.isfinite(data.known).all():
        rows = int((~np.isfinite(data.known)).any(axis=1).sum())
        raise MismatchError(
            f"{method}: {rows} of {len(data.known)} source samples have no reference value.",
            hint="Leave these samples out, or fit each property by itself.",
        )
    if labels and not np.isfinite(data.labels).all():
        rows = int((~np.isfinite(data.labels)).any(axis=1).sum())
        raise MismatchError(
            f"{method}: {rows} of {len(data.labels)} standards have no reference value.",
            hint="Give their reference values, or use a method that needs none, such as pds.",
        )
    found = len(data.folds())
    if least and (len(data.target) < least or found < 2):
        raise MismatchError(
            f"{method}: needs {max(least, 2)} standards at least, of 2 groups; there are "
            f"{len(data.target)} of {found}.",
            hint="Measure more standards on the target instrument.",
        )
    if same_axis and not data.same_axis:
        raise MismatchError(
            f"{method}: needs both instruments on one axis; the source has "
            f"{data.source.shape[1]} channels and the target {data.target.shape[1]}.",
            hint="Resample to the common range, or use jypls, cca or ds.",
        )
