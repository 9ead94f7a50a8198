"""A plugin's ``TransferMethod`` as a method that the nested sweep calls like any other."""

from collections.abc import Callable
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
from numpy.typing import NDArray

from spectrakit.bundle.inlined import check_same
from spectrakit.errors import MismatchError
from spectrakit.plugin import TransferMethod
from spectrakit.transfer.affine import AffineSum, GraphTerm
from spectrakit.transfer.methods import Fitted, Method
from spectrakit.transfer.standard_samples import Standards

FloatArray = NDArray[np.float64]

LEAST = 2  # standards


def plugged_method(name: str, says: str, make: Callable[[int], TransferMethod]) -> Method:
    """Return a method of a plugin.

    Args:
        name: of the plugin.
        says: one line.
        make: returns a method that is fitted to nothing, for a seed.
    """

    def fit(data: Standards, seed: int) -> Fitted:
        if not (np.isfinite(data.known).all() and np.isfinite(data.labels).all()):
            raise MismatchError(
                f"{name}: samples without a reference value.", hint="Leave them out."
            )
        pairs = np.column_stack([data.twins, np.arange(len(data.twins))])
        fitted = make(seed).fit(data.source, data.target, pairs, data.known)
        k = data.known.shape[1]
        term = GraphTerm(
            lambda: graph_of(fitted, data.target), _whole(fitted, name, k), np.eye(k)
        )  # fmt: skip
        told = str(getattr(fitted, "chosen", ""))
        return Fitted(AffineSum((), (term,)), None, (told,) * k)

    return Method(name, says, "labels", fit, LEAST, same_axis=False)


def graph_of(fitted: TransferMethod, spectra: FloatArray) -> bytes:
    """Return the graph of a fitted method, which gives what its ``predict`` does.

    Raises:
        MismatchError: it does not, for these spectra (m, q).
    """
    with TemporaryDirectory(prefix="spectrakit-transfer-") as place:
        path = Path(place) / "method.onnx"
        fitted.to_onnx(path)
        model = path.read_bytes()
    check_same(model, spectra, np.asarray(fitted.predict(spectra), np.float64))
    return model


def _whole(fitted: TransferMethod, name: str, k: int) -> Callable[[FloatArray], FloatArray]:
    def predict(values: FloatArray) -> FloatArray:
        found = np.asarray(fitted.predict(values), np.float64)
        if found.shape != (len(values), k):
            raise MismatchError(
                f"{name}: predicts an array of {found.shape}, where {(len(values), k)} belongs.",
                hint="Tell the plugin's author.",
            )
        return found

    return predict
