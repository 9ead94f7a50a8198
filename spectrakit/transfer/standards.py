"""Which samples to measure on the new instrument.

All choices look at source spectra only (and reference values for SPXY), so that they can be made
before anything is measured on the target.
"""

from collections.abc import Callable, Mapping

import numpy as np
from numpy.typing import NDArray

from spectrakit.errors import MismatchError

FloatArray = NDArray[np.float64]
Rows = NDArray[np.int64]
SCORES = 10  # principal components that stand for a spectrum


def scores_of(spectra: FloatArray, k: int = SCORES) -> FloatArray:
    """Return (n, k) principal component scores of (n, p) spectra, mean-centred."""
    centred = spectra - spectra.mean(axis=0)
    left, size, _ = np.linalg.svd(centred, full_matrices=False)
    return (left * size)[:, :k]


def kennard_stone(spectra: FloatArray, reference: FloatArray, n: int, seed: int) -> Rows:
    """Return n rows spread evenly: each is the one farthest from those chosen before.

    Source: Kennard and Stone 1969, Technometrics 11, 137.
    """
    return _farthest(_distances(scores_of(spectra)), n)


def spxy(spectra: FloatArray, reference: FloatArray, n: int, seed: int) -> Rows:
    """Return n rows by Kennard-Stone on distances in spectra and in reference values together.

    Source: Galvao 2005, Talanta 67, 736.
    """
    known = np.isfinite(reference).all(axis=1)
    if not known.all():
        raise MismatchError(
            f"spxy needs reference values of every candidate; {int((~known).sum())} have none.",
            hint="Choose --design kennard-stone, or leave those samples out with --source-where.",
        )
    in_x = _distances(scores_of(spectra))
    spread = np.where(reference.std(axis=0) > 0, reference.std(axis=0), 1.0)
    in_y = _distances(reference / spread)
    return _farthest(in_x / max(in_x.max(), 1e-300) + in_y / max(in_y.max(), 1e-300), n)


def d_optimal(spectra: FloatArray, reference: FloatArray, n: int, seed: int) -> Rows:
    """Return n rows that maximise the determinant of their information matrix.

    Greedy on a few scores, then exchanged one by one until nothing improves.

    Source: Fedorov 1972, Theory of Optimal Experiments (exchange); Wynn's greedy start.
    """
    k = max(1, min(SCORES, n - 1, len(spectra) - 1))
    scores = scores_of(spectra, k)
    scores = scores / np.where(scores.std(axis=0) > 0, scores.std(axis=0), 1.0)
    design = np.column_stack([np.ones(len(scores)), scores])
    chosen = _greedy(design, n)
    for _ in range(5):
        before = list(chosen)
        for place in range(n):
            others = [row for k, row in enumerate(chosen) if k != place]
            chosen[place] = _best_addition(design, others)
        if chosen == before:
            break
    return np.array(chosen)


def leverage(spectra: FloatArray, reference: FloatArray, n: int, seed: int) -> Rows:
    """Return the n rows of highest leverage, each after those chosen are projected out.

    Source: Wang 1991, Anal. Chem. 63, 2750 (choice of transfer samples by leverage).
    """
    rest = scores_of(spectra)
    chosen: list[int] = []
    for _ in range(n):
        length = (rest**2).sum(axis=1)
        length[chosen] = -1.0
        best = int(length.argmax())
        chosen.append(best)
        direction = rest[best] / max(np.sqrt((rest[best] ** 2).sum()), 1e-300)
        rest = rest - np.outer(rest @ direction, direction)
    return np.array(chosen)


def at_random(spectra: FloatArray, reference: FloatArray, n: int, seed: int) -> Rows:
    """Return n rows drawn without repetition."""
    return np.random.default_rng(seed).permutation(len(spectra))[:n]


Design = Callable[[FloatArray, FloatArray, int, int], Rows]
DESIGNS: Mapping[str, Design] = {
    "kennard-stone": kennard_stone,
    "spxy": spxy,
    "d-optimal": d_optimal,
    "leverage": leverage,
    "random": at_random,
}


def _distances(points: FloatArray) -> FloatArray:
    square = (points**2).sum(axis=1)
    return np.sqrt(np.maximum(square[:, None] + square - 2 * points @ points.T, 0.0))


def _farthest(distance: FloatArray, n: int) -> Rows:
    if n == 1:
        return np.array([int(distance.sum(axis=1).argmin())])  # the most central one
    first, second = np.unravel_index(int(distance.argmax()), distance.shape)
    chosen = [int(first), int(second) if second != first else 1]  # all alike: the first ones
    while len(chosen) < n:
        nearest = distance[:, chosen].min(axis=1)
        nearest[chosen] = -1.0
        chosen.append(int(nearest.argmax()))
    return np.array(chosen[:n])


def _greedy(design: FloatArray, n: int) -> list[int]:
    chosen: list[int] = []
    for _ in range(n):
        chosen.append(_best_addition(design, chosen))
    return chosen


def _best_addition(design: FloatArray, chosen: list[int]) -> int:
    k = design.shape[1]
    information = design[chosen].T @ design[chosen] + 1e-6 * np.eye(k)
    gain = np.einsum("ij,jk,ik->i", design, np.linalg.inv(information), design)
    gain[chosen] = -1.0
    return int(gain.argmax())
