"""A fitted transfer as what is written: calibration, gate, result."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from spectrakit.errors import MismatchError
from spectrakit.log import say
from spectrakit.preprocess.trace_steps import TraceStep
from spectrakit.transfer.affine import AffineSum
from spectrakit.transfer.gates import (
    GateModel,
    check_direction,
    check_shift,
    gate_model,
)
from spectrakit.transfer.maps import mean_difference, piecewise
from spectrakit.transfer.pairing import check_exchanged, check_outlier
from spectrakit.transfer.problem import Problem
from spectrakit.transfer.result import Gate, PropertyResult, Spectra, TransferResult
from spectrakit.transfer.standard_samples import Standards
from spectrakit.transfer.standards import scores_of
from spectrakit.transfer.table import SpectraTable
from spectrakit.verbs.transfer_tables import InstrumentSpectra

FloatArray = NDArray[np.float64]
_ENOUGH = 20  # target spectra that describe the instrument by themselves
_LEAST = 6  # spectra that a gate can be made of
_FINEST = 1e-6  # of a spectrum: no instrument repeats itself better
_WINDOW, _RIDGE = 3, 0.1  # of the map that is shown in the report


@dataclass(frozen=True, slots=True)
class Fitting:
    """What ``transfer fit`` writes.

    Attributes:
        raw: target spectra as measured: their axis is that of the bundle.
        steps: preprocessing before everything else, inside the graph.
        resampling: (q_raw, q) matrix to the axis of the calibration, or None.
        axis: (q,) of the calibration.
        calibration: of spectra on it.
        gate: of spectra on it, or None where there are too few spectra to make one.
        checks: (s, q) target spectra of standards, for control charts; may be empty.
        check_ids: their samples.
        result: everything that was found.
    """

    raw: SpectraTable
    steps: tuple[TraceStep, ...]
    resampling: FloatArray | None
    axis: FloatArray
    calibration: AffineSum
    gate: GateModel | None
    checks: FloatArray
    check_ids: tuple[str, ...]
    result: TransferResult


def refuse(gates: Sequence[Gate], force: bool) -> tuple[Gate, ...]:
    """Refuse the transfer where a gate does, unless forced; return the gates, which say so.

    Raises:
        MismatchError: a gate refused; the message is its reason.
    """
    found: list[Gate] = []
    for gate in gates:
        if gate.passed or gate.forced:
            found.append(gate)
            continue
        if not force:
            raise MismatchError(
                f"gate '{gate.name}' refuses the transfer: {gate.says}",
                hint="Look at the data; --force goes on all the same, and is recorded.",
            )
        say(f"gate '{gate.name}' refused and --force went on: {gate.says}")
        found.append(replace(gate, forced=True))
    return tuple(found)


def paired_gates(problem: Problem, data: Standards) -> tuple[Gate, ...]:
    """Return the gates that need standards and no fit."""
    if not data.same_axis:
        return ()
    step = float(np.median(np.diff(problem.common.axis)))
    gates = [check_direction(data), check_shift(data, problem.source.axis_unit, step)]
    if len(data.twins) >= 2:
        ids = problem.standard_ids
        gates += [check_exchanged(data, ids), check_outlier(data, ids)]
    return tuple(gates)


def fitting_of(
    target: InstrumentSpectra, problem: Problem, calibration: AffineSum,
    properties: Sequence[PropertyResult], gates: tuple[Gate, ...],
) -> Fitting:  # fmt: skip
    """Return the transfer with its gate for new spectra and the spectra that the report shows."""
    rows = problem.pairs[problem.standards]
    standards = problem.target_values[rows[:, 1]]
    gate = _gate(problem, standards)
    axis = problem.common.axis if problem.common.shared else problem.target.axis
    source_seen = problem.source_values[rows[:, 0]]
    unit = problem.source.axis_unit
    ids = problem.standard_ids
    after = None
    if problem.common.shared and len(rows) >= 2:
        mapping = piecewise(standards, source_seen, _WINDOW, _RIDGE)
        after = Spectra(axis, unit, mapping(standards), ids)
    result = TransferResult(
        problem.source.instrument or "source",
        problem.target.instrument or "target",
        problem.target.value_unit,
        Spectra(problem.common.axis, unit, source_seen, ids),
        Spectra(axis, unit, standards, ids),
        after,
        scores_of(problem.source_values, 2),
        rows[:, 0],
        ids,
        tuple(properties),
        gates,
        (),
        {"common axis": problem.common.says, "modality": problem.target.modality},
    )
    resampling = problem.common.target if problem.common.shared else None
    return Fitting(
        target.raw, target.steps, resampling, axis, calibration, gate, standards, ids, result
    )


def _gate(problem: Problem, standards: FloatArray) -> GateModel | None:
    """Return the gate: source spectra moved to the target, and the target's own."""
    known = problem.target_values
    if problem.common.shared and len(known) < _ENOUGH and len(standards) >= 2:
        rows = problem.pairs[problem.standards]
        back = mean_difference(problem.source_values[rows[:, 0]], standards)
        known = np.vstack([back(problem.source_values), known])
    if len(known) < _LEAST:
        return None
    gate = gate_model(known, standards)
    least = _FINEST**2 * float((gate.mean**2).sum())  # of spectra without noise it would be zero
    return replace(gate, q_limit=max(gate.q_limit, least))
