"""Weights of features that make the true candidates of lists likeliest.

Source: conditional logit, McFadden 1974; convex, so any start gives the same answer.
"""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from spectrakit.spectrum import FloatArray

Doubles = NDArray[np.float64]


def conditional_logit(
    lists: Sequence[FloatArray],
    truths: Sequence[int],
    *,
    penalty: float = 1e-3,
    share: FloatArray | None = None,
    offset: FloatArray | None = None,
) -> Doubles:
    """Return (f,) weights.

    Args:
        lists: (n_i, f) features of the candidates of each query.
        truths: row of the true candidate in each list.
        penalty: weight of the squared weights against the mean negative log-likelihood.
        share: (n_lists,) what each list counts, sum 1; all alike without it.
        offset: (sum of n_i,) what is added to the merits, list after list.
    """
    from scipy.optimize import minimize

    features = np.concatenate(list(lists))
    sizes = np.array([len(one) for one in lists])
    starts = np.concatenate([[0], np.cumsum(sizes)[:-1]])
    true_rows = starts + np.asarray(truths)
    counts = np.full(len(sizes), 1 / len(sizes)) if share is None else share
    told = np.zeros(len(features)) if offset is None else offset

    def loss(weights: Doubles) -> tuple[float, Doubles]:
        merit = told + features @ weights
        top = np.maximum.reduceat(merit, starts)
        exponent = np.exp(merit - np.repeat(top, sizes))
        total = np.add.reduceat(exponent, starts)
        value = counts @ (top + np.log(total) - merit[true_rows]) + penalty * weights @ weights
        p = exponent * np.repeat(counts / total, sizes)
        return float(value), features.T @ p - features[true_rows].T @ counts + 2 * penalty * weights

    return minimize(loss, np.zeros(features.shape[1]), jac=True, method="L-BFGS-B").x
