"""Whether unlabelled spectra of a new instrument may be aligned with those of the old one.

Aligning brings the mean of the new spectra to that of the old. That is right where the
instruments differ and wrong where the samples do. Two checks tell some of the wrong cases: spectra
that already look like the source's need no aligning, so that what aligning moves is composition;
and predictions that spread much less or more than the source's reference values after aligning.
"""

import numpy as np
from numpy.typing import NDArray

from spectrakit.transfer.affine import AffineSum
from spectrakit.transfer.bases import PREPROCESSINGS
from spectrakit.transfer.gates import gate_model
from spectrakit.transfer.result import Gate

FloatArray = NDArray[np.float64]

ALIKE = 0.5  # share of new spectra inside the old ones' limits, from which nothing is aligned
NARROW, WIDE = 0.4, 1.6  # sd of aligned predictions over sd of the reference values
_LEAST = 5


def check_alike(source: FloatArray, pool: FloatArray) -> Gate:
    """Return the gate that refuses to align spectra that already look like the source's.

    Args:
        source: (n, p) source spectra.
        pool: (m, p) spectra of the target, same axis.
    """
    one = PREPROCESSINGS[1]
    model = gate_model(one(source), None)
    q, t2 = model.judge(one(pool))
    inside = float(np.mean((q <= model.q_limit) & (t2 <= model.t2_limit)))
    says = f"{inside:.0%} of the target's spectra already look like spectra of the source"
    if inside > ALIKE:
        says += ": aligning would mostly remove differences between the samples."
    else:
        says += "; the instruments differ."
    return Gate("composition (alike)", inside, ALIKE, inside <= ALIKE, says)


def check_spread(
    calibration: AffineSum, pool: FloatArray, known: FloatArray, names: list[str]
) -> list[Gate]:
    """Return, for each property, the gate on the spread of predictions after aligning.

    Args:
        calibration: label-free, of the target.
        pool: (m, p) spectra of the target.
        known: (n, k) reference values of the source.
        names: of the properties.
    """
    if len(pool) < _LEAST:
        return []
    ratio = calibration.predict(pool).std(axis=0) / np.maximum(known.std(axis=0), 1e-300)
    return [
        Gate(
            "composition (spread)",
            float(value),
            NARROW if value < NARROW else WIDE,
            bool(NARROW <= value <= WIDE),
            f"{name}: predictions of the unlabelled spectra spread {value:.2f} times as much as "
            f"the source's reference values ({NARROW:g} to {WIDE:g} pass).",
        )
        for name, value in zip(names, ratio, strict=True)
    ]


def check_disjoint(source_ids: tuple[str, ...], pool_ids: tuple[str, ...]) -> Gate:
    """Return the gate on unlabelled samples that are the source's own.

    It never refuses: it says that figures from such samples flatter a label-free transfer.
    """
    same = len(set(source_ids) & set(pool_ids))
    share = same / max(len(pool_ids), 1)
    says = f"{same} of {len(pool_ids)} unlabelled samples were measured on the source too" + (
        ": figures on them flatter a transfer to other samples." if same else "."
    )
    return Gate("disjoint", share, 1.0, True, says)
