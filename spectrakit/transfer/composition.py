"""Whether unlabelled spectra of a new instrument may be aligned with those of the old one.

Aligning brings the mean of the new spectra to that of the old. That is right where the
instruments differ and wrong where the samples do, which spectra alone cannot always tell. Two
checks find some of the wrong cases: spectra that already look like the source's, and spectra whose
predictions are already plausible. ``tests/benchmarks/transfer_gates.py`` says how many they miss.
"""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from spectrakit.transfer.bases import PREPROCESSINGS
from spectrakit.transfer.gates import gate_model
from spectrakit.transfer.labelfree import budgeted
from spectrakit.transfer.result import Gate
from spectrakit.transfer.ridge import Ridge
from spectrakit.transfer.unpaired import ROBUST

FloatArray = NDArray[np.float64]

ALIKE = 0.5  # share of new spectra inside the old ones' limits, from which nothing is aligned
PLAUSIBLE = 1.5  # sd of the reference values


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


def check_plausible(
    source: FloatArray, known: FloatArray, pool: FloatArray, names: Sequence[str]
) -> list[Gate]:
    """Return, for each property, the gate that refuses to align what is already predicted well.

    Where the source's calibration as it is puts the mean of the new spectra near that of its own
    samples in every preprocessing, the instruments can hardly differ, and what aligning would
    move is the composition of the samples.

    Args:
        source: (n, p) source spectra.
        known: (n, k) their reference values, finite.
        pool: (m, p) spectra of the target, same axis.
        names: of the properties.
    """
    spread = np.maximum(known.std(axis=0), 1e-300)
    shifts: list[FloatArray] = []
    for one in PREPROCESSINGS:
        model = Ridge(one(source), known)
        slope, offset = model.affine(budgeted(model.source_mse, ROBUST))
        mean = (one(pool) @ slope + offset).mean(axis=0)
        shifts.append(np.abs(mean - known.mean(axis=0)) / spread)
    worst = np.max(shifts, axis=0)
    return [
        Gate(
            "composition (plausible)",
            float(value),
            PLAUSIBLE,
            bool(value > PLAUSIBLE),
            f"{name}: the calibration as it is puts the new spectra's mean within {value:.2f} sd "
            "of its own samples in every preprocessing"
            + (
                "."
                if value > PLAUSIBLE
                else f" (below {PLAUSIBLE:g}): aligning would mostly move "
                "the composition of the samples."
            ),
        )
        for name, value in zip(names, worst, strict=True)
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
