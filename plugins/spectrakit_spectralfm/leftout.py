"""Errors of a ridge regression for whole groups left out, in closed form.

Samples of one batch, donor or field are alike: leaving out one of them leaves its answer in. The
residuals of a group that is left out are its residuals, divided by one minus the block of the hat
matrix: no model is fitted again.

Source: Cook and Weisberg 1982, Residuals and Influence in Regression, section 3.8 (case deletion
for subsets of rows).
"""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from spectrakit.spectrum import FloatArray
from spectrakit.transfer.ridge import PENALTIES, Ridge, directions

LEAST = 1e-13  # of one minus a leverage
LEAST_GROUPS = 3  # of fewer one alone would be most of the data


def numbered(groups: Sequence[str]) -> NDArray[np.int64]:
    """Return (n,) numbers of groups; of fewer than 3 groups every sample stands alone."""
    names, numbers = np.unique(np.asarray(groups), return_inverse=True)
    return np.arange(len(groups)) if len(names) < LEAST_GROUPS else numbers


def left_out(
    model: Ridge, features: FloatArray, known: FloatArray, groups: Sequence[str]
) -> FloatArray:
    """Return (penalties, n) residuals, predicted minus known, each group left out as a whole.

    Args:
        model: fitted to all of these, without weights.
        features: (n, f).
        known: (n,).
        groups: n names.
    """
    numbers = numbered(groups)
    if numbers.max(initial=-1) + 1 == len(numbers):  # every sample is its own group
        return model.loo[:, :, 0]
    found = directions(features - model.x_mean)
    shrunk = found.values / (found.values + (PENALTIES * found.mean)[:, None])  # (penalties, r)
    fitted = (found.vectors * shrunk[:, None]) @ (found.vectors.T @ (known - known.mean()))
    residuals = fitted - (known - known.mean())  # (penalties, n)
    for group in range(numbers.max() + 1):
        rows = np.flatnonzero(numbers == group)
        own = found.vectors[rows]
        block = (own * shrunk[:, None]) @ own.T + 1.0 / len(known)  # (penalties, g, g)
        rest = np.eye(len(rows)) - block + LEAST * np.eye(len(rows))
        residuals[:, rows] = np.linalg.solve(rest, residuals[:, rows, None])[..., 0]
    return residuals
