"""Answers of a transferred model with their gates: Q and T² of each spectrum against limits."""

from collections.abc import Sequence
from dataclasses import dataclass
from math import isfinite, nan
from typing import Any

import numpy as np

from spectrakit.bundle import Bundle
from spectrakit.bundle.predict import BATCH, numbers
from spectrakit.bundle.trace_input import after_steps
from spectrakit.errors import MismatchError
from spectrakit.spectrum import FloatArray

PASS = "pass"
GATES = ("q", "t2")


@dataclass(frozen=True, slots=True)
class GatedAnswers:
    """What a model says of n spectra: value, lower, upper (n, k); q, t2 (n,); NaN is missing.

    ``gate`` of a spectrum is "pass", the gates that it is beyond ("q", "t2" or "q,t2"), or ""
    where the bundle has no limits.
    """

    value: FloatArray
    lower: FloatArray
    upper: FloatArray
    q: FloatArray
    t2: FloatArray
    gate: tuple[str, ...]


def gated_answers(bundle: Bundle, values: FloatArray) -> GatedAnswers:
    """Run the ``predict`` graph on raw traces (n, p) on the bundle's axis.

    Raises:
        InputError: a file of the bundle was changed.
        MismatchError: the graph does not fit its manifest.
    """
    parts = [_batch(bundle, values[at : at + BATCH]) for at in range(0, len(values), BATCH)]
    if not parts:
        k = len(bundle.manifest.properties)
        none = np.empty((0, k))
        return GatedAnswers(none, none, none, np.empty(0), np.empty(0), ())
    value, lower, upper, q, t2 = (np.concatenate(some) for some in zip(*parts, strict=True))
    limits = [limit_of(bundle, name) for name in GATES]
    gate = tuple(_gate((a, b), limits) for a, b in zip(q.tolist(), t2.tolist(), strict=True))
    return GatedAnswers(value, lower, upper, q, t2, gate)


def limit_of(bundle: Bundle, name: str) -> float:
    """Return the limit of a gate, NaN where the bundle has none.

    Raises:
        MismatchError: it is no number.
    """
    limit = bundle.manifest.gate.get(name)
    if limit is None:
        return nan
    if isinstance(limit, bool) or not isinstance(limit, int | float):
        raise MismatchError(
            f"bundle {bundle.label}: the limit of its gate '{name}' is {limit!r}, no number.",
            hint="Fit it again.",
        )
    return float(limit)


def _batch(bundle: Bundle, values: FloatArray) -> tuple[FloatArray, ...]:
    outputs = bundle.run("predict", {"spectrum": after_steps(bundle, values)})
    n = len(values)
    return (*numbers(bundle, outputs, n), *(_distance(bundle, outputs, g, n) for g in GATES))


def _distance(bundle: Bundle, outputs: dict[str, Any], name: str, n: int) -> FloatArray:
    if name not in outputs:
        if isfinite(limit_of(bundle, name)):
            raise MismatchError(
                f"bundle {bundle.label}: its gate '{name}' has a limit and its graph no output.",
                hint="Fit it again.",
            )
        return np.full(n, nan)
    found = np.asarray(outputs[name], np.float64)
    if found.shape != (n,):
        raise MismatchError(
            f"bundle {bundle.label}: '{name}' has shape {found.shape} for {n} spectra.",
            hint="Fit it again.",
        )
    return found


def _gate(values: Sequence[float], limits: Sequence[float]) -> str:
    judged = [(n, v, m) for n, v, m in zip(GATES, values, limits, strict=True) if isfinite(m)]
    if not judged:
        return ""
    beyond = [name for name, value, limit in judged if not value <= limit]  # NaN is beyond
    return ",".join(beyond) or PASS
