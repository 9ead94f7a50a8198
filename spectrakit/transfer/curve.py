"""How many standards are worth measuring: the error to expect against their number.

With target spectra of samples that are known on both instruments the curve is measured on them;
without, virtual instruments stand in for the new one, and the curve says that it is simulated.
"""

from collections.abc import Callable, Sequence

import numpy as np
from numpy.typing import NDArray

from spectrakit.transfer.averaging import fit_average
from spectrakit.transfer.bases import PREPROCESSINGS
from spectrakit.transfer.result import CurvePoint, LearningCurve
from spectrakit.transfer.simulated import virtual_instruments
from spectrakit.transfer.standard_samples import Standards
from spectrakit.transfer.standards import Design

FloatArray = NDArray[np.float64]

SIZES = (3, 5, 10, 20, 30)
DRAWS = 8
WORTH = 0.10  # a smaller gain is not worth measuring more: curves err by about as much
_LEARN = 0.75  # share of the samples that the source calibration may know


def learning_curves(
    source: FloatArray,
    known: FloatArray,
    target: FloatArray | None,
    names: Sequence[str],
    units: Sequence[str],
    design: Design,
    seed: int,
    advance: Callable[[int], None] = lambda n: None,
) -> tuple[LearningCurve, ...]:
    """Return a curve for each property.

    Args:
        source: (n, p) source spectra.
        known: (n, k) reference values.
        target: (n, p) the same samples on the target, or None.
        names: of the properties.
        units: of the properties.
        design: how standards are chosen.
        seed: of everything random.
        advance: called with 1 after each draw.
    """
    rng = np.random.default_rng(seed)
    n = len(source)
    learn = max(int(_LEARN * n), 6)
    sizes = [size for size in SIZES if size <= learn]
    errors = np.full((len(sizes), DRAWS, known.shape[1]), np.nan)
    for draw in range(DRAWS):
        order = rng.permutation(n)
        rows, test = np.sort(order[:learn]), np.sort(order[learn:])
        other = virtual_instruments(source, rng, 1)[0] if target is None else target
        chosen = design(PREPROCESSINGS[1](source[rows]), known[rows], sizes[-1], seed + draw)
        for k, size in enumerate(sizes):
            twins = chosen[:size]
            data = Standards(
                source[rows], known[rows], other[rows][twins], twins, known[rows][twins],
                np.arange(size), True,
            )  # fmt: skip
            predicted = fit_average(data, seed + draw).calibration.predict(other[test])
            errors[k, draw] = np.sqrt(np.mean((predicted - known[test]) ** 2, axis=0))
        advance(1)
    return tuple(
        _curve(name, unit, sizes, errors[:, :, column], target is None)
        for column, (name, unit) in enumerate(zip(names, units, strict=True))
    )


def _curve(
    name: str, unit: str, sizes: list[int], errors: FloatArray, simulated: bool
) -> LearningCurve:
    middle = np.median(errors, axis=1)
    low, high = np.quantile(errors, [0.1, 0.9], axis=1)
    points = tuple(
        CurvePoint(size, float(m), float(a), float(b))
        for size, m, a, b in zip(sizes, middle, low, high, strict=True)
    )
    worth = None
    for k in range(len(sizes) - 1):
        if all(error[k + 1 :].min() > (1 - WORTH) * error[k] for error in (middle, high)):
            worth = sizes[k]
            break
    kind = "Simulated instruments: " if simulated else ""
    told = f"{middle[-1]:.3g} {unit}".strip()
    says = (
        f"{kind}{worth} standards are worth measuring; more lower neither the usual error nor "
        f"the worst of ten by {WORTH:.0%} (RMSEP with {sizes[-1]}: {told})."
        if worth is not None
        else f"{kind}the error still falls at {sizes[-1]} standards (RMSEP {told})."
    )
    return LearningCurve(name, unit, points, simulated, worth, says)
