"""Whether two bundles answer alike, by their bits or by their answers to the same spectra."""

from dataclasses import dataclass
from typing import Any

import numpy as np

from spectrakit.bundle import Bundle
from spectrakit.bundle.trace_input import after_steps
from spectrakit.errors import MismatchError
from spectrakit.spectrum import FloatArray

TOLERANCE = 1e-9  # of the spread of the answers
SPECTRA = 64  # that both answer
_WAVES = 6
_SIZE = 0.05  # of the reference's range


@dataclass(frozen=True, slots=True)
class Comparison:
    """Two bundles on the same spectra; the largest difference is in spreads of an output."""

    equal_bits: bool
    same: bool
    largest_difference: float
    largest_of: str
    spectra: int


def compare(known: Bundle, again: Bundle) -> Comparison:
    """Compare two regressions on traces on one axis.

    The spectra are the mean spectrum that the first bundle keeps (0.5 without one) with smooth
    random waves: inside the axis, different in every channel, the same at every call.

    Raises:
        MismatchError: axes, properties or outputs differ.
    """
    a, b = known.manifest, again.manifest
    for what, one, other in (
        ("axis", a.input.get("axis"), b.input.get("axis")),
        ("properties", [*a.properties], [*b.properties]),
        ("preprocessing", [*a.preprocessing], [*b.preprocessing]),
    ):
        if one != other:
            raise MismatchError(
                f"the new fit has other {what} than {known.label}.",
                hint="Parameters or inputs are not those that made it.",
            )
    values = probes(known)
    mine, theirs = _answers(known, values), _answers(again, values)
    if set(mine) != set(theirs):
        raise MismatchError(
            f"the new fit answers {', '.join(theirs)}; {known.label} answers {', '.join(mine)}.",
            hint="It was made by another version of spectrakit.",
        )
    bits = known.files == again.files
    worst, of = 0.0, ""
    for name, found in mine.items():
        off = _difference(found, theirs[name])
        if off > worst:
            worst, of = off, name
    if not bits and not any(np.isfinite(one).any() for one in mine.values()):
        worst, of = float("inf"), "value"  # nothing was compared
    return Comparison(bits, worst <= TOLERANCE, worst, of, len(values))


def probes(bundle: Bundle) -> FloatArray:
    """Return (64, p) spectra on the bundle's axis."""
    p = len(bundle.manifest.input["axis"])
    told: Any = (bundle.manifest.calibration.get("drift") or {}).get("mean_spectrum")
    mean = np.full(p, 0.5) if told is None or len(told) != p else np.asarray(told, np.float64)
    size = _SIZE * float(np.ptp(mean)) or _SIZE
    rng = np.random.default_rng(0)
    x = np.linspace(0, 1, p)
    waves = np.stack([np.cos(np.pi * k * x) for k in range(_WAVES)])
    rough = 0.1 * rng.normal(size=(SPECTRA, p))
    return mean + size * (rng.normal(size=(SPECTRA, _WAVES)) @ waves + rough)


def _answers(bundle: Bundle, values: FloatArray) -> dict[str, FloatArray]:
    found = bundle.run("predict", {"spectrum": after_steps(bundle, values)})
    return {name: np.asarray(one, np.float64) for name, one in sorted(found.items())}


def _difference(one: FloatArray, other: FloatArray) -> float:
    """Return the largest difference in units of each column's spread over the spectra."""
    if one.shape != other.shape or (np.isfinite(one) != np.isfinite(other)).any():
        return float("inf")
    with np.errstate(invalid="ignore"):
        off = np.abs(one - other)
        spread = np.nanstd(one, axis=0)
    limit = np.where(spread > 0, spread, np.maximum(np.nanmax(np.abs(one), initial=0.0), 1e-300))
    return float(np.nanmax(off / limit, initial=0.0))
