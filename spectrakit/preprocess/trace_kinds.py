"""What core knows of each step on traces: what it does, its parameters and what it learns."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from spectrakit.errors import MismatchError, UsageError
from spectrakit.preprocess import traces
from spectrakit.preprocess.baseline import als_baseline
from spectrakit.preprocess.resampling import even_points, resample
from spectrakit.spectrum import FloatArray

Parameters = Mapping[str, Any]
REQUIRED: Any = ...  # a parameter without a default


def _nothing(values: FloatArray, axis: FloatArray, **_: Any) -> dict[str, Any]:
    return {}


def _same_axis(axis: FloatArray, **_: Any) -> FloatArray:
    return axis


@dataclass(frozen=True, slots=True)
class StepKind:
    """What core knows of a step.

    Attributes:
        apply: (values (n, p), axis (p,), **parameters) -> values (n, q).
        parameters: those a person may give, in the order of the text form, with their defaults.
        learnt: those that fitting adds.
        learn: (values, axis, **parameters) -> parameters to add or replace; it may refuse values.
        axis: axis before -> axis after.
        linear: whether ``values @ matrix`` is the step.
    """

    apply: Callable[..., FloatArray]
    parameters: Parameters = field(default_factory=dict[str, Any])
    learnt: tuple[str, ...] = ()
    learn: Callable[..., dict[str, Any]] = _nothing
    axis: Callable[..., FloatArray] = _same_axis
    linear: bool = False


def _vector(numbers: Any, axis: FloatArray, what: str) -> FloatArray:
    vector = np.asarray(numbers, np.float64)
    if vector.shape != axis.shape:
        raise MismatchError(
            f"the {what} of {vector.size} channels does not fit {len(axis)}.",
            hint="Fit the steps again on this axis.",
        )
    return vector


def _whole_rows(values: FloatArray, step: str) -> FloatArray:
    rows = values[np.isfinite(values).all(axis=1)]
    if not len(rows):
        raise MismatchError(
            f"{step} cannot learn: none of {len(values)} spectra is free of NaN.",
            hint="Cut the channels that are missing first.",
        )
    return rows


def _snv(values: FloatArray, axis: FloatArray) -> FloatArray:
    return traces.snv(values)


def _msc(values: FloatArray, axis: FloatArray, *, reference: Any) -> FloatArray:
    return traces.msc(values, _vector(reference, axis, "reference of msc"))


def _learn_msc(values: FloatArray, axis: FloatArray) -> dict[str, Any]:
    return {"reference": _whole_rows(values, "msc").mean(axis=0).tolist()}


def resolved_window(window: int | str, channels: int, order: int) -> int:
    """Return a window in channels; ``"2.5%"`` is that part of all channels, made odd.

    Raises:
        UsageError: neither a number of channels nor a percentage.
    """
    if not isinstance(window, str):
        return int(window)
    try:
        part = float(window.removesuffix("%")) / 100
    except ValueError:
        part = np.nan
    if not window.endswith("%") or not 0 < part <= 1:
        raise UsageError(
            f"'{window}' is no window.", hint="Write channels (15) or a percentage (2%)."
        )
    return max(order + 1 + order % 2, 2 * round((part * channels - 1) / 2) + 1)


def _learn_window(
    values: FloatArray, axis: FloatArray, *, window: int | str, order: int, **_: Any
) -> dict[str, Any]:
    return {"window": resolved_window(window, len(axis), order)}


def _sg(
    values: FloatArray, axis: FloatArray, *, window: int | str, order: int, derivative: int = 0
) -> FloatArray:
    width = resolved_window(window, len(axis), order)
    return traces.savitzky_golay(values, window=width, order=order, derivative=derivative)


def _detrend(values: FloatArray, axis: FloatArray, *, order: int) -> FloatArray:
    return traces.detrend(values, order=order)


def _als(
    values: FloatArray, axis: FloatArray, *, lam: float, p: float, iterations: int
) -> FloatArray:
    return values - als_baseline(values, lam=lam, p=p, iterations=iterations)


def _normalise(values: FloatArray, axis: FloatArray, *, kind: str) -> FloatArray:
    return traces.normalise(values, kind=kind)


def resample_points(
    *, start: float | None, stop: float | None, step: float | None, points: Any
) -> FloatArray:
    """Return the points of a step ``resample``: given, or even ones.

    Raises:
        UsageError: neither or both are given.
    """
    ends = (start, stop, step)
    if points is not None and ends == (None, None, None):
        return np.asarray(points, np.float64)
    if start is None or stop is None or step is None or points is not None:
        raise UsageError(
            "resample needs start, stop and step, or points.",
            hint="Write resample(START-STOP/STEP).",
        )
    return even_points(float(start), float(stop), float(step))


def _resample(values: FloatArray, axis: FloatArray, **told: Any) -> FloatArray:
    return resample(values, axis, resample_points(**told))


def _resampled_axis(axis: FloatArray, **told: Any) -> FloatArray:
    return resample_points(**told)


def _cut(values: FloatArray, axis: FloatArray, *, ranges: Any) -> FloatArray:
    return values[:, traces.kept_channels(axis, ranges)]


def _cut_axis(axis: FloatArray, *, ranges: Any) -> FloatArray:
    return axis[traces.kept_channels(axis, ranges)]


def _absorbance(values: FloatArray, axis: FloatArray, *, full: float, floor: float) -> FloatArray:
    return traces.absorbance(values, full=full, floor=floor)


def _learn_absorbance(
    values: FloatArray, axis: FloatArray, *, full: float, floor: float
) -> dict[str, Any]:
    traces.check_fraction(values, full=full)
    return {}


def _mean_centre(values: FloatArray, axis: FloatArray, *, mean: Any) -> FloatArray:
    return traces.mean_centre(values, _vector(mean, axis, "mean"))


def _learn_mean(values: FloatArray, axis: FloatArray) -> dict[str, Any]:
    return {"mean": _whole_rows(values, "mean_centre").mean(axis=0).tolist()}


def _autoscale(values: FloatArray, axis: FloatArray, *, mean: Any, sd: Any) -> FloatArray:
    return traces.autoscale(values, _vector(mean, axis, "mean"), _vector(sd, axis, "sd"))


def _learn_autoscale(values: FloatArray, axis: FloatArray) -> dict[str, Any]:
    rows = _whole_rows(values, "autoscale")
    sd = rows.std(axis=0, ddof=1) if len(rows) > 1 else np.ones(rows.shape[1])
    constant = sd <= traces.NO_SCALE * np.abs(rows).max(axis=0)  # stays as it is, centred
    return {"mean": rows.mean(axis=0).tolist(), "sd": np.where(constant, 1.0, sd).tolist()}


STEPS: Mapping[tuple[str, int], StepKind] = {
    ("snv", 1): StepKind(_snv),
    ("msc", 1): StepKind(_msc, learnt=("reference",), learn=_learn_msc),
    ("sg", 1): StepKind(
        _sg, {"window": 15, "order": 2, "derivative": 0}, learn=_learn_window, linear=True
    ),
    ("smooth", 1): StepKind(_sg, {"window": 15, "order": 2}, learn=_learn_window, linear=True),
    ("detrend", 1): StepKind(_detrend, {"order": 2}, linear=True),
    ("als", 1): StepKind(_als, {"lam": 1e5, "p": 0.01, "iterations": 10}),
    ("normalise", 1): StepKind(_normalise, {"kind": "area"}),
    ("resample", 1): StepKind(
        _resample,
        {"start": None, "stop": None, "step": None, "points": None},
        axis=_resampled_axis,
        linear=True,
    ),
    ("cut", 1): StepKind(_cut, {"ranges": REQUIRED}, axis=_cut_axis, linear=True),
    ("absorbance", 1): StepKind(_absorbance, {"full": 1.0, "floor": 1e-6}, learn=_learn_absorbance),
    ("mean_centre", 1): StepKind(_mean_centre, learnt=("mean",), learn=_learn_mean),
    ("autoscale", 1): StepKind(_autoscale, learnt=("mean", "sd"), learn=_learn_autoscale),
}
