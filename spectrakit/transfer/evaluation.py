"""Methods measured over many splits of samples that are known on both instruments.

Every row of a split sees the same training samples, standards and test samples. Test samples are
on the target only, and nothing is chosen on them.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from math import isfinite, nan, sqrt

import numpy as np
from numpy.typing import NDArray

from spectrakit.transfer.affine import AffineSum
from spectrakit.transfer.automatic import automatic
from spectrakit.transfer.bases import PREPROCESSINGS
from spectrakit.transfer.ceiling import ceiling, ridge_average
from spectrakit.transfer.figures import figures_of
from spectrakit.transfer.intervals import interval_of, represented
from spectrakit.transfer.labelfree import mean_map
from spectrakit.transfer.methods import Method
from spectrakit.transfer.ridge import Ridge
from spectrakit.transfer.standard_samples import Standards
from spectrakit.transfer.standards import Design
from spectrakit.transfer.sweep import sweep
from spectrakit.transfer.unpaired import fit_unpaired

FloatArray = NDArray[np.float64]
Rows = NDArray[np.int64]

AUTO = "auto"
LABEL_FREE, MEAN_CENTRING, NONE = "label-free", "mean-centring", "none"
_LEAST = 30  # labelled target samples of a ceiling: the data sets here have 38 and more
_CENTRED = ("raw", "SG1", "SG2")  # preprocessings of the plain average that is the control


@dataclass(frozen=True, slots=True)
class Split:
    """Samples known on both instruments, cut into training and test.

    ``source`` (n, p) and ``target`` (n, q) row by row the same sample; ``known`` (n, k).
    """

    source: FloatArray
    target: FloatArray
    known: FloatArray
    train: Rows
    test: Rows
    same_axis: bool


@dataclass(frozen=True, slots=True)
class Score:
    """One method on one split, for one property; ``ceiling`` is the RMSEP of the ceiling."""

    column: int
    standards: int
    method: str
    r2: float
    rmsep: float
    bias: float
    ceiling: float
    coverage: float
    width: float

    @property
    def ceiling_ratio(self) -> float:
        """RMSEP over that of the ceiling, NaN without one."""
        return self.rmsep / self.ceiling if self.ceiling > 0 else nan


def scores_of_split(
    split: Split, standards: int, methods: Sequence[Method], design: Design, level: float,
    seed: int, *, with_auto: bool,
) -> Iterator[Score]:  # fmt: skip
    """Yield the score of every method for every property.

    Args:
        split: the samples.
        standards: how many; 0 cuts the training samples in two halves, one with labels on the
            source and one without on the target.
        methods: to fit; not used with 0 standards.
        design: how standards are chosen among the training samples.
        level: of the intervals.
        seed: of everything random.
        with_auto: also nested cross-validation, which ``auto`` and intervals need.
    """
    test, known_test = split.target[split.test], split.known[split.test]
    best = ceiling(split.target[split.train], split.known[split.train], test, _LEAST)
    k = split.known.shape[1]
    top = [nan if best is None else _rmse(best[:, c], known_test[:, c]) for c in range(k)]
    if standards == 0:
        for name, calibration in _without_standards(split, seed):
            yield from _scores(name, 0, calibration.predict(test), known_test, None, level, top)
        return
    source, known = split.source[split.train], split.known[split.train]
    twins = design(PREPROCESSINGS[1](source), known, standards, seed)
    data = Standards(
        source, known, split.target[split.train][twins], twins, known[twins],
        np.arange(standards), split.same_axis,
    )  # fmt: skip
    weights = represented(source, twins)
    swept = sweep(methods, data, test, seed, nested=with_auto)
    for one in swept:
        if one.test is not None:
            residuals = None if one.nested is None else one.nested - data.labels
            name = one.method.name
            yield from _scores(
                name, standards, one.test, known_test, residuals, level, top, weights
            )
    if with_auto:
        fitted, nested, _, _ = automatic(swept, data.labels)
        residuals = None if nested is None else nested - data.labels
        value = fitted.calibration.predict(test)
        yield from _scores(AUTO, standards, value, known_test, residuals, level, top, weights)


def _scores(
    name: str, standards: int, value: FloatArray, known: FloatArray, residuals: FloatArray | None,
    level: float, top: Sequence[float], weights: FloatArray | None = None,
) -> Iterator[Score]:  # fmt: skip
    for column in range(known.shape[1]):
        told = figures_of(known[:, column], value[:, column])
        coverage = width = nan
        if residuals is not None:
            judged = (known[:, column], value[:, column])
            interval = interval_of(residuals[:, column], level, judged, weights)
            if interval.half_width is not None and interval.coverage is not None:
                coverage, width = interval.coverage, 2 * interval.half_width
        yield Score(
            column, standards, name, told.r2, told.rmsep, told.bias, top[column], coverage, width
        )


def _without_standards(split: Split, seed: int) -> Iterator[tuple[str, AffineSum]]:
    """Yield calibrations from one half's labels and the other half's target spectra."""
    if not split.same_axis:
        return
    order = np.random.default_rng(seed).permutation(split.train)
    half = len(order) // 2
    source, known = split.source[order[:half]], split.known[order[:half]]
    pool = split.target[order[half:]]
    yield LABEL_FREE, fit_unpaired(source, known, pool)
    yield MEAN_CENTRING, _mean_centring(source, known, pool)
    yield NONE, ridge_average(source, known, _CENTRED)[0]


def _mean_centring(source: FloatArray, known: FloatArray, pool: FloatArray) -> AffineSum:
    """Return the control: a plain average of models whose spectra are centred by instrument."""
    from spectrakit.transfer.affine import Term, limits

    low, high = limits(known)
    terms: list[Term] = []
    for one in PREPROCESSINGS:
        if one.name not in _CENTRED:
            continue
        model = Ridge(one(source), known)
        slope, offset = model.affine(model.source_mse.argmin(axis=0))
        slope, offset = mean_map(one(source), one(pool)).pull(slope, offset)
        share = np.full(known.shape[1], 1.0 / len(_CENTRED))
        terms.append(Term(one.basis, one.pull(slope), offset, share, low, high))
    return AffineSum(tuple(terms))


def _rmse(value: FloatArray, known: FloatArray) -> float:
    error = value - known
    return sqrt(float(np.mean(error**2))) if np.isfinite(error).all() else nan


def pooled_ratio(rmsep: Sequence[float], top: Sequence[float]) -> float:
    """Return the ratio of errors, their squares averaged over splits; NaN without a ceiling."""
    one, other = np.mean(np.square(rmsep)), np.mean(np.square(top))
    return float(np.sqrt(one / other)) if isfinite(other) and other > 0 else nan
