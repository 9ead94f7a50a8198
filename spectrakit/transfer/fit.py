"""A whole transfer with standards: sweep, choice, intervals, gates, as one result."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from math import isfinite, nan

import numpy as np
from numpy.typing import NDArray

from spectrakit.transfer.affine import AffineSum, GraphTerm, Term
from spectrakit.transfer.automatic import automatic
from spectrakit.transfer.bases import PREPROCESSINGS
from spectrakit.transfer.ceiling import ceiling, ridge_average
from spectrakit.transfer.figures import bootstrap_rmse, figures_of, iso_tests
from spectrakit.transfer.gates import check_skill
from spectrakit.transfer.intervals import interval_of, represented
from spectrakit.transfer.methods import Fitted, Method
from spectrakit.transfer.problem import Problem
from spectrakit.transfer.result import Gate, Interval, MethodRow, Predicted, PropertyResult
from spectrakit.transfer.standard_samples import Standards
from spectrakit.transfer.sweep import Swept, sweep

FloatArray = NDArray[np.float64]
AUTO = "auto"


@dataclass(frozen=True, slots=True)
class Outcome:
    """What was fitted for some properties.

    Attributes:
        calibration: of the chosen method, for all properties in order.
        properties: results in the same order.
        gates: that need the fit.
    """

    calibration: AffineSum
    properties: tuple[PropertyResult, ...]
    gates: tuple[Gate, ...]


def fit_properties(
    problem: Problem, properties: Sequence[str], methods: Sequence[Method], choice: str,
    level: float, seed: int, advance: Callable[[int], None] = lambda n: None,
) -> Outcome:  # fmt: skip
    """Fit every method for every property and choose.

    Args:
        problem: with at least two standards.
        properties: names.
        methods: to sweep.
        choice: ``auto`` or the name of a method.
        level: of the intervals.
        seed: of everything random.
        advance: called with 1 after each method and group of properties.

    Raises:
        MismatchError: too few labels, or the chosen method cannot be fitted.
    """
    parts: list[tuple[tuple[int, ...], AffineSum]] = []
    results: dict[int, PropertyResult] = {}
    gates: list[Gate] = []
    for columns in alike(problem, properties):
        names = [properties[column] for column in columns]
        data = problem.data(names)
        test = None if problem.test is None else problem.common.of_target(problem.test.values)
        swept = sweep(methods, data, test, seed, advance=advance)
        fitted, nested, name, weights, why = _chosen(swept, data, choice)
        parts.append((columns, fitted.calibration))
        stand_for = None if nested is None else represented(data.source, data.twins)
        for place, column in enumerate(columns):
            one, gate = _property(
                problem, names[place], place, names, data, swept, fitted, nested, name, weights,
                why, test, level, seed, stand_for,
            )  # fmt: skip
            results[column] = one
            if gate is not None:
                gates.append(gate)
    return Outcome(
        joined(parts, len(properties)),
        tuple(results[column] for column in range(len(properties))),
        tuple(gates),
    )


def alike(problem: Problem, properties: Sequence[str]) -> list[tuple[int, ...]]:
    """Group properties that are known for the same samples: they are fitted together."""
    known = np.isfinite(problem.known(properties))
    groups: dict[bytes, list[int]] = {}
    for column in range(len(properties)):
        groups.setdefault(known[:, column].tobytes(), []).append(column)
    return [tuple(columns) for columns in groups.values()]


def joined(parts: Sequence[tuple[tuple[int, ...], AffineSum]], k: int) -> AffineSum:
    """Return one calibration of k properties from calibrations of some of them."""
    if len(parts) == 1:
        return parts[0][1]
    terms: list[Term] = []
    graphs: list[GraphTerm] = []
    for columns, one in parts:
        for graph in one.graphs:
            place = np.zeros((len(graph.place), k))
            place[:, columns] = graph.place
            graphs.append(GraphTerm(graph.model, graph.predict, place))
        for term in one.terms:
            wide = np.zeros((len(term.slope), k))
            wide[:, columns] = term.slope
            limits = [np.full(k, -np.inf), np.full(k, np.inf)]
            offset, weight = np.zeros(k), np.zeros(k)
            offset[list(columns)], weight[list(columns)] = term.offset, term.weight
            limits[0][list(columns)], limits[1][list(columns)] = term.low, term.high
            terms.append(Term(term.basis, wide, offset, weight, limits[0], limits[1]))
    return AffineSum(tuple(terms), tuple(graphs))


def _chosen(
    swept: Sequence[Swept], data: Standards, choice: str
) -> tuple[Fitted, FloatArray | None, str, dict[str, float], str]:
    from spectrakit.errors import MismatchError

    if choice == AUTO:
        fitted, nested, weights, why = automatic(swept, data.labels)
        return fitted, nested, AUTO, weights, why
    one = next(one for one in swept if one.method.name == choice)
    if one.fitted is None:
        raise MismatchError(
            f"--method {choice} cannot be fitted: {one.refused}.",
            hint="Choose another, or --method auto.",
        )
    return one.fitted, one.nested, choice, {choice: 1.0}, f"{choice} was asked for."


def _property(
    problem: Problem, name: str, place: int, names: Sequence[str], data: Standards,
    swept: Sequence[Swept], fitted: Fitted, nested: FloatArray | None, method: str,
    weights: dict[str, float], why: str, test: FloatArray | None, level: float, seed: int,
    stand_for: FloatArray | None,
) -> tuple[PropertyResult, Gate | None]:  # fmt: skip
    labels = data.labels[:, place]
    known_test = np.zeros(0)
    rows_test = np.zeros(0, np.int64)
    value_test: FloatArray | None = None
    ceiling_rmse = nan
    if problem.test is not None and test is not None and name in problem.test.reference:
        all_known = problem.test.reference[name]
        rows_test = np.flatnonzero(np.isfinite(all_known))
        known_test = all_known[rows_test]
        value_test = fitted.calibration.predict(test[rows_test])[:, place]
        ceiling_rmse = _ceiling_rmse(problem, name, test[rows_test], known_test)
    left_out = None if nested is None else nested[:, place]
    residuals = np.zeros(0) if left_out is None else left_out - labels
    judged = None if value_test is None else (known_test, value_test)
    interval = interval_of(residuals, level, judged, stand_for)
    rows = [_row(one, place, labels, known_test, rows_test, ceiling_rmse, seed) for one in swept]
    if method == AUTO:
        chosen = _figures_row(
            AUTO, "labels", why, left_out, labels, value_test, known_test, ceiling_rmse, seed,
            sum(row.seconds for row in rows),
        )  # fmt: skip
        rows.insert(0, chosen)
    sec = _sec(data, place)
    if value_test is not None and problem.test is not None and len(known_test):
        shown = _predicted(
            tuple(problem.test.samples[row] for row in rows_test), known_test, value_test, interval
        )
        tests = iso_tests(known_test, value_test, sec)
    else:
        shown = None
        tests = iso_tests(labels, left_out, sec) if left_out is not None else ()
    standards = _predicted(
        problem.standard_ids, labels, np.full(len(labels), nan) if left_out is None else left_out,
        interval,
    )  # fmt: skip
    told = problem.source.reference_sd.get(name, np.zeros(0))
    sel = float(np.nanmean(told)) if np.isfinite(told).any() else None
    result = PropertyResult(
        name, problem.source.units.get(name, ""), method, why, tuple(rows), weights, interval,
        standards, shown, tests, sel,
    )  # fmt: skip
    return result, check_skill(left_out, labels, name)


def _sec(data: Standards, place: int) -> float:
    """Return the standard error of the best source calibration, left-out samples predicted."""
    known = data.known[:, [place]]
    errors = [ridge_average(data.source, known, (one.name,))[1] for one in PREPROCESSINGS]
    return min(float(np.sqrt(np.mean(error**2))) for error in errors)


def _ceiling_rmse(problem: Problem, name: str, test: FloatArray, known_test: FloatArray) -> float:
    known = problem.target.reference.get(name)
    if known is None or not len(known_test):
        return nan
    best = ceiling(problem.target_values, known[:, None], test)
    return nan if best is None else float(np.sqrt(np.mean((best[:, 0] - known_test) ** 2)))


def _predicted(
    samples: tuple[str, ...], known: FloatArray, value: FloatArray, interval: Interval
) -> Predicted:
    half = nan if interval.half_width is None else interval.half_width
    return Predicted(samples, known, value, value - half, value + half)


def _row(
    one: Swept, place: int, labels: FloatArray, known_test: FloatArray,
    rows_test: NDArray[np.int64], ceiling_rmse: float, seed: int,
) -> MethodRow:  # fmt: skip
    nested = None if one.nested is None else one.nested[:, place]
    value = None if one.test is None or not len(rows_test) else one.test[rows_test, place]
    chosen = "" if one.fitted is None else one.fitted.chosen[place]
    return _figures_row(
        one.method.name, one.method.uses, chosen, nested, labels, value, known_test, ceiling_rmse,
        seed, one.seconds, one.refused,
    )  # fmt: skip


def _figures_row(
    name: str, uses: str, chosen: str, nested: FloatArray | None, labels: FloatArray,
    value: FloatArray | None, known_test: FloatArray, ceiling_rmse: float, seed: int,
    seconds: float, refused: str = "",
) -> MethodRow:  # fmt: skip
    def number(found: float) -> float | None:
        return found if isfinite(found) else None

    cv = (nan, nan, nan)
    if nested is not None:
        error = nested - labels
        cv = (float(np.sqrt(np.mean(error**2))), *bootstrap_rmse(error, seed))
    empty = np.zeros(0)
    told = figures_of(known_test if value is not None else empty, empty if value is None else value)
    span = (nan, nan) if value is None else bootstrap_rmse(value - known_test, seed)
    return MethodRow(
        method=name,
        uses=uses,
        chosen=chosen,
        cv_rmse=number(cv[0]),
        cv_low=number(cv[1]),
        cv_high=number(cv[2]),
        rmsep=number(told.rmsep),
        rmsep_low=number(span[0]),
        rmsep_high=number(span[1]),
        r2=number(told.r2),
        bias=number(told.bias),
        slope=number(told.slope),
        sep=number(told.sep),
        rpd=number(told.rpd),
        n_standards=len(labels),
        n_test=told.n,
        ceiling_ratio=number(told.rmsep / ceiling_rmse) if ceiling_rmse > 0 else None,
        seconds=seconds,
        refused=refused,
    )
