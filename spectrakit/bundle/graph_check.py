"""A graph must give what numpy gives before it is written."""

from collections.abc import Callable, Mapping

import numpy as np

from spectrakit.bundle.graphs import open_bytes
from spectrakit.errors import MismatchError
from spectrakit.spectrum import FloatArray

TOLERANCE = {"float64": 1e-9, "float32": 1e-5}  # of an output's largest value


def check_graph(
    model: bytes,
    values: FloatArray,
    expected: Callable[[FloatArray], Mapping[str, FloatArray]],
) -> None:
    """Run a model with the input ``spectrum`` on one spectrum and on all of ``values`` (n, p).

    Raises:
        MismatchError: an output differs from what ``expected`` gives for the same spectra.
    """
    session = open_bytes(model, "the graph of the traces")
    names = [one.name for one in session.get_outputs()]
    for batch in (values[:1], values):
        wanted = expected(batch)
        for name, found in zip(names, session.run(names, {"spectrum": batch}), strict=True):
            _compare(name, found, wanted[name], _rounding(batch))


def _rounding(values: FloatArray) -> float:
    """Return what the square of a residual that is zero but for rounding may come to."""
    clean = np.where(np.isfinite(values), values, 0.0)
    size = float((clean.astype(np.float64) ** 2).sum(axis=1).max(initial=0.0))
    return 1e3 * float(np.finfo(values.dtype).eps) ** 2 * size


def _compare(name: str, found: FloatArray, wanted: FloatArray, rounding: float) -> None:
    size = np.abs(wanted[np.isfinite(wanted)]).max(initial=0.0)
    slack = TOLERANCE[str(found.dtype)] * size + rounding
    if not np.allclose(found, wanted, rtol=0, atol=slack, equal_nan=True):
        worst = np.nanmax(np.abs(found - wanted))
        raise MismatchError(
            f"the graph's '{name}' differs from numpy by {worst:.3g} where values reach "
            f"{size:.3g}.",
            hint="Nothing was written; coefficients that cancel each other may be the cause.",
        )
