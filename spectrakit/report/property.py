"""The part of a transfer report that concerns one property."""

from collections.abc import Sequence

from spectrakit.report import draw_methods, draw_values
from spectrakit.report.drawing import as_svg
from spectrakit.report.page import Content, Figure, Html, Row, badge, el, figures, join, name, table
from spectrakit.report.page import section as section_of
from spectrakit.report.text import (
    DASH,
    count,
    known,
    listing,
    number,
    percent,
    places,
    sentence,
    spread,
    with_unit,
)
from spectrakit.transfer.result import Interval, LearningCurve, MethodRow, PropertyResult


def chosen_row(result: PropertyResult) -> MethodRow | None:
    """Return the row of the method that the bundle uses, None where it has none."""
    return next((row for row in result.rows if row.method == result.method), None)


def decimals(result: PropertyResult) -> int:
    """Return the places for every error of a property: that in use shows three digits."""
    row = chosen_row(result)
    used = [] if row is None else [row.rmsep if known(row.rmsep) else row.cv_rmse]
    if any(known(error) and error for error in used):
        return places(used)
    return places(error for row in result.rows for error in (row.rmsep, row.cv_rmse))


def error_words(result: PropertyResult) -> str:
    """Return the error of the chosen method with its interval and what it was measured on."""
    row, unit, at = chosen_row(result), result.unit, decimals(result)
    if row is not None and known(row.rmsep):
        range_ = spread(row.rmsep_low, row.rmsep_high, at)
        value = with_unit(number(row.rmsep, at), unit)
        return _with_interval(f"RMSEP {value}", range_, count(row.n_test, "test sample"))
    if row is not None and known(row.cv_rmse):
        range_ = spread(row.cv_low, row.cv_high, at)
        value = with_unit(number(row.cv_rmse, at), unit)
        on = count(row.n_standards, "standard") + " left out in turn"
        return _with_interval(f"RMSE {value}", range_, on)
    return "error not known: no labelled sample of the new instrument was held back"


def interval_words(interval: Interval, unit: str, at: int) -> str:
    """Return what the prediction interval is and how it did, or why there is none."""
    level = percent(interval.level)
    if interval.half_width is None:
        return f"No {level} prediction interval: {sentence(interval.reason or 'no reason given')}"
    width = with_unit(number(interval.half_width, at), unit)
    words = (
        f"The {level} prediction interval is the predicted value ± {width}, "
        f"from {count(interval.n_residuals, 'residual')}."
    )
    if interval.coverage is not None:
        words += (
            f" It held {percent(interval.coverage)} of "
            f"{interval.n_coverage} {interval.coverage_of or 'samples'}."
        )
    return words if not interval.reason else f"{words} {sentence(interval.reason)}"


def section(
    result: PropertyResult, curves: Sequence[LearningCurve], identity: str, target: str
) -> Html:
    """Return everything about one property: figures, methods, tests, interval, curve."""
    at = decimals(result)
    own = [curve for curve in curves if curve.property == result.name]
    return section_of(
        identity,
        join("Results: ", name(result.name)),
        el(
            "p",
            "Method: ", el("strong", name(result.method)), ". ", sentence(result.why),
            " ", sentence(error_words(result)),
        ),
        figures(*_value_figures(result), *_method_figures(result), *map(curve_figure, own)),
        *(el("p", sentence(curve.says)) for curve in own if curve.says),
        el("p", interval_words(result.interval, result.unit, at)),
        _weights(result),
        method_table(result, target),
        _notes(result),
        iso_table(result),
    )  # fmt: skip


def method_table(result: PropertyResult, target: str) -> Html:
    """Return every method that was tried; the chosen one, references and refused ones marked."""
    at = decimals(result)
    unit = f" / {result.unit}" if result.unit else ""
    head: list[Content] = [
        "Method", f"RMSE of standards left out{unit}", f"RMSEP{unit}", "R²", f"Bias{unit}",
        "Slope", f"SEP{unit}", "RPD", "RMSEP over ceiling", "Standards", "Test samples", "CPU / s",
    ]  # fmt: skip
    rows = [_method_row(row, result, at) for row in result.rows]
    return table(
        f"Methods for {result.name} on {target}: errors with 95 % intervals in brackets",
        head,
        rows,
    )


def iso_table(result: PropertyResult) -> Html | None:
    """Return the tests of ISO 12099, None where none was made."""
    if not result.tests:
        return None
    units = {"bias": result.unit, "SEP": result.unit}
    rows = [
        Row(
            test.name,
            [
                with_unit(number(test.value, places([test.limit])), units.get(test.name, "")),
                with_unit(number(test.limit), units.get(test.name, "")),
                str(test.n),
                badge("pass", "passed") if test.passed else badge("fail", "failed"),
            ],
            None if test.passed else "bad",
        )
        for test in result.tests
    ]
    on = "test samples" if result.test is not None else "standards left out"
    return table(
        f"Tests of ISO 12099 for {result.name}, on {on}",
        ["Test", "Value", "Limit", "Samples", "Result"],
        rows,
    )


def curve_figure(curve: LearningCurve) -> Figure | None:
    """Return the learning curve as a figure, None where it has no points."""
    drawn = draw_methods.curve(curve)
    if drawn is None:
        return None
    first, last = curve.points[0], curve.points[-1]
    simulated = " Simulated: virtual instruments stand in for the new one." * curve.simulated
    unit = curve.unit
    return Figure(
        as_svg(drawn),
        f"Learning curve of {curve.property}: expected RMSEP falls from "
        f"{with_unit(number(first.rmsep), unit)} with {count(first.standards, 'standard')} to "
        f"{with_unit(number(last.rmsep), unit)} with {last.standards}.{simulated}",
        f"Error to expect with so many standards: median and 80 % of draws.{simulated}",
    )


def _value_figures(result: PropertyResult) -> list[Figure]:
    drawn = draw_values.predicted(result)
    left = draw_values.residuals(result)
    if drawn is None or left is None:
        return []
    n = draw_values.not_drawn(result)
    missing = f" {count(n, 'sample')} without known or predicted value not drawn." * bool(n)
    bars = " Vertical lines are prediction intervals." if _has_bars(result) else ""
    band = " The band is the prediction interval." if result.interval.half_width else ""
    return [
        Figure(
            as_svg(drawn),
            draw_values.alt_predicted(result),
            "Predicted against reference. Standards are predicted by models that did not see "
            f"them.{bars}{missing}",
        ),
        Figure(
            as_svg(left),
            f"Residuals of {result.name}: predicted minus reference over the reference.",
            f"What is left: predicted minus reference.{band}",
        ),
    ]


def _method_figures(result: PropertyResult) -> list[Figure]:
    drawn = draw_methods.forest(result)
    if drawn is None:
        return []
    rows = draw_methods.shown(result)
    return [
        Figure(
            as_svg(drawn),
            f"Errors of {count(len(rows), 'method')} for {result.name} with 95 % intervals; "
            f"smallest: {rows[0].method}. The table below holds the numbers.",
            "Methods, best on top, with 95 % intervals. Bold on blue: in use. "
            "Italic: trained on the new instrument itself, to compare with.",
        )
    ]


def _has_bars(result: PropertyResult) -> bool:
    parts = [part for part in (result.test, result.standards) if part is not None]
    return any(bool((part.lower == part.lower).any()) for part in parts)  # NaN is not itself


def _with_interval(value: str, range_: str, on: str) -> str:
    return f"{value} (95\u00a0% interval {range_}) on {on}" if range_ else f"{value} on {on}"


def _method_row(row: MethodRow, result: PropertyResult, at: int) -> Row:
    chosen = row.method == result.method
    marks: list[Html | None] = [badge("note", "in use") if chosen else None]
    if draw_methods.is_reference(row) and not chosen:
        marks.append(badge("note", "to compare with"))
    head = join(
        name(row.method),
        *(join(" ", mark) for mark in marks if mark is not None),
        el("span", "uses ", name(row.uses), class_="small") if row.uses else None,
        el("span", name(row.chosen), class_="small") if row.chosen else None,
    )
    if row.refused:
        return Row(head, [join(badge("fail", "refused"), " ", row.refused)], "refused", wide=True)
    cells = [
        _estimate(row.cv_rmse, row.cv_low, row.cv_high, at),
        _estimate(row.rmsep, row.rmsep_low, row.rmsep_high, at),
        number(row.r2, 3),
        number(row.bias, at),
        number(row.slope, 3),
        number(row.sep, at),
        number(row.rpd, 2),
        number(row.ceiling_ratio, 2),
        str(row.n_standards),
        str(row.n_test),
        number(row.seconds, 2),
    ]
    kind = "chosen" if chosen else "reference" if draw_methods.is_reference(row) else None
    return Row(head, cells, kind)


def _estimate(value: float | None, low: float | None, high: float | None, at: int) -> Content:
    range_ = spread(low, high, at)
    return join(number(value, at), el("span", f"({range_})", class_="small") if range_ else None)


def _weights(result: PropertyResult) -> Html | None:
    if not result.weights:
        return None
    ordered = sorted(result.weights.items(), key=lambda item: -item[1])
    words = listing((f"{family} {number(weight, 2)}" for family, weight in ordered), 30)
    return el("p", f"Weights in the average: {words}.")


def _notes(result: PropertyResult) -> Html | None:
    """Say why a column of the method table holds –."""
    rows = [row for row in result.rows if not row.refused]
    reasons: list[str] = []
    if any(not known(row.cv_rmse) for row in rows):
        reasons.append("RMSE of standards left out: the method uses no standards, or too few")
    if any(not known(row.rmsep) for row in rows):
        reasons.append("RMSEP, R², bias, slope, SEP and RPD: no labelled test samples")
    if any(not known(row.ceiling_ratio) for row in rows):
        reasons.append(
            "RMSEP over ceiling (a model trained on the target with all its labels): "
            "fewer than 40 labelled target samples"
        )
    if not reasons:
        return None
    return el("p", f"{DASH} means not known. {'; '.join(reasons)}.", class_="small")
