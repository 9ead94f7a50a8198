"""Every method on the same standards, each measured on standards that it did not see.

Nested cross-validation: the standards are cut into folds (replicates and groups whole); each
method is fitted, its choices by its own inner folds included, to all folds but one and predicts
that one. Test samples are predicted once and decide nothing.

A standard that is left out stays among the source samples, though new samples were never measured
there. Standards spread to the edges err more than new samples will, which outweighs it: without
the twins, intervals (as quantiles) from 5 standards of the sugarcane set covered 94 % where 80 %
were stated, at 2.2 times the width; with them 87 %, at 1.5 times.
"""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from time import process_time

import numpy as np
from numpy.typing import NDArray

from spectrakit.errors import MismatchError
from spectrakit.transfer.methods import Fitted, Method
from spectrakit.transfer.standard_samples import Standards

FloatArray = NDArray[np.float64]
Rows = NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class Swept:
    """One method after the sweep.

    Attributes:
        method: which.
        fitted: to all standards; None where it was refused.
        nested: (N, k) predictions of standards by nested fits, or None where there are too few.
        test: (m, k) predictions of test samples, or None.
        seconds: CPU time.
        refused: why it could not be fitted.
    """

    method: Method
    fitted: Fitted | None
    nested: FloatArray | None
    test: FloatArray | None
    seconds: float
    refused: str = ""


def sweep(
    methods: Iterable[Method],
    data: Standards,
    test: FloatArray | None,
    seed: int,
    *,
    nested: bool = True,
    advance: Callable[[int], None] = lambda n: None,
) -> list[Swept]:
    """Fit every method.

    Args:
        methods: to fit; those that the data do not allow come back refused, with the reason.
        data: source samples and standards.
        test: (m, q) test spectra on the target side, or None.
        seed: of everything random.
        nested: also predict every standard by fits that did not see it.
        advance: called with 1 after each method.
    """
    parts = [(subset(data, rows), held) for rows, held in data.folds()] if nested else []
    found: list[Swept] = []
    for method in methods:
        found.append(_one(method, data, test, seed, parts))
        advance(1)
    return found


def _one(
    method: Method, data: Standards, test: FloatArray | None, seed: int,
    parts: Sequence[tuple[Standards, Rows]],
) -> Swept:  # fmt: skip
    start = process_time()
    groups = len(np.unique(data.groups))
    reason = ""
    if method.same_axis and not data.same_axis:
        reason = "the instruments have no common range"
    elif groups < method.least:
        reason = f"needs {method.least} standards, there are {groups}"
    if reason:
        return Swept(method, None, None, None, 0.0, reason)
    try:
        fitted = method.fit(data, seed)
        inner = _nested(method, fitted, data, seed, parts)
    except MismatchError as error:
        return Swept(method, None, None, None, process_time() - start, str(error).rstrip("."))
    predicted = None if test is None else fitted.calibration.predict(test)
    return Swept(method, fitted, inner, predicted, process_time() - start)


def _nested(
    method: Method, fitted: Fitted, data: Standards, seed: int,
    parts: Sequence[tuple[Standards, Rows]],
) -> FloatArray | None:  # fmt: skip
    fewest = min((len(np.unique(part.groups)) for part, _ in parts), default=0)
    if len(parts) < 2 or fewest < method.least:
        return None
    if method.nested:
        return fitted.left_out
    predicted = np.empty_like(data.labels)
    for part, held in parts:
        predicted[held] = method.fit(part, seed).calibration.predict(data.target[held])
    return predicted


def subset(data: Standards, rows: Rows) -> Standards:
    """Return the data with some of the standards only; source samples stay."""
    return replace(
        data,
        target=data.target[rows],
        twins=data.twins[rows],
        labels=data.labels[rows],
        groups=data.groups[rows],
    )
