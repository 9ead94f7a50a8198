"""The classical methods of calibration transfer, on PLS, as ``transfer`` knows them.

Each is fitted on first derivatives, or on what honest cross-validation prefers among the
preprocessings given; latent variables, windows, ranks and components are LV*.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from functools import partial

import numpy as np
from numpy.typing import NDArray

from spectrakit.errors import MismatchError
from spectrakit.transfer.bases import Preprocessing
from spectrakit.transfer.calibrations import RAW, SG1, Instruments
from spectrakit.transfer.corrected import corrected
from spectrakit.transfer.imported import (
    ImportedCalibration,
    ImportedInstruments,
    standards_of_coefficients,
)
from spectrakit.transfer.joint_y import joint_y
from spectrakit.transfer.mapped import MapFits, mapped, unchanged
from spectrakit.transfer.methods import Fitted, Method
from spectrakit.transfer.nested import Train, check, range_of_labels, search, unlimited
from spectrakit.transfer.plain_ensemble import fit_plain_ensemble
from spectrakit.transfer.pls import TOLERANCE
from spectrakit.transfer.projected import projected
from spectrakit.transfer.standard_samples import Standards
from spectrakit.transfer.standardisers import (
    CCA_TEXTS,
    DS_TEXTS,
    PDS_TEXTS,
    SST_TEXTS,
    canonical,
    direct,
    mean_differences,
    piecewise_ranks,
    spectral_space,
)
from spectrakit.transfer.updated import WEIGHT, alone, same_space, updated

FloatArray = NDArray[np.float64]
Learn = Callable[[Sequence[Instruments]], Train]

PAIRED, LABELS = "paired spectra", "labels"
TARGET_LABELS = "labels of the target only"
NOTHING = "nothing"


def by_maps(fits: MapFits, texts: Sequence[str], *, scored: bool = True) -> Learn:
    """Return the way of learning of a method that maps target spectra to the source."""
    return partial(mapped, fits=fits, texts=texts, scored=scored)


def by_updating(weights: Sequence[float] = (WEIGHT,)) -> Learn:
    """Return the way of learning of updating; several weights are chosen among like LV*."""
    return lambda pairs: updated([(pair, same_space(pair), "") for pair in pairs], weights)


def fit_classical(
    data: Standards, seed: int, *, learn: Learn, name: str, uses: str, least: int,
    same_axis: bool = True, preprocessings: Sequence[Preprocessing] = (SG1,),
    tolerance: float = 0.0,
) -> Fitted:  # fmt: skip
    """Fit one method with its choices made by honest cross-validation.

    Args:
        data: the standards.
        seed: of the cross-validation groups of the source.
        learn: how it learns from standards.
        name: of the method, for errors.
        uses: what it needs.
        least: standards it needs.
        same_axis: whether both instruments must share the axis.
        preprocessings: linear ones to choose among.
        tolerance: share of the least error that is given away for fewer latent variables.

    Raises:
        MismatchError: the data do not allow it.
    """
    labels = uses in (LABELS, TARGET_LABELS)
    check(data, name, labels=labels, least=least, same_axis=same_axis)
    train = learn([Instruments(data, preprocessing, seed) for preprocessing in preprocessings])
    clip = range_of_labels(data) if uses == TARGET_LABELS else None
    return replace(search(data, train, clip=clip), tolerance=tolerance).fitted()


def fit_imported(
    name: str,
    model: ImportedCalibration,
    source: FloatArray,
    target: FloatArray,
    labels: FloatArray,
    groups: NDArray[np.int64],
) -> Fitted:
    """Fit a method of ``IMPORTED`` to coefficients instead of source samples.

    Args:
        name: of the method.
        model: imported coefficients on the axis of ``source``.
        source: (N, p) standards on the source instrument. Only mean-difference and pds look at
            them; for the others the target's will do.
        target: (N, p) standards on the target instrument.
        labels: (N, k) reference values of the standards; NaN for methods without labels.
        groups: (N,) numbers; standards of one group stay in one fold.

    Raises:
        MismatchError: the method needs source samples, or the data do not allow it.
    """
    if name not in IMPORTED:
        raise MismatchError(
            f"{name}: needs the source's samples; from coefficients there are "
            f"{', '.join(IMPORTED)}.",
            hint="Give --source, or choose one of these with --method.",
        )
    learn, uses, least = IMPORTED[name]
    data = standards_of_coefficients(
        model, source, target, labels, groups, same_axis=source.shape[1] == target.shape[1]
    )
    check(data, name, labels=uses == LABELS, least=least, same_axis=True)
    train = learn([ImportedInstruments(data, RAW, 0, imported=model)])
    return search(data, train, clip=unlimited(data)).fitted()


def _fit_ensemble(data: Standards, seed: int) -> Fitted:
    check(data, "plain-ensemble", labels=True, least=2, same_axis=True)
    return fit_plain_ensemble(data, seed)


def _method(
    name: str, says: str, uses: str, learn: Learn, least: int = 2, same_axis: bool = True,
    tolerance: float = 0.0,
) -> Method:  # fmt: skip
    fit = partial(
        fit_classical, learn=learn, name=name, uses=uses, least=least, same_axis=same_axis,
        tolerance=tolerance,
    )  # fmt: skip
    return Method(name, says, uses, fit, least, same_axis)


IMPORTED: Mapping[str, tuple[Learn, str, int]] = {
    "none": (by_maps(unchanged, ("",), scored=False), NOTHING, 0),
    "mean-difference": (by_maps(mean_differences, ("",)), PAIRED, 2),
    "bias": (partial(corrected, slope=False), LABELS, 2),
    "slope-bias": (partial(corrected, slope=True), LABELS, 3),
    "pds": (by_maps(piecewise_ranks, PDS_TEXTS), PAIRED, 2),
}

CLASSICAL: tuple[Method, ...] = (
    _method("none", "The source's calibration as it is.", NOTHING,
            by_maps(unchanged, ("",), scored=False), least=0, tolerance=TOLERANCE),
    _method("mean-difference", "Add the mean difference of the standards to target spectra.",
            PAIRED, by_maps(mean_differences, ("",))),
    _method("bias", "Shift predictions by their mean error on standards.", LABELS,
            partial(corrected, slope=False)),
    _method("slope-bias", "Correct predictions by a line through the standards.", LABELS,
            partial(corrected, slope=True), least=3),
    _method("ds", "Direct standardisation: each channel from all channels.", PAIRED,
            by_maps(direct, DS_TEXTS), same_axis=False),
    _method("pds", "Piecewise direct standardisation: each channel from a window around it.",
            PAIRED, by_maps(piecewise_ranks, PDS_TEXTS)),
    _method("sst", "Spectral space transformation.", PAIRED, by_maps(spectral_space, SST_TEXTS)),
    _method("epo", "External parameter orthogonalisation: project the difference out.", PAIRED,
            projected),
    _method("updating", "One calibration of source samples and standards of weight 3.", LABELS,
            by_updating()),
    _method("jypls", "Joint-Y PLS: two axes, one loading of the reference values.", LABELS,
            joint_y, least=3, same_axis=False),
    _method("cca", "Canonical correlation of the standards' spectra; any two axes.", PAIRED,
            by_maps(canonical, CCA_TEXTS), least=3, same_axis=False),
    _method("target-only", "PLS on the labelled standards alone.", TARGET_LABELS, alone, least=3,
            same_axis=False),
    Method("plain-ensemble", "Equal average of PDS and three updatings on three preprocessings.",
           LABELS, _fit_ensemble, 2, True),
)  # fmt: skip
