"""Joint-Y PLS: two instruments on any two axes, one loading of the reference values.

The samples of the two blocks need not be the same ones; labels are what they share.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from spectrakit.transfer.calibrations import Instruments
from spectrakit.transfer.nested import Several, Train

FloatArray = NDArray[np.float64]
Rows = NDArray[np.int64]

COUNT = 15  # most latent variables
_TINY = 1e-300
_DEAD = 1e-10  # of a block's trace: what is left of a direction is rounding noise


def fit_blocks(
    grams: Sequence[FloatArray], ys: Sequence[FloatArray], count: int = COUNT
) -> list[FloatArray]:
    """Fit joint-Y PLS and return (lv, rows, k) dual coefficients of each block.

    A centred spectrum's prediction is its products with the block's centred rows times these.

    Args:
        grams: for each block, (rows, rows) products of its centred spectra, blocks on one scale.
        ys: for each block, (rows, k) centred reference values, columns on one scale.
        count: most latent variables.

    Source: Garcia-Munoz, MacGregor and Kourti 2005, Chemom. Intell. Lab. Syst. 79, 101; in the
    dual form, with the joint loading q as an eigenvector instead of an inner iteration.
    """
    k = ys[0].shape[1]
    kernels: list[FloatArray] = [np.array(gram) for gram in grams]
    left: list[FloatArray] = [np.array(y) for y in ys]
    scores: list[list[FloatArray]] = [[] for _ in grams]
    steps: list[list[FloatArray]] = [[] for _ in grams]
    totals: list[FloatArray] = [np.zeros((len(gram), k)) for gram in grams]
    found = [np.zeros((count, len(gram), k)) for gram in grams]
    floors = [_DEAD * np.trace(gram) for gram in grams]
    for a in range(count):
        pairs = zip(left, kernels, strict=True)
        weight = np.sum([y.T @ kernel @ y for y, kernel in pairs], axis=0)
        q: FloatArray = np.linalg.eigh(weight)[1][:, -1]
        made: list[FloatArray] = []
        for block, kernel in enumerate(kernels):
            u = left[block] @ q
            for earlier in scores[block]:
                u = u - earlier * float(earlier @ u) / max(float(earlier @ earlier), _TINY)
            score = kernel @ u
            size = float(np.linalg.norm(score))
            if size <= floors[block] * np.linalg.norm(u):
                made.append(np.zeros_like(score))
                steps[block].append(np.zeros_like(u))
                scores[block].append(made[-1])
                continue
            step = u.copy()
            for earlier, walked in zip(scores[block], steps[block], strict=True):
                square = max(float(earlier @ earlier), _TINY)
                step -= walked * float(earlier @ (grams[block] @ u)) / square
            made.append(score)
            scores[block].append(score)
            steps[block].append(step)
        total = sum(float(score @ score) for score in made)
        if total > 0:
            joint = [score @ y for score, y in zip(made, left, strict=True)]
            loading = np.sum(joint, axis=0) / total
            for block, score in enumerate(made):
                square = float(score @ score)
                totals[block] = totals[block] + steps[block][-1][:, None] * loading
                left[block] = left[block] - score[:, None] * loading
                if square > 0:
                    part = kernels[block] @ score / square
                    inner = float(score @ part) / square
                    both = part[:, None] * score
                    kernels[block] -= both + both.T
                    kernels[block] += inner * score[:, None] * score
        for block, value in enumerate(totals):
            found[block][a] = value
    return found


@dataclass
class JointY:
    """Joint-Y PLS of source samples and labelled standards, predicting target spectra.

    Attributes:
        pair: both instruments after one preprocessing.
        rows: standards that are learned from.
    """

    pair: Instruments
    rows: Rows

    @property
    def texts(self) -> Sequence[str]:
        """Preprocessing and latent variables."""
        name = self.pair.preprocessing.name
        return [f"{name}, {count} LV" for count in range(1, COUNT + 1)]

    def source_mse(self) -> FloatArray:
        """Return (lv, k) errors in cross-validation of samples left out on both instruments."""
        used = np.flatnonzero(self.pair.weight(self.rows) > 0)
        groups, found = self.pair.groups, list[FloatArray]()
        for group in np.unique(groups[used]):
            learned, held = used[groups[used] != group], used[groups[used] == group]
            standards = self.rows[groups[self.pair.data.twins[self.rows]] != group]
            if len(learned) == 0:
                continue
            fit = _Fit(self.pair, learned, standards if len(standards) else self.rows)
            cross = (self.pair.source[held] - fit.source_centre) @ fit.source.T
            found.append(cross @ fit.duals[0] + fit.source_mean - self.pair.data.known[held])
        return np.mean(np.concatenate(found, axis=1) ** 2, axis=1)

    def predict(self, values: FloatArray) -> FloatArray:
        """Return (lv, m, k) predictions."""
        return self._fit.predict(self.pair.preprocessing(values))

    def errors(self, held: Rows) -> FloatArray | None:
        """Return (lv, h, k) predictions minus labels."""
        return self._fit.predict(self.pair.target[held]) - self.pair.data.labels[held]

    def affine(self, configuration: int, column: int) -> tuple[FloatArray, float]:
        """Return slope and offset on target spectra as measured."""
        fit = self._fit
        slope = fit.target.T @ fit.duals[1][configuration][:, [column]]
        offset = float(fit.target_mean[column]) - float(fit.target_centre @ slope[:, 0])
        return self.pair.preprocessing.pull(slope)[:, 0], offset

    @cached_property
    def _fit(self) -> "_Fit":
        return _Fit(self.pair, np.flatnonzero(self.pair.weight(self.rows) > 0), self.rows)


class _Fit:
    """Both blocks on one scale (mean squared norm of a row 1), fitted."""

    def __init__(self, pair: Instruments, samples: Rows, standards: Rows) -> None:
        self.source_centre: FloatArray = pair.source[samples].mean(axis=0)
        self.target_centre: FloatArray = pair.target[standards].mean(axis=0)
        self.source: FloatArray = pair.source[samples] - self.source_centre
        self.target: FloatArray = pair.target[standards] - self.target_centre
        known, labels = pair.data.known[samples], pair.data.labels[standards]
        self.source_mean: FloatArray = known.mean(axis=0)
        self.target_mean: FloatArray = labels.mean(axis=0)
        spread = np.where(known.std(axis=0) > 0, known.std(axis=0), 1.0)
        grams = [self.source @ self.source.T, self.target @ self.target.T]
        scales = [max(float(np.trace(gram)) / len(gram), _TINY) for gram in grams]
        duals = fit_blocks(
            [gram / scale for gram, scale in zip(grams, scales, strict=True)],
            [(known - self.source_mean) / spread, (labels - self.target_mean) / spread],
        )
        self.duals: list[FloatArray] = [
            dual * (spread / scale) for dual, scale in zip(duals, scales, strict=True)
        ]

    def predict(self, target: FloatArray) -> FloatArray:
        """Return (lv, m, k) predictions of preprocessed target spectra."""
        cross = (target - self.target_centre) @ self.target.T
        return cross @ self.duals[1] + self.target_mean


def joint_y(pairs: Sequence[Instruments]) -> Train:
    """Return how joint-Y PLS learns from labelled standards."""

    def train(rows: Rows) -> Several:
        return Several([JointY(pair, rows) for pair in pairs])

    return train
