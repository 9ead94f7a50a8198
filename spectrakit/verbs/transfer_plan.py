"""``transfer plan``: which samples to measure on a new instrument, before any of them is."""

from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from spectrakit.accounting import Summary
from spectrakit.errors import MismatchError, UsageError, did_you_mean
from spectrakit.io.inputs import expand_inputs
from spectrakit.log import progress, say
from spectrakit.output import open_records
from spectrakit.transfer.bases import PREPROCESSINGS
from spectrakit.transfer.common_axis import common_axis
from spectrakit.transfer.curve import DRAWS, learning_curves
from spectrakit.transfer.result import LearningCurve, PlanResult, Spectra
from spectrakit.transfer.standards import DESIGNS, scores_of
from spectrakit.transfer.table import SpectraTable
from spectrakit.verbs.outputs import refuse_own_input
from spectrakit.verbs.transfer_tables import InstrumentSpectra, read_instrument

COLUMNS = ("order", "sample", "group", "leverage")
_NOISE = 1e-20  # of the variance of the first component
_LEAST_BOTH = 12  # samples from which a curve can be drawn; on both instruments: measured


def plan(
    source: str, target: str, properties: tuple[str, ...], *, standards: int, design: str,
    source_where: tuple[str, ...], target_where: tuple[str, ...], preprocess: str, curve: bool,
    out: Path, report: Path | None, seed: int, summary: Summary,
) -> PlanResult:  # fmt: skip
    """Choose standards, say how many are worth it, and write ids and report.

    Raises:
        InputError: an input cannot be read.
        MismatchError: fewer samples than standards, or no reference values.
        UsageError: an unknown design.
    """
    from threadpoolctl import threadpool_limits

    if design not in DESIGNS:
        near = did_you_mean(design, DESIGNS)
        raise UsageError(
            f"--design '{design}' is unknown. {near}".rstrip(),
            hint=f"Designs: {', '.join(DESIGNS)}.",
        )
    target = target or (source if target_where else "")  # one file holds both instruments
    _check_outputs([word for word in (source, target) if word], out, report)
    read = read_instrument((source,), source_where, "--source-where", preprocess, summary)
    table, other = read.table, None
    if target:
        found = read_instrument(
            (target,), target_where, "--target-where", preprocess, summary, beside=read
        )
        other = found.table
    known = _known(read, properties)
    rows = np.flatnonzero(np.isfinite(known).all(axis=1))
    if standards > len(rows):
        raise MismatchError(
            f"--standards {standards} asks for more than the {len(rows)} samples"
            + (" with reference values." if properties else "."),
            hint=f"Give at most {len(rows)}.",
        )
    with threadpool_limits(1):
        spectra = table.values[rows]
        prepared = PREPROCESSINGS[1](spectra)
        chosen = DESIGNS[design](prepared, known[rows], standards, seed)
        curves = _curves(table, other, rows, known, properties, design, seed) if curve else ()
    for one in curves:
        say(f"{one.property}: {one.says}")
    result = PlanResult(
        table.instrument or "source",
        table.modality,
        table.value_unit,
        design,
        Spectra(table.axis, table.axis_unit, spectra, tuple(table.samples[k] for k in rows)),
        scores_of(prepared, 2),
        chosen,
        curves,
        {"seed": seed, "preprocess": preprocess},
    )
    _write(table, rows[chosen], prepared, chosen, out)
    if report is not None:
        from spectrakit.report.plan import write_plan_report

        write_plan_report(result, report, f"Standards of {result.source}")
        summary.outputs.append(str(report))
    return result


def _check_outputs(inputs: list[str], out: Path, report: Path | None) -> None:
    """Refuse an output that is an input, or both outputs in one file.

    Raises:
        UsageError: so it is.
    """
    paths = expand_inputs(inputs)
    for one in (out, report):
        if one is not None and str(one) != "-":
            refuse_own_input(one, paths)
    if report is not None and report.absolute() == out.absolute():
        raise UsageError(f"{report}: is --out and --report.", hint="Give them different names.")


def _known(read: InstrumentSpectra, properties: tuple[str, ...]) -> NDArray[Any]:
    if not properties:
        return np.zeros((len(read.table), 0))
    return np.stack([read.values_of(name) for name in properties], axis=1)


def _curves(
    table: SpectraTable, other: SpectraTable | None, rows: NDArray[Any], known: NDArray[Any],
    properties: tuple[str, ...], design: str, seed: int,
) -> tuple[LearningCurve, ...]:  # fmt: skip
    """Return the curves; measured where enough samples are on both instruments."""
    if not properties:
        say("no --property is named: no learning curve")
        return ()
    if len(rows) < _LEAST_BOTH:
        say(f"{len(rows)} samples are too few for a learning curve; it needs {_LEAST_BOTH}")
        return ()
    units = [table.units.get(name, "") for name in properties]
    values, target, used = table.values, None, rows
    if other is not None:
        place = {name: k for k, name in enumerate(other.samples)}
        both = np.array([k for k in rows if table.samples[k] in place], np.int64)
        common = common_axis(table.axis, other.axis, table.axis_unit)
        if len(both) >= _LEAST_BOTH and common.shared:
            values = common.of_source(table.values)
            twins = [place[table.samples[k]] for k in both]
            target, used = common.of_target(other.values)[twins], both
        else:
            say(f"{len(both)} samples are on both instruments: the learning curve is simulated")
    with progress("learning curve", DRAWS, "draws") as advance:
        return learning_curves(
            values[used], known[used], target, properties, units, DESIGNS[design], seed, advance
        )


def _write(
    table: SpectraTable, rows: NDArray[Any], prepared: NDArray[Any], chosen: NDArray[Any], out: Path
) -> None:
    scores = scores_of(prepared)
    size = (scores**2).sum(axis=0)
    real = size > _NOISE * size.max(initial=0.0)  # the others are rounding
    lever = (scores[:, real] ** 2 / size[real]).sum(axis=1) + 1.0 / len(scores)
    with open_records(out, "tsv", COLUMNS) as write:
        for k, (row, place) in enumerate(zip(rows.tolist(), chosen.tolist(), strict=True), 1):
            write(
                {
                    "order": k,
                    "sample": table.samples[row],
                    "group": table.groups[row],
                    "leverage": float(lever[place]),
                }
            )
