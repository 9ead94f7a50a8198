"""A graph must give what numpy gives before it is written."""

from collections.abc import Callable, Mapping

import numpy as np

from spectrakit.bundle.graphs import open_bytes
from spectrakit.errors import MismatchError
from spectrakit.spectrum import FloatArray

_ROUNDING = 1e-24  # of a spectrum's squared length: what is left of an exact fit
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
        noise = _ROUNDING * float(np.nansum(batch**2, axis=1).max(initial=0.0))
        for name, found in zip(names, session.run(names, {"spectrum": batch}), strict=True):
            _compare(name, found, wanted[name], noise)


def _compare(name: str, found: FloatArray, wanted: FloatArray, noise: float) -> None:
    size = np.abs(wanted[np.isfinite(wanted)]).max(initial=0.0)
    slack = TOLERANCE[str(found.dtype)] * size + noise
    if not np.allclose(found, wanted, rtol=0, atol=slack, equal_nan=True):
        worst = np.nanmax(np.abs(found - wanted))
        raise MismatchError(
            f"the graph's '{name}' differs from numpy by {worst:.3g} where values reach "
            f"{size:.3g}.",
            hint="Nothing was written; coefficients that cancel each other may be the cause.",
        )
