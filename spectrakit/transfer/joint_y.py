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
from spectrakit.transfer.pls import LATENT_VARIABLES, fit_pls
from spectrakit.transfer.products import products

FloatArray = NDArray[np.float64]
Rows = NDArray[np.int64]

COUNT = LATENT_VARIABLES  # most latent variables
_TINY = 1e-300


def fit_blocks(
    blocks: Sequence[FloatArray], ys: Sequence[FloatArray], count: int = COUNT
) -> list[FloatArray]:
    """Fit joint-Y PLS and return (lv, rows, k) dual coefficients of each block.

    A centred spectrum's prediction is its products with the block's centred rows times these.
    Weights and scores belong to a block, the loading of the reference values and the length of a
    score vector to both: PLS of the block-diagonal matrix. It is deflated with the joint scores,
    so that with enough latent variables it ends at least squares.

    Args:
        blocks: for each, (rows, channels) centred spectra, all on one scale.
        ys: for each block, (rows, k) centred reference values.
        count: most latent variables.

    Source: Garcia-Munoz, MacGregor and Kourti 2005, Chemom. Intell. Lab. Syst. 79, 101, for one
    property at a time.
    """
    from scipy.linalg import block_diag

    joint = products(np.asarray(block_diag(*blocks), np.float64))
    dual = fit_pls(joint, np.vstack(ys), np.ones((1, len(joint))), count).dual[0]
    ends = np.cumsum([len(block) for block in blocks])
    return [dual[:, end - len(block) : end] for end, block in zip(ends, blocks, strict=True)]


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
        blocks = [self.source, self.target]
        scales = [max(float((block**2).sum()) / len(block), _TINY) for block in blocks]
        duals = fit_blocks(
            [block / np.sqrt(scale) for block, scale in zip(blocks, scales, strict=True)],
            [known - self.source_mean, labels - self.target_mean],
        )
        self.duals: list[FloatArray] = [
            dual / scale for dual, scale in zip(duals, scales, strict=True)
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
