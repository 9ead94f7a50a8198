"""Whether the two spectra of each standard belong together: samples swapped, spoilt, mislabelled.

A calibration chemist measures standards by hand, one vial after another; two of them exchanged
spoil a transfer without any other sign.
"""

import numpy as np
from numpy.typing import NDArray

from spectrakit.transfer.bases import PREPROCESSINGS, derivative_matrix
from spectrakit.transfer.result import Gate
from spectrakit.transfer.standard_samples import Standards

FloatArray = NDArray[np.float64]

_SHAPE = PREPROCESSINGS[4]  # SNV and first derivative: what a sample is, not how it was lit
_FEWEST = 6  # standards below which an exchange is too often seen by chance
_MOST_MOVED = 0.34  # of the standards; more moved means that spectra do not tell samples apart
_LEAST_GAIN = 2.0  # times the median distance of standards that belong together
_FAR, _FAR_RATIO = 15.0, 4.0  # robust deviations and times the median
_TINY = 1e-300


def check_exchanged(data: Standards, ids: tuple[str, ...]) -> Gate:
    """Return the gate on standards whose target spectra fit another standard's source spectrum.

    Target spectra are assigned to source spectra so that the squared distances (SNV and first
    derivative, each instrument centred, one gain for all) sum up to least. Where a few standards
    change places and gain much by it, they were swapped; where many do, the instruments are too
    unlike to tell. Measured in ``tests/benchmarks/transfer_standards_gate.py``.

    Source: the assignment problem, Kuhn 1955, Nav. Res. Logist. Q. 2, 83; the rule is ours.
    """
    from scipy.optimize import linear_sum_assignment

    n = len(data.twins)
    quiet = Gate("swapped standards", 0.0, _LEAST_GAIN, True, "No standards look exchanged.")
    cost = _distances(data)
    if n < _FEWEST or not np.isfinite(cost).all():
        return quiet
    own, other = linear_sum_assignment(cost)
    moved = np.flatnonzero(data.groups[own] != data.groups[other])
    if len(moved) > max(2, _MOST_MOVED * n) or not len(moved):
        return quiet
    gain = float((cost[moved, moved] - cost[moved, other[moved]]).mean())
    usual = float(np.median(cost[own, other]))
    ratio = gain / max(usual, _TINY)
    if ratio <= _LEAST_GAIN:
        return Gate("swapped standards", ratio, _LEAST_GAIN, True, quiet.says)
    pairs = "; ".join(f"'{ids[k]}' looks like the source's '{ids[other[k]]}'" for k in moved)
    says = f"On the target {pairs} (of {n} standards): samples swapped or mislabelled?"
    return Gate("swapped standards", ratio, _LEAST_GAIN, False, says)


def _distances(data: Standards) -> FloatArray:
    """Return (N, N) squared distances of target (rows) from source spectra (columns)."""
    with np.errstate(invalid="ignore"):
        source, target = _SHAPE(data.source[data.twins]), _SHAPE(data.target)
        source, target = source - source.mean(axis=0), target - target.mean(axis=0)
        gain = float((source * target).sum()) / max(float((source**2).sum()), _TINY)
        between = target @ (gain * source).T
        size = (target**2).sum(axis=1)[:, None] + ((gain * source) ** 2).sum(axis=1)
    return np.maximum(size - 2 * between, 0.0)


def check_outlier(data: Standards, ids: tuple[str, ...]) -> Gate:
    """Return the gate on a standard that differs between the instruments as no other does.

    Each standard's difference between the instruments is held against the mean difference of the
    others, in first derivatives; one far from the rest is a spoilt (or swapped) sample.
    """
    n = len(data.twins)
    d = derivative_matrix(data.source.shape[1], 1)
    difference = (data.target - data.source[data.twins]) @ d
    others = (difference.sum(axis=0) - difference) / (n - 1)
    distance = np.sqrt(((difference - others) ** 2).sum(axis=1))
    middle = float(np.median(distance))
    spread = 1.4826 * float(np.median(np.abs(distance - middle)))
    worst = int(distance.argmax())
    limit = max(middle + _FAR * spread, _FAR_RATIO * middle)
    passed = bool(distance[worst] <= limit) or n < 5
    says = f"The standards differ alike between the instruments (largest: '{ids[worst]}')."
    if not passed:
        says = (
            f"Standard '{ids[worst]}' differs between the instruments by "
            f"{distance[worst] / max(middle, _TINY):.1f} times as much as the others: spoilt, "
            "swapped or mislabelled?"
        )
    return Gate("outlier among standards", float(distance[worst]), float(limit), passed, says)
