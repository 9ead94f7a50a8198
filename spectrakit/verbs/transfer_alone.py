"""``transfer fit`` without standards: a calibration of the source alone, or label-free."""

from collections.abc import Sequence
from math import isfinite, nan

import numpy as np
from numpy.typing import NDArray

from spectrakit.errors import MismatchError
from spectrakit.transfer.affine import AffineSum
from spectrakit.transfer.ceiling import ceiling, ridge_average
from spectrakit.transfer.common_axis import CommonAxis
from spectrakit.transfer.composition import check_alike, check_disjoint, check_plausible
from spectrakit.transfer.figures import bootstrap_rmse, figures_of, iso_tests
from spectrakit.transfer.intervals import interval_of
from spectrakit.transfer.problem import LEAST_LABELLED, Problem
from spectrakit.transfer.result import Gate, Interval, MethodRow, Predicted, PropertyResult
from spectrakit.transfer.source_only import fit_source_pls
from spectrakit.transfer.table import SpectraTable
from spectrakit.transfer.unpaired import fit_unpaired
from spectrakit.verbs.transfer_result import Fitting, fitting_of, refuse
from spectrakit.verbs.transfer_tables import InstrumentSpectra

FloatArray = NDArray[np.float64]
LABEL_FREE, NONE = "label-free", "none"


def fit_source(
    source: InstrumentSpectra, properties: Sequence[str], level: float, seed: int
) -> Fitting:
    """Return a calibration of the source instrument itself.

    Raises:
        MismatchError: too few labelled samples.
    """
    table, test = _apart(source.table, source.test_ids)
    known = np.stack([table.values_of(name) for name in properties], axis=1)
    rows = _labelled(known, properties)
    fitted = fit_source_pls(
        table.values[rows], known[rows], tuple(table.groups[row] for row in rows), seed
    )
    common = CommonAxis(table.axis, None, None, True, "The source alone.")
    results = [
        _result(
            name, table.units.get(name, ""), "pls", "Nested cross-validation chose it.",
            [("pls", "labels", fitted.chosen[k], fitted.calibration, fitted.nested[:, k])],
            k, known[rows, k], fitted.nested[:, k], test, level, seed, nan,
        )
        for k, name in enumerate(properties)
    ]  # fmt: skip
    empty = np.zeros((0, 2), np.int64)
    problem = Problem(
        table, table, test, common, table.values, table.values, empty, np.zeros(0, np.int64)
    )
    return fitting_of(source, problem, fitted.calibration, results, ())


def fit_unlabelled(
    target: InstrumentSpectra, problem: Problem, properties: Sequence[str], level: float,
    seed: int, force: bool = False,
) -> Fitting:  # fmt: skip
    """Return a transfer that uses unlabelled spectra of the target only.

    Raises:
        MismatchError: no common range, or too few spectra.
    """
    if not problem.common.shared:
        raise MismatchError(
            f"without standards both instruments must share a range. {problem.common.says}",
            hint="Measure some samples on both and give --standards.",
        )
    pool = problem.target_values
    if len(pool) < 2:
        raise MismatchError(
            f"a transfer without standards needs unlabelled target spectra; there are {len(pool)}.",
            hint="Give more spectra of the target, or leave fewer out with --test-where.",
        )
    known = problem.known(properties)
    rows = _labelled(known, properties)
    calibration = fit_unpaired(problem.source_values[rows], known[rows], pool)
    untouched, _ = ridge_average(problem.source_values[rows], known[rows])
    gates: list[Gate] = [
        check_alike(problem.source_values, pool),
        *check_plausible(problem.source_values[rows], known[rows], pool, properties),
        check_disjoint(problem.source.samples, problem.target.samples),
    ]
    judged = refuse(gates, force)
    results: list[PropertyResult] = []
    for k, name in enumerate(properties):
        best = nan
        told = problem.target.reference.get(name)
        if problem.test is not None and told is not None and name in problem.test.reference:
            best = _ceiling(problem, told, name)
        results.append(
            _result(
                name, problem.source.units.get(name, ""), LABEL_FREE,
                f"No standards: {len(pool)} unlabelled spectra of the target were aligned.",
                [
                    (LABEL_FREE, "unpaired spectra", "", calibration, None),
                    (NONE, "nothing", "", untouched, None),
                ],
                k, known[rows, k], None, _on_common(problem), level, seed, best,
            )
        )  # fmt: skip
    return fitting_of(target, problem, calibration, results, judged)


def _on_common(problem: Problem) -> SpectraTable | None:
    from dataclasses import replace

    if problem.test is None:
        return None
    return replace(problem.test, values=problem.common.of_target(problem.test.values))


def _ceiling(problem: Problem, told: FloatArray, name: str) -> float:
    test = _on_common(problem)
    assert test is not None
    known = test.reference[name]
    rows = np.isfinite(known)
    best = ceiling(problem.target_values, told[:, None], test.values[rows])
    return nan if best is None else float(np.sqrt(np.mean((best[:, 0] - known[rows]) ** 2)))


def _apart(table: SpectraTable, ids: frozenset[str]) -> tuple[SpectraTable, SpectraTable | None]:
    held = [k for k, name in enumerate(table.samples) if name in ids]
    groups = {table.groups[k] for k in held}
    rest = [k for k, group in enumerate(table.groups) if k not in held and group not in groups]
    return (table.take(rest), table.take(held)) if held else (table, None)


def _labelled(known: FloatArray, properties: Sequence[str]) -> NDArray[np.int64]:
    rows = np.flatnonzero(np.isfinite(known).all(axis=1))
    if len(rows) < LEAST_LABELLED:
        told = ", ".join(f"'{name}'" for name in properties)
        raise MismatchError(
            f"{len(rows)} samples have reference values of {told}; a calibration needs "
            f"{LEAST_LABELLED} at least.",
            hint="Join more reference values with convert --targets.",
        )
    return rows


def _result(
    name: str, unit: str, method: str, why: str,
    tried: Sequence[tuple[str, str, str, AffineSum, FloatArray | None]], column: int,
    known: FloatArray, nested: FloatArray | None, test: SpectraTable | None, level: float,
    seed: int, best: float,
) -> PropertyResult:  # fmt: skip
    known_test, rows = np.zeros(0), np.zeros(0, np.int64)
    if test is not None and name in test.reference:
        rows = np.flatnonzero(np.isfinite(test.reference[name]))
        known_test = test.reference[name][rows]
    values: dict[str, FloatArray] = {}
    table: list[MethodRow] = []
    for row_name, uses, chosen, calibration, left_out in tried:
        if len(rows) and test is not None:
            values[row_name] = calibration.predict(test.values[rows])[:, column]
        table.append(
            _row(
                row_name,
                uses,
                chosen,
                left_out,
                known,
                values.get(row_name),
                known_test,
                seed,
                best,
            )
        )
    value = values.get(method)
    judged = None if value is None else (known_test, value)
    residuals = np.zeros(0) if nested is None else nested - known
    interval = interval_of(residuals, level, judged)
    half = nan if interval.half_width is None else interval.half_width
    shown = None
    if value is not None and test is not None:
        ids = tuple(test.samples[row] for row in rows)
        shown = Predicted(ids, known_test, value, value - half, value + half)
    sec = float(np.sqrt(np.mean(residuals**2))) if len(residuals) else nan
    tests = iso_tests(known_test, value, sec) if value is not None else ()
    none = Predicted((), np.zeros(0), np.zeros(0), np.zeros(0), np.zeros(0))
    return PropertyResult(
        name, unit, method, why, tuple(table), {method: 1.0}, interval, none, shown, tests, None
    )


def _row(
    name: str, uses: str, chosen: str, left_out: FloatArray | None, known: FloatArray,
    value: FloatArray | None, known_test: FloatArray, seed: int, best: float,
) -> MethodRow:  # fmt: skip
    def number(found: float) -> float | None:
        return found if isfinite(found) else None

    cv = (nan, nan, nan)
    if left_out is not None:
        error = left_out - known
        cv = (float(np.sqrt(np.mean(error**2))), *bootstrap_rmse(error, seed))
    empty = np.zeros(0)
    told = figures_of(known_test if value is not None else empty, empty if value is None else value)
    span = (nan, nan) if value is None else bootstrap_rmse(value - known_test, seed)
    return MethodRow(
        name, uses, chosen, number(cv[0]), number(cv[1]), number(cv[2]), number(told.rmsep),
        number(span[0]), number(span[1]), number(told.r2), number(told.bias), number(told.slope),
        number(told.sep), number(told.rpd), 0, told.n,
        number(told.rmsep / best) if best > 0 else None, 0.0,
    )  # fmt: skip


__all__ = ["Interval", "fit_source", "fit_unlabelled"]
