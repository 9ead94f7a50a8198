"""The operator in context: properties of the target from labelled source samples and standards.

No configuration is chosen on the standards: noise, trust and penalty are what the network says.
Source samples as the target is expected to show them, and the standards as the target did, are
one ridge regression for each preprocessing; the answers are averaged.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from spectrakit.transfer.affine import AffineSum, Term, limits
from spectrakit.transfer.bases import PREPROCESSINGS, Preprocessing
from spectrakit.transfer.methods import Fitted
from spectrakit.transfer.ridge import PENALTIES, Ridge
from spectrakit.transfer.standard_samples import Standards
from spectrakit_spectralfm.operator import Operator
from spectrakit_spectralfm.operator_applied import Applied
from spectrakit_spectralfm.operator_members import crowd_of

FloatArray = NDArray[np.float64]
WEIGHT = 3.0  # of a standard against a source sample, as in updating


@dataclass(frozen=True, slots=True)
class InContext:
    """A direct calibration, with what the operator does not know of the target.

    Attributes:
        calibration: of target spectra.
        instrument_sd: (k,) of the prediction, from what is left unknown of the instrument.
        rest_sd: (k,) from what the regression leaves over, source samples left out in turn.
    """

    calibration: AffineSum
    instrument_sd: FloatArray
    rest_sd: FloatArray

    @property
    def sd(self) -> FloatArray:
        """(k,) standard deviation of a prediction."""
        return np.sqrt(self.instrument_sd**2 + self.rest_sd**2)


def in_context(
    operator: Operator, data: Standards, place: FloatArray,
    preprocessings: Sequence[Preprocessing] = PREPROCESSINGS,
) -> InContext:  # fmt: skip
    """Return the calibration and its uncertainty; see ``operator_members`` for arguments."""
    crowd = crowd_of(data)
    twins = np.searchsorted(crowd, data.twins)
    known = data.known[crowd]
    k = known.shape[1]
    low, high = limits(data.known)
    share = np.full(k, 1.0 / len(preprocessings))
    terms: list[Term] = []
    unknown: list[FloatArray] = []
    rest: list[FloatArray] = []
    for one in preprocessings:
        applied = Applied(operator, data.source[crowd], data.target, twins, one, place)
        (told,) = applied.learn(np.arange(len(twins)), (1.0,), (1.0,))
        spectra = np.vstack([told.metric(told.shown), told.metric(one(data.target))])
        weight = np.r_[np.ones(len(crowd)), np.full(len(twins), WEIGHT)]
        model = Ridge(spectra, np.vstack([known, data.labels]), weight)
        penalty = int(np.abs(np.log(PENALTIES / told.penalty)).argmin())
        slope, offset = model.affine(np.full(k, penalty))
        slope, offset = told.metric.pull(slope, offset)
        terms.append(Term(one.basis, one.pull(slope), offset, share, low, high))
        unknown.append(np.sqrt((told.sizes[:, None] * (told.metric.axes.T @ slope) ** 2).sum(0)))
        rest.append(np.sqrt(np.mean(model.loo[penalty, : len(crowd)] ** 2, axis=0)))
    return InContext(AffineSum(tuple(terms)), np.mean(unknown, axis=0), np.mean(rest, axis=0))


def direct(operator: Operator, data: Standards, place: FloatArray) -> Fitted:
    """Return the calibration as a method's fit."""
    found = in_context(operator, data, place)
    texts = tuple(
        f"in context; standard deviation {total:.3g}, of which the instrument {own:.3g}"
        for total, own in zip(found.sd, found.instrument_sd, strict=True)
    )
    return Fitted(found.calibration, None, texts)
