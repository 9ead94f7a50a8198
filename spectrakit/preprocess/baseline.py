"""Asymmetric least-squares baselines, solved by the recurrences that a graph repeats exactly."""

import numpy as np

from spectrakit.errors import MismatchError, UsageError
from spectrakit.spectrum import FloatArray


def als_baseline(
    values: FloatArray, *, lam: float = 1e5, p: float = 0.01, iterations: int = 10
) -> FloatArray:
    """Return the asymmetric least-squares baseline of each row.

    ``(W + lam D'D) z = W y`` is solved by LDL' of its five diagonals, all rows at once, in the
    order of operations of the bundle's graph: at a large ``lam`` the matrix is so badly
    conditioned that another order gives other digits.

    Args:
        values: (n, p) float64.
        lam: weight of the squared second differences; larger is smoother.
        p: weight of channels above the baseline; those below have 1 - p.
        iterations: solves, each with the weights of the last; fixed, so that a graph can do it.

    Raises:
        UsageError: a parameter that cannot be meant.
        MismatchError: fewer than five channels.

    Source: Eilers and Boelens 2005, Baseline correction with asymmetric least squares smoothing.
    """
    check_als(lam, p, iterations)
    diagonals = second_differences(values.shape[1], lam)
    good = np.isfinite(values).all(axis=1)
    one = np.ascontiguousarray(values[good].T)  # (p, n): a step takes a channel of all rows
    weight, fitted = np.ones_like(one), one
    for _ in range(iterations):
        fitted = _solve(weight, weight * one, diagonals)
        weight = np.where(one > fitted, p, 1 - p)
    baseline = np.full_like(values, np.nan)
    baseline[good] = fitted.T
    return baseline


def check_als(lam: float, p: float, iterations: int) -> None:
    """Refuse parameters that cannot be meant.

    Raises:
        UsageError: one of them.
    """
    if not (0 < lam < np.inf and 0 < p < 1 and 1 <= iterations <= 1000):
        raise UsageError(
            f"als cannot have lam={lam:g}, p={p:g}, iterations={iterations}.",
            hint="lam > 0, 0 < p < 1, iterations from 1 to 1000.",
        )


def second_differences(channels: int, lam: float) -> FloatArray:
    """Return (3, p): main, first and second diagonal of ``lam D'D``, zero beyond their ends.

    Element i of diagonal k stands at row i, column i + k.

    Raises:
        MismatchError: fewer than five channels.
    """
    if channels < 5:
        raise MismatchError(
            f"a baseline needs 5 channels, not {channels}.", hint="Cut less, or leave als out."
        )
    diagonals = np.zeros((3, channels))
    diagonals[0], diagonals[1, :-1], diagonals[2, :-2] = 6.0, -4.0, 1.0
    diagonals[0, [0, -1]], diagonals[0, [1, -2]], diagonals[1, [0, -2]] = 1.0, 5.0, -2.0
    return lam * diagonals


def _solve(weight: FloatArray, right: FloatArray, diagonals: FloatArray) -> FloatArray:
    """Solve ``(diag(weight) + pentadiagonal) z = right`` for every column of (p, n)."""
    main = weight + diagonals[0][:, None]
    first, second = diagonals[1].tolist(), diagonals[2].tolist()
    nothing = np.zeros(weight.shape[1])
    solved, below, below2 = (np.empty_like(weight) for _ in range(3))
    e1, ed1, f1, f2, u1, u2 = (nothing,) * 6  # of one channel ago, and of two
    for i in range(len(weight)):
        pivot = main[i] - e1 * ed1 - f2 * (second[i - 2] if i > 1 else 0.0)
        ed1 = first[i] - (second[i - 1] if i else 0.0) * e1
        u1, u2 = right[i] - e1 * u1 - f2 * u2, u1
        e1 = ed1 / pivot
        f1, f2 = second[i] / pivot, f1
        solved[i], below[i], below2[i] = u1 / pivot, e1, f1
    z1, z2 = nothing, nothing
    for i in reversed(range(len(weight))):
        z1, z2 = solved[i] - below[i] * z1 - below2[i] * z2, z1
        solved[i] = z1
    return solved
