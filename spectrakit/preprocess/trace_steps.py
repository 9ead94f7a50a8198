"""Named, versioned steps on traces: fitted once, stored as JSON, applied again in any program.

A step never changes its meaning: another meaning is another version beside it. The same steps
are appended to an ONNX graph by ``spectrakit.bundle.trace_graph``.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

import numpy as np

from spectrakit.errors import MismatchError, UsageError, did_you_mean
from spectrakit.preprocess.trace_kinds import REQUIRED, STEPS, Parameters, StepKind
from spectrakit.spectrum import FloatArray


class StepLike(Protocol):
    """What a step says of itself; ``spectrakit.bundle.Step`` is one."""

    @property
    def step(self) -> str:
        """Name."""
        ...

    @property
    def version(self) -> int:
        """Version of its meaning."""
        ...

    @property
    def parameters(self) -> Parameters:
        """JSON values by name."""
        ...


@dataclass(frozen=True, slots=True)
class TraceStep:
    """One step and its parameters; learnt ones are there once it is fitted."""

    step: str
    version: int = 1
    parameters: Parameters = field(default_factory=dict[str, Any])


def kind_of(step: StepLike) -> StepKind:
    """Return what core knows of a step.

    Raises:
        MismatchError: a step or version that this spectrakit does not have.
    """
    kind = STEPS.get((step.step, step.version))
    if kind is None:
        what = f"'{step.step}' version {step.version}"
        near = did_you_mean(step.step, {known for known, _ in STEPS} - {step.step})
        raise MismatchError(
            f"the preprocessing step {what} is unknown. {near}".rstrip(),
            hint="Update spectrakit.",
        )
    return kind


def parameters_of(step: StepLike) -> dict[str, Any]:
    """Return a step's parameters with the defaults filled in.

    Raises:
        MismatchError: the step is unknown, takes no such parameter, or lacks one.
    """
    kind = kind_of(step)
    full = {**kind.parameters, **step.parameters}
    for name in step.parameters:
        if name not in kind.parameters and name not in kind.learnt:
            raise MismatchError(
                f"the preprocessing step '{step.step}' takes no '{name}'. "
                f"{did_you_mean(name, (*kind.parameters, *kind.learnt))}".rstrip(),
                hint="Update spectrakit, or make the bundle again.",
            )
    missing = [name for name in kind.learnt if name not in full]
    missing += [name for name, value in full.items() if value is REQUIRED]
    if missing:
        raise MismatchError(
            f"the preprocessing step '{step.step}' lacks {', '.join(missing)}.",
            hint="Fit the steps on spectra first." if kind.learnt else "Give it.",
        )
    return full


def apply_trace_steps(
    values: FloatArray, axis: FloatArray, steps: Sequence[StepLike]
) -> tuple[FloatArray, FloatArray]:
    """Apply fitted steps in order; return values (n, q) float64 and their axis (q,).

    Args:
        values: (n, p), one spectrum a row.
        axis: (p,) in the unit that ``cut`` and ``resample`` speak of.
        steps: fitted, as ``fit_steps`` returns them or a bundle stores them.

    Infinite values count as missing (NaN).

    Raises:
        MismatchError: an unknown step, or one that does not fit this axis.
    """
    values, axis = without_infinities(values), np.asarray(axis, np.float64)
    for step in steps:
        try:
            values, axis = _applied(values, axis, step, parameters_of(step))
        except UsageError as error:  # nobody typed it: it was stored
            raise MismatchError(str(error), hint="Make the bundle again.") from error
    return values, axis


def without_infinities(values: FloatArray) -> FloatArray:
    """Return values as float64 with NaN where they are infinite."""
    values = np.asarray(values, np.float64)
    return values if np.isfinite(values).all() else np.where(np.isinf(values), np.nan, values)


def _applied(
    values: FloatArray, axis: FloatArray, step: StepLike, parameters: Parameters
) -> tuple[FloatArray, FloatArray]:
    kind = kind_of(step)
    try:
        return kind.apply(values, axis, **parameters), kind.axis(axis, **parameters)
    except (TypeError, ValueError) as error:
        raise MismatchError(
            f"the preprocessing step '{step.step}' refuses its parameters: {error}".rstrip(".")
            + ".",
            hint="Make the bundle again.",
        ) from error


def axis_after(axis: FloatArray, steps: Sequence[StepLike]) -> FloatArray:
    """Return the axis that spectra have after these steps.

    Raises:
        MismatchError: as ``apply_trace_steps``.
    """
    for step in steps:
        told = {**kind_of(step).parameters, **step.parameters}
        axis = kind_of(step).axis(axis, **told)
    return axis


def fit_steps(
    chain: Sequence[StepLike], values: FloatArray, axis: FloatArray
) -> tuple[TraceStep, ...]:
    """Return the steps with all they learn from calibration spectra; learnt ones are kept.

    Args:
        chain: steps as a person wrote them (``parse_chain``).
        values: (n, p) float64; spectra with NaN are left out of what is learnt.
        axis: (p,).

    Raises:
        MismatchError: a step does not fit the axis, has nothing to learn from, or refuses values.
    """
    values, axis = without_infinities(values), np.asarray(axis, np.float64)
    fitted: list[TraceStep] = []
    for step in chain:
        kind = kind_of(step)
        told = {**kind.parameters, **step.parameters}
        if not kind.learnt or any(name not in told for name in kind.learnt):
            plain = {name: told[name] for name in kind.parameters}
            told = {**plain, **kind.learn(values, axis, **plain)}
        told = {name: value for name, value in told.items() if value is not None}
        one = TraceStep(step.step, step.version, told)
        values, axis = _applied(values, axis, one, parameters_of(one))
        fitted.append(one)
    return tuple(fitted)


def as_matrix(step: StepLike, axis: FloatArray) -> FloatArray:
    """Return the (p, q) float64 matrix M with which a linear step is ``values @ M``.

    Raises:
        UsageError: the step is not linear.
        MismatchError: it does not fit the axis.
    """
    if not kind_of(step).linear:
        linear = ", ".join(sorted(name for (name, _), one in STEPS.items() if one.linear))
        raise UsageError(f"the step '{step.step}' is no matrix.", hint=f"These are: {linear}.")
    return _applied(np.eye(len(axis)), axis, step, parameters_of(step))[0]
