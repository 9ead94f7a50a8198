"""The report of drift: control charts of daily standards, and what to do."""

from pathlib import Path

from spectrakit.report import draw_drift
from spectrakit.report.drawing import as_svg, house_style
from spectrakit.report.page import (
    Figure,
    Html,
    Row,
    badge,
    box,
    bullets,
    el,
    figures,
    join,
    name,
    page,
    section,
    table,
    write_page,
)
from spectrakit.report.parts import about_section
from spectrakit.report.text import count, known, number, places, sentence, with_unit
from spectrakit.transfer.result import ControlLimits, DriftPoint, DriftResult

_MOST_ROWS = 300  # of the table; the charts show all
_ADVICE = {
    "keep": ("good", "Keep the calibration as it is."),
    "watch": ("note", "Watch it: keep the calibration, measure control samples more often."),
    "bias correction": ("warning", "Correct the bias before reporting more results."),
    "transfer again": ("warning", "Transfer the calibration again before reporting more results."),
}  # fmt: skip


def write_drift_report(result: DriftResult, path: Path, title: str) -> None:
    """Write the control charts and the advice as one HTML file; same result, same bytes.

    Raises:
        InputError: the file cannot be written.
    """
    with house_style():
        parts: list[tuple[str, str, Html | None]] = [
            ("summary", "Summary", _summary(result)),
            ("charts", "Control charts", _charts(result)),
            ("spectra", "Spectra", _distances(result)),
            ("measurements", "Measurements", _measurements(result)),
            ("about", "Parameters and versions", about_section(result.about)),
        ]
    lead = join("Control of ", name(result.bundle), " on ", name(result.target))
    write_page(path, page(title, lead, parts))


def _summary(result: DriftResult) -> Html:
    kind, advice = _ADVICE.get(result.verdict, ("note", sentence(result.verdict)))
    days = list(dict.fromkeys(draw_drift.moment(point) for point in _measured(result)))
    when = None
    if days:
        n = count(len(_measured(result)), "measurement")
        until = [" to ", name(days[-1])] if len(days) > 1 else []
        when = el("p", f"{n} of control samples, ", name(days[0]), *until, ".")
    return section(
        "summary",
        "Summary",
        box(kind, advice, bullets([sentence(reason) for reason in result.reasons])),
        when,
        _counts(result),
    )


def _counts(result: DriftResult) -> Html | None:
    rows: list[Row] = []
    for limits in result.limits:
        points = [point for point in result.points if point.property == limits.property]
        states = [draw_drift.state(point, limits) for point in points]
        errors = [point.residual for point in points if known(point.residual)]
        at = places([limits.action, limits.warning])
        mean = sum(errors) / len(errors) if errors else None
        cells = [
            str(len(errors)),
            with_unit(number(mean, at), limits.unit),
            with_unit(number(limits.warning, at), limits.unit),
            with_unit(number(limits.action, at), limits.unit),
            str(states.count("warning")),
            str(states.count("action")),
        ]
        rows.append(Row(name(limits.property), cells, "bad" if "action" in states else None))
    if not rows:
        return None
    head = ["Property", "With known value", "Mean error", "Warning limit ±", "Action limit ±",
            "Beyond warning", "Beyond action"]  # fmt: skip
    return table("Errors of the control samples (predicted minus known)", head, rows)


def _charts(result: DriftResult) -> Html:
    drawn: list[Figure] = []
    missing: list[Html] = []
    for limits in result.limits:
        points = [point for point in result.points if point.property == limits.property]
        chart = draw_drift.control_chart(points, limits)
        if chart is None:
            missing.append(
                el("p", name(limits.property), ": no control sample with a known value.")
            )
            continue
        states = [draw_drift.state(point, limits) for point in points]
        drawn.append(
            Figure(
                as_svg(chart),
                f"Control chart of {limits.property}: {states.count('within')} within limits, "
                f"{states.count('warning')} beyond the warning limit, "
                f"{states.count('action')} beyond the action limit.",
                f"{limits.property}: predicted minus known value of each control measurement, "
                "with the limits stored at the transfer.",
            )
        )
    return section("charts", "Control charts", figures(*drawn), *missing)


def _distances(result: DriftResult) -> Html | None:
    points = _measured(result)
    drawn: list[Figure] = []
    for of, words, limit in (("q", "Q", result.q_limit), ("t2", "T²", result.t2_limit)):
        chart = draw_drift.distance_chart(points, of, limit)
        if chart is None:
            continue
        values = [point.q if of == "q" else point.t2 for point in points]
        beyond = sum(value > limit for value in values)
        against = f"{beyond} of {len(values)} beyond the limit {number(limit)}"
        drawn.append(
            Figure(
                as_svg(chart),
                f"Chart of {words} of every measurement: {against}.",
                f"{words} of every spectrum: " + (
                    "what the calibration cannot explain." if of == "q" else
                    "how far it lies from the centre of the calibration."
                ),
            )
        )  # fmt: skip
    return section("spectra", "Spectra of the control samples", figures(*drawn)) if drawn else None


def _measurements(result: DriftResult) -> Html | None:
    if not result.points:
        return None
    shown = result.points[-_MOST_ROWS:]
    by_property = {limits.property: limits for limits in result.limits}
    rows = [_row(point, by_property.get(point.property), result) for point in shown]
    less = len(result.points) - len(shown)
    head = ["When", "Property", "Sample", "Error", "State", "Predicted", "Known", "Q", "T²"]
    return section(
        "measurements",
        "Measurements",
        el("p", f"The last {len(shown)}; {less} before them are not listed.") if less else None,
        table("Every control measurement", head, rows, text=2),
    )


def _row(point: DriftPoint, limits: ControlLimits | None, result: DriftResult) -> Row:
    unit = limits.unit if limits is not None else ""
    at = places([limits.action, limits.warning]) if limits is not None else None
    state = draw_drift.state(point, limits)
    odd = point.q > result.q_limit or point.t2 > result.t2_limit
    marks = {"action": badge("fail", "action"), "warning": badge("note", "warning"),
             "within": badge("pass", "within"), "": Html("–")}  # fmt: skip
    cells = [
        name(point.property),
        name(point.sample),
        with_unit(number(point.residual, at), unit),
        join(marks[state], " ", badge("fail", "spectrum") if odd else None),
        with_unit(number(point.predicted, at), unit),
        with_unit(number(point.known, at), unit),
        number(point.q),
        number(point.t2),
    ]
    head = join(
        name(point.when or point.file),
        el("span", name(point.file), class_="small") if point.when else None,
    )
    return Row(head, cells, "bad" if state == "action" or odd else None)


def _measured(result: DriftResult) -> list[DriftPoint]:
    """Return one point for each measurement, whatever number of properties it gave."""
    unique: dict[tuple[str, str, str], DriftPoint] = {}
    for point in result.points:
        unique.setdefault((point.when, point.file, point.sample), point)
    return list(unique.values())
