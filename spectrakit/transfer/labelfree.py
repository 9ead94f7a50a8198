"""Transfer without labels and without pairs: a pool of spectra of the target instrument is all.

Accuracy on the source is spent on robustness: the penalty is the largest whose leave-one-out
error on the source stays within a budget, because what a strongly fitted model adds on the source
is the first thing that another instrument breaks.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from spectrakit.errors import MismatchError
from spectrakit.transfer.affine import AffineSum, Term, limits
from spectrakit.transfer.alignments import coral_map, gain_map, gaussian_ot_map, mean_map
from spectrakit.transfer.bases import PREPROCESSINGS, Preprocessing
from spectrakit.transfer.maps import SpectrumMap
from spectrakit.transfer.ridge import Ridge

FloatArray = NDArray[np.float64]
Align = Callable[[FloatArray, FloatArray], SpectrumMap]
LabelFree = Callable[[FloatArray, FloatArray, FloatArray], tuple[AffineSum, tuple[str, ...]]]

BUDGET = 1.35  # times the least mean squared error of leave-one-out on the source
COMPONENTS = 6  # of CORAL and optimal transport
_ISOTROPIC = 0.1  # part of the di-PLS type penalty that is an ordinary ridge
SG1 = PREPROCESSINGS[1]


def budgeted(mse: FloatArray, budget: float = BUDGET) -> NDArray[np.int64]:
    """Return (k,) the largest penalty whose error stays within a budget.

    Args:
        mse: (penalties, k) leave-one-out errors, penalties ascending.
        budget: times the least error.
    """
    inside = mse <= budget * mse.min(axis=0)
    return len(mse) - 1 - np.argmax(inside[::-1], axis=0)


def aligned(
    source: FloatArray, known: FloatArray, pool: FloatArray, align: Align,
    preprocessing: Preprocessing = SG1,
) -> tuple[AffineSum, tuple[str, ...]]:  # fmt: skip
    """Return a ridge calibration of the source behind an alignment of target spectra.

    Args:
        source: (n, p) source spectra as measured.
        known: (n, k) reference values.
        pool: (m, p) unlabelled target spectra as measured.
        align: (source, pool), both preprocessed, to a map of target spectra.
        preprocessing: one of the six.

    Raises:
        MismatchError: missing reference values, fewer than 2 spectra, or different axes.
    """
    check_pool(source, known, pool)
    spectra = preprocessing(source)
    model = Ridge(spectra, known)
    choice = budgeted(model.source_mse)
    slope, offset = model.affine(choice)
    slope, offset = align(spectra, preprocessing(pool)).pull(slope, offset)
    return _one_term(preprocessing, slope, offset, known), _texts(preprocessing, len(choice))


def covariance_penalised(
    source: FloatArray, known: FloatArray, pool: FloatArray, preprocessing: Preprocessing,
    shares: Sequence[float] = (_ISOTROPIC,),
) -> Iterator[tuple[FloatArray, FloatArray, FloatArray]]:  # fmt: skip
    """Yield penalties' (penalties, p, k) slopes, (penalties, k) offsets and errors, for each share.

    Directions along which the variances of the two instruments differ are penalised: the penalty
    of a slope b is ``b' |C_source - C_pool| b`` (absolute value of the matrix) plus a ridge of
    a share of its mean eigenvalue. Spectra are centred for each instrument by itself; slopes and
    offsets are for preprocessed target spectra.

    Source: Nikzad-Langerodi 2018, Anal. Chem. 90, 6693 (di-PLS), as one regression instead of
    one deflation for each latent variable.
    """
    left, right = preprocessing(source), preprocessing(pool)
    goal, centre = left.mean(axis=0), right.mean(axis=0)
    both = np.vstack([left - goal, right - centre])
    _, size, axes = np.linalg.svd(both, full_matrices=False)
    axes = axes[size > 1e-10 * max(size[0], np.finfo(float).tiny)]
    own, seen = (left - goal) @ axes.T, (right - centre) @ axes.T
    values, vectors = np.linalg.eigh(own.T @ own / len(own) - seen.T @ seen / len(seen))
    differ = np.abs(values)
    differ /= max(float(differ.mean()), np.finfo(float).tiny)
    for share in shares:
        turn = vectors / np.sqrt(differ + share)  # in these coordinates the penalty is a ridge
        model = Ridge(own @ turn, known)
        slopes = (axes.T @ turn @ model.loadings) @ model.along
        yield slopes, model.y_mean - np.einsum("p,lpk->lk", centre, slopes), model.source_mse


def dipls(
    source: FloatArray, known: FloatArray, pool: FloatArray, preprocessing: Preprocessing = SG1
) -> tuple[AffineSum, tuple[str, ...]]:
    """Return the covariance-penalised calibration for target spectra.

    Arguments as of ``aligned``.
    """
    check_pool(source, known, pool)
    ((slopes, offsets, mse),) = covariance_penalised(source, known, pool, preprocessing)
    choice, columns = budgeted(mse), np.arange(known.shape[1])
    slope, offset = slopes[choice, :, columns].T, offsets[choice, columns]
    return _one_term(preprocessing, slope, offset, known), _texts(preprocessing, len(choice))


def mean_centring(
    source: FloatArray, known: FloatArray, pool: FloatArray, preprocessing: Preprocessing = SG1
) -> tuple[AffineSum, tuple[str, ...]]:
    """Return the calibration behind mean-centring of each instrument."""
    return aligned(source, known, pool, mean_map, preprocessing)


def gain_centring(
    source: FloatArray, known: FloatArray, pool: FloatArray, preprocessing: Preprocessing = SG1
) -> tuple[AffineSum, tuple[str, ...]]:
    """Return the calibration behind mean-centring and one gain."""
    return aligned(source, known, pool, gain_map, preprocessing)


def coral(
    source: FloatArray, known: FloatArray, pool: FloatArray, preprocessing: Preprocessing = SG1,
    components: int = COMPONENTS,
) -> tuple[AffineSum, tuple[str, ...]]:  # fmt: skip
    """Return the calibration behind correlation alignment."""

    def align(left: FloatArray, right: FloatArray) -> SpectrumMap:
        return coral_map(left, right, components)

    return aligned(source, known, pool, align, preprocessing)


def ot(
    source: FloatArray, known: FloatArray, pool: FloatArray, preprocessing: Preprocessing = SG1,
    components: int = COMPONENTS,
) -> tuple[AffineSum, tuple[str, ...]]:  # fmt: skip
    """Return the calibration behind optimal transport between Gaussians."""

    def align(left: FloatArray, right: FloatArray) -> SpectrumMap:
        return gaussian_ot_map(left, right, components)

    return aligned(source, known, pool, align, preprocessing)


LABEL_FREE: Mapping[str, LabelFree] = {
    "mean-centring": mean_centring,
    "gain": gain_centring,
    "coral": coral,
    "ot": ot,
    "dipls": dipls,
}


def check_pool(source: FloatArray, known: FloatArray, pool: FloatArray) -> None:
    """Check that a pool can be aligned.

    Raises:
        MismatchError: missing reference values, fewer than 2 spectra, or different axes.
    """
    if not np.isfinite(known).all():
        rows = int((~np.isfinite(known)).any(axis=1).sum())
        raise MismatchError(
            f"{rows} of {len(known)} source samples have no reference value.",
            hint="Leave these samples out, or fit each property by itself.",
        )
    if len(pool) < 2 or len(source) < 2:
        raise MismatchError(
            f"aligning without pairs needs 2 spectra of each instrument; there are {len(source)} "
            f"of the source and {len(pool)} of the target.",
            hint="Measure more samples on the target instrument, labels are not needed.",
        )
    if source.shape[1] != pool.shape[1]:
        raise MismatchError(
            f"aligning needs one axis; the source has {source.shape[1]} channels and the target "
            f"{pool.shape[1]}.",
            hint="Resample both to the common range.",
        )


def _one_term(
    preprocessing: Preprocessing, slope: FloatArray, offset: FloatArray, known: FloatArray
) -> AffineSum:
    low, high = limits(known)
    weight = np.ones(len(offset))
    pulled = preprocessing.pull(slope)
    return AffineSum((Term(preprocessing.basis, pulled, offset, weight, low, high),))


def _texts(preprocessing: Preprocessing, k: int) -> tuple[str, ...]:
    return (f"{preprocessing.name}, source error within {BUDGET:g} times the least",) * k
