"""``--method auto``: an average of methods, weighted by errors on standards that none of them saw.

The weights are ``prior * (nested mean squared error) ** -SHARPNESS``, the error pooled over the
properties (geometric mean of ratios), because a handful of standards is too few to judge each
property by itself. The prior leans equally on updating with penalised differences and on the
honest average, of which the first is better on sugarcane and corn and the second on Raman: on
splits that no table shows a flat prior let target-only in when it was bad, which is how a fixed
schedule failed too.
"""

from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from spectrakit.errors import MismatchError
from spectrakit.transfer.affine import mixture
from spectrakit.transfer.methods import Fitted
from spectrakit.transfer.sweep import Swept

FloatArray = NDArray[np.float64]

PRIOR: Mapping[str, float] = {
    "average": 1.0,
    "difference-updating": 1.0,
    "plain-ensemble": 0.3,
    "paired-average": 0.2,
    "target-only": 0.05,
}
SHARPNESS = 4.0
_SHOWN = 0.005
_LEAST = 2  # standards


def automatic(
    swept: Sequence[Swept], labels: FloatArray
) -> tuple[Fitted, FloatArray | None, dict[str, float], str]:
    """Return the mixture, its nested predictions (N, k), the weights and why.

    Args:
        swept: methods after the sweep; those of ``PRIOR`` that were not refused take part.
        labels: (N, k) reference values of the standards.

    Raises:
        MismatchError: no method could be fitted.
    """
    parts = [one for one in swept if one.fitted is not None and one.method.name in PRIOR]
    if not parts:
        return _best_alone(swept, labels)
    judged = [one for one in parts if one.nested is not None]
    if not judged:
        best = parts[0]
        assert best.fitted is not None
        why = (
            f"{best.method.name}: {len(labels)} standards are too few to compare methods on some "
            "of them."
        )
        return best.fitted, None, {best.method.name: 1.0}, why
    weight = weights_of(
        [one.method.name for one in judged],
        [one.nested - labels for one in judged if one.nested is not None],
    )
    wide = np.repeat(weight[:, None], labels.shape[1], axis=1)
    fits = [one.fitted for one in judged if one.fitted is not None]
    nested = np.einsum(
        "p,pnk->nk", weight, np.stack([one.nested for one in judged if one.nested is not None])
    )
    weights = {one.method.name: float(w) for one, w in zip(judged, weight, strict=True)}
    shares = ", ".join(
        f"{name} {share:.0%}"
        for name, share in sorted(weights.items(), key=lambda item: -item[1])
        if share >= _SHOWN
    )
    why = (
        f"mixture of {shares}, weighted by squared errors on {len(labels)} standards that the "
        "fits had not seen."
    )
    return (
        Fitted(
            mixture([one.calibration for one in fits], wide),
            lambda: nested,
            (shares,) * labels.shape[1],
        ),
        nested,
        weights,
        why,
    )


def weights_of(names: Sequence[str], residuals: Sequence[FloatArray]) -> FloatArray:
    """Return the weights of methods of ``PRIOR`` in the mixture.

    Args:
        names: of the methods.
        residuals: of each, (N, k) nested predictions minus reference values.
    """
    error = np.array([np.log(_mean_square(one)).mean() for one in residuals])
    prior = np.array([PRIOR[name] for name in names])
    weight = prior * np.exp(-SHARPNESS * (error - error.min()))
    return weight / weight.sum()


def _best_alone(
    swept: Sequence[Swept], labels: FloatArray
) -> tuple[Fitted, FloatArray | None, dict[str, float], str]:
    """Return the method with the least nested error, where none of the prior can be fitted."""
    fitted = [one for one in swept if one.fitted is not None]
    if not fitted:
        reasons = "; ".join(f"{one.method.name}: {one.refused}" for one in swept)
        raise MismatchError(
            f"no method could be fitted ({reasons}).", hint="Measure more standards."
        )
    judged = [one for one in fitted if one.nested is not None]
    if not judged and len(labels) < _LEAST:
        raise MismatchError(
            f"{len(labels)} standard says too little of how two instruments differ: auto needs "
            f"{_LEAST} standards, there are {len(labels)}.",
            hint="Measure another, or transfer without standards (--standards 0).",
        )
    best = (
        min(judged, key=lambda one: float(np.log(_mse(one.nested, labels)).mean()))
        if judged
        else fitted[0]
    )
    assert best.fitted is not None
    name = best.method.name
    why = f"{name} has the least error on {len(labels)} standards that the fits had not seen."
    return best.fitted, best.nested, {name: 1.0}, why


def _mse(predicted: FloatArray | None, known: FloatArray) -> FloatArray:
    assert predicted is not None
    return _mean_square(predicted - known)


def _mean_square(residuals: FloatArray) -> FloatArray:
    return np.maximum(np.mean(residuals**2, axis=0), 1e-300)
