"""Figures of merit of an identification, with intervals from a bootstrap over molecules.

Spectra of one molecule are not independent: the bootstrap draws molecules, and every figure is
given twice, weighting each spectrum alike and weighting each molecule alike.
"""

from collections.abc import Callable, Sequence
from functools import lru_cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

FloatArray = NDArray[np.float64]
Statistic = Callable[[FloatArray], float]  # weights (n,) -> value; NaN where it is undefined

N_BOOTSTRAPS = 1000
N_BINS = 10


def mean(values: Sequence[float]) -> Statistic:
    """Return the weighted mean of (n,) values as a statistic."""
    array = np.asarray(values, dtype=np.float64)

    def statistic(weight: FloatArray) -> float:
        total = weight.sum()
        return float(weight @ array / total) if total > 0 else float("nan")

    return statistic


def brier_skill(probability: Sequence[float], correct: Sequence[bool]) -> Statistic:
    """Return the Brier skill score: 1 is perfect, 0 is no better than always saying the base rate.

    Undefined when all answers are right or all are wrong.

    Source: Murphy 1973, 1 - BS / (o (1 - o)) with o the share of right answers in these data.
    """
    p = np.asarray(probability, dtype=np.float64)
    o = np.asarray(correct, dtype=np.float64)
    squares = (p - o) ** 2

    def statistic(weight: FloatArray) -> float:
        total = weight.sum()
        if total <= 0:
            return float("nan")
        base = float(weight @ o / total)
        reference = base * (1 - base)
        return (
            1 - float(weight @ squares / total) / reference if reference > 1e-12 else float("nan")
        )

    return statistic


def calibration_error(probability: Sequence[float], correct: Sequence[bool]) -> Statistic:
    """Return the expected calibration error over ten bins of equal width.

    Source: Naeini et al. 2015, section 3: sum over bins of |mean outcome - mean probability|,
    weighted by the share of answers in the bin.
    """
    p = np.asarray(probability, dtype=np.float64)
    excess = p - np.asarray(correct, dtype=np.float64)
    bins = np.minimum((p * N_BINS).astype(np.int64), N_BINS - 1)

    def statistic(weight: FloatArray) -> float:
        total = weight.sum()
        if total <= 0:
            return float("nan")
        return float(np.abs(np.bincount(bins, weight * excess, N_BINS)).sum() / total)

    return statistic


def estimate(molecules: Sequence[str], statistic: Statistic, *, seed: int) -> dict[str, Any]:
    """Return a statistic per spectrum and per molecule, with 95 % intervals.

    Args:
        molecules: (n,) the molecule of each case.
        statistic: of the same n cases.
        seed: of the bootstrap.

    Returns:
        ``n``, ``value``, ``interval`` (those per spectrum) and the objects ``per_spectrum`` and
        ``per_molecule`` with the same three keys. A value that is undefined is None; so is the
        interval of fewer than two molecules.
    """
    names, which = np.unique(np.asarray(molecules, dtype=np.str_), return_inverse=True)
    even = np.ones(len(molecules))
    shared = 1 / np.bincount(which, minlength=len(names))[which] if len(names) else even
    per_spectrum = _with_interval(statistic, even, which, len(names), seed)
    per_molecule = _with_interval(statistic, shared, which, len(names), seed)
    return {
        **per_spectrum,
        "n": len(molecules),
        "per_spectrum": {"n": len(molecules), **per_spectrum},
        "per_molecule": {"n": len(names), **per_molecule},
    }


def _with_interval(
    statistic: Statistic, weight: FloatArray, which: NDArray[np.int64], n_molecules: int, seed: int
) -> dict[str, Any]:
    if not n_molecules:
        return {"value": None, "interval": None}
    value = statistic(weight)
    interval: list[float] | None = None
    if n_molecules > 1 and value == value:
        rng = np.random.default_rng(seed)
        share = np.full(n_molecules, 1 / n_molecules)
        drawn = np.array(
            [
                statistic(weight * rng.multinomial(n_molecules, share)[which])
                for _ in range(N_BOOTSTRAPS)
            ]
        )
        drawn = drawn[np.isfinite(drawn)]  # a draw may hold right answers only: no skill there
        interval = [round(float(q), 6) for q in np.quantile(drawn, [0.025, 0.975])]
    return {"value": round(value, 6) if value == value else None, "interval": interval}


def tanimoto(smiles: str, other: str) -> float | None:
    """Return the Tanimoto similarity of two structures, or None where one cannot be read.

    Morgan fingerprints of radius 2 in 2,048 bits.
    """
    from rdkit.DataStructs import TanimotoSimilarity

    a, b = _fingerprint(smiles), _fingerprint(other)
    return None if a is None or b is None else float(TanimotoSimilarity(a, b))


@lru_cache(maxsize=65536)
def _fingerprint(smiles: str) -> Any:
    from rdkit.Chem import MolFromSmiles
    from rdkit.Chem.rdFingerprintGenerator import GetMorganGenerator
    from rdkit.rdBase import BlockLogs

    with BlockLogs():
        molecule = MolFromSmiles(smiles) if smiles else None
    if molecule is None:
        return None
    return GetMorganGenerator(radius=2, fpSize=2048).GetFingerprint(molecule)
