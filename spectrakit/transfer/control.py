"""What a bundle keeps of its standards, so that measuring them again shows drift.

It is ``calibration["drift"]`` of the manifest; ``control_facts`` makes it at the fit.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import isfinite, nan, sqrt
from typing import Any

import numpy as np

from spectrakit.bundle import Bundle
from spectrakit.errors import MismatchError
from spectrakit.spectrum import FloatArray
from spectrakit.transfer.shift import channel_shift


def control_facts(
    samples: Sequence[str],
    spectra: FloatArray,
    predicted: FloatArray,
    properties: Sequence[str],
    errors: Mapping[str, FloatArray],
) -> dict[str, Any]:
    """Return what ``drift`` compares with later, as plain values for the manifest.

    Args:
        samples: n ids of the standards' spectra on the target; equal ids are replicates.
        spectra: (n, p) raw spectra on the axis of the bundle's input.
        predicted: (n, k) what the finished graph answers for them.
        properties: k names.
        errors: property -> predicted minus reference of standards (or test samples) that the
            model did not see; NaN is left out; empty where there are none.

    Returns:
        ``samples``: id -> property -> mean answer; ``replicates``: id -> spectra averaged;
        ``repeatability``: property -> sd of the answer to one spectrum, pooled over replicates,
        None without; ``residual``: property -> root mean square of ``errors``, None without;
        ``mean_spectrum``: (p,) mean over samples; ``shift``: ``samples``: id -> channels against
        the mean spectrum, None where undefined, and ``sd`` of one spectrum, None without
        replicates.
    """
    names = list(dict.fromkeys(samples))
    rows = [np.flatnonzero([one == name for one in samples]) for name in names]
    means = np.stack([spectra[some].mean(axis=0) for some in rows])
    answers = np.stack([predicted[some].mean(axis=0) for some in rows])
    reference = means.mean(axis=0)
    shifts = channel_shift(means, reference)
    each = channel_shift(spectra, reference)
    finite = {name: some[np.isfinite(some)] for name, some in errors.items()}
    rms = {name: np.sqrt(np.mean(np.square(some))) for name, some in finite.items() if len(some)}
    return {
        "samples": {
            name: {one: float(v) for one, v in zip(properties, row, strict=True)}
            for name, row in zip(names, answers, strict=True)
        },
        "replicates": {name: len(some) for name, some in zip(names, rows, strict=True)},
        "repeatability": {one: _pooled(predicted[:, k], rows) for k, one in enumerate(properties)},
        "residual": {one: float(rms[one]) if one in rms else None for one in properties},
        "mean_spectrum": reference.tolist(),
        "shift": {
            "samples": {
                name: float(v) if isfinite(v) else None
                for name, v in zip(names, shifts, strict=True)
            },
            "sd": _pooled(each, rows),
        },
    }


def _pooled(values: FloatArray, rows: Sequence[Any]) -> float | None:
    """Return the standard deviation within groups; None where no group has two values."""
    freedom = sum(len(some) - 1 for some in rows)
    if not freedom or not np.isfinite(values).all():
        return None
    return sqrt(sum(float(((values[s] - values[s].mean()) ** 2).sum()) for s in rows) / freedom)


@dataclass(frozen=True, slots=True)
class ControlFacts:
    """What ``control_facts`` stored, with NaN for what is not known."""

    samples: Mapping[str, Mapping[str, float]]
    replicates: Mapping[str, int]
    repeatability: Mapping[str, float]
    residual: Mapping[str, float]
    mean_spectrum: FloatArray
    shifts: Mapping[str, float]
    shift_sd: float

    @classmethod
    def of(cls, bundle: Bundle) -> "ControlFacts":
        """Return what a bundle keeps.

        Raises:
            MismatchError: it keeps nothing, or something of another form.
        """
        told: Any = bundle.manifest.calibration.get("drift")
        if not told:
            raise MismatchError(
                f"bundle {bundle.label} keeps nothing of its standards to compare with.",
                hint="It was fitted without spectra of the target; fit it with standards.",
            )
        try:
            facts = cls(
                samples={str(name): _numbers(of) for name, of in told["samples"].items()},
                replicates={str(name): int(n) for name, n in told["replicates"].items()},
                repeatability=_numbers(told["repeatability"]),
                residual=_numbers(told["residual"]),
                mean_spectrum=np.array(told["mean_spectrum"], np.float64),
                shifts=_numbers(told["shift"]["samples"]),
                shift_sd=_number(told["shift"]["sd"]),
            )
            points = (len(bundle.manifest.input["axis"]),)
            if facts.mean_spectrum.shape != points:
                raise ValueError(f"its mean spectrum has {len(facts.mean_spectrum)} channels")
        except (KeyError, TypeError, ValueError, AttributeError) as error:
            raise MismatchError(
                f"bundle {bundle.label}: what it keeps of its standards is of another form: "
                f"{error}.",
                hint="Fit it again.",
            ) from error
        return facts


def _numbers(told: Mapping[str, Any]) -> dict[str, float]:
    return {str(name): _number(value) for name, value in told.items()}


def _number(value: Any) -> float:
    return nan if value is None else float(value)
