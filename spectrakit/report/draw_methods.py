"""Figures of choices: methods side by side with their intervals, and the learning curve."""

from collections.abc import Sequence
from math import isfinite, nan
from typing import TYPE_CHECKING

from spectrakit.report.drawing import BLUE, FAINT, INK, SOFT, canvas, key, label, quantity
from spectrakit.report.text import known
from spectrakit.transfer.result import LearningCurve, MethodRow, PropertyResult

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure as Canvas

_LOG_FROM = 12.0  # worst over best: wider than that a linear axis shows only the worst


def is_reference(row: MethodRow) -> bool:
    """Say whether a row is there to compare with: trained on the target itself."""
    return row.method.startswith(("target-only", "ceiling"))


def shown(result: PropertyResult) -> list[MethodRow]:
    """Return the rows that have an error to draw, best first by what decides between them."""
    rows = [row for row in result.rows if known(row.rmsep) or known(row.cv_rmse)]
    return sorted(rows, key=lambda row: _error(row, on_test(result)))


def on_test(result: PropertyResult) -> bool:
    """Say whether test samples give the errors, or else standards left out."""
    return any(known(row.rmsep) for row in result.rows)


def forest(result: PropertyResult) -> "Canvas | None":
    """Draw the error of every method with its 95 % interval, best on top."""
    rows = shown(result)
    if not rows:
        return None
    longest = max(len(label(row.method, 24)) for row in rows)
    height = 0.95 + 0.3 * len(rows)
    drawing, axes = canvas(height=max(height, 1.7), left=max(0.72, 0.42 + 0.078 * longest))
    test = on_test(result)
    error = "RMSEP" if test else "RMSE (left out)"
    for colour in (SOFT, INK, BLUE):
        same = [(k, row) for k, row in enumerate(rows) if _colour(row, result) == colour]
        below = 0.2 if test else 0.0
        left_out = [(k + below, row.cv_rmse, row.cv_low, row.cv_high) for k, row in same]
        if test:
            tested = [(k - 0.11, row.rmsep, row.rmsep_low, row.rmsep_high) for k, row in same]
            _bars(axes, left_out, FAINT, "s", False)
            _bars(axes, tested, colour, "o", True)
        else:
            _bars(axes, left_out, colour, "s", False)
        if colour == BLUE:
            for k, _ in same:
                axes.axhspan(k - 0.45, k + 0.5, color=BLUE, alpha=0.09, linewidth=0)
    axes.set_ylim(len(rows) - 0.4, -0.6)
    axes.set_yticks(range(len(rows)), [label(row.method, 24) for row in rows])
    for tick, row in zip(axes.get_yticklabels(), rows, strict=True):
        if row.method == result.method:
            tick.set_fontweight("bold")
            tick.set_color(BLUE)
        elif is_reference(row):
            tick.set_fontstyle("italic")
    axes.tick_params(axis="y", length=0)
    axes.spines["left"].set_visible(False)
    axes.grid(axis="x", color=FAINT, alpha=0.35, linewidth=0.6)
    axes.set_axisbelow(True)
    _span(axes, rows, test)
    axes.set_xlabel(quantity(f"{error} of {result.name}", result.unit, 44), x=1.0, ha="right")
    if test:
        _bars(axes, [], SOFT, "o", True, "Test samples")
        _bars(axes, [], FAINT, "s", False, "Standards left out")
        key(axes)
    return drawing


def curve(result: LearningCurve) -> "Canvas | None":
    """Draw the error to expect over the number of standards, with its 80 % range."""
    points = [point for point in result.points if isfinite(point.rmsep)]
    if not points:
        return None
    drawing, axes = canvas()
    n = [point.standards for point in points]
    style = "--" if result.simulated else "-"
    axes.fill_between(
        n, [point.low for point in points], [point.high for point in points],
        color=BLUE, alpha=0.15, linewidth=0, label="80 % of draws",
    )  # fmt: skip
    axes.plot(
        n, [point.rmsep for point in points], color=BLUE, linestyle=style, marker="o",
        markersize=4, linewidth=1.6, label="Median (simulated)" if result.simulated else "Median",
    )  # fmt: skip
    top = max([p.high for p in points if isfinite(p.high)] + [p.rmsep for p in points])
    axes.set_ylim(0, 1.08 * top or 1.0)
    if result.simulated:
        axes.text(
            0.5, 0.06, "simulated", transform=axes.transAxes, ha="center",
            color=SOFT, alpha=0.55, fontsize=19,
        )  # fmt: skip
    if result.worth is not None:
        axes.axvline(result.worth, color=INK, linewidth=0.9, linestyle=":")
        late = result.worth > (min(n) + max(n)) / 2
        axes.annotate(
            f"{result.worth} standards", (result.worth, 1.0), xycoords=("data", "axes fraction"),
            xytext=(-4 if late else 4, -2), textcoords="offset points", va="top",
            ha="right" if late else "left", fontsize=8.5,
        )  # fmt: skip
    axes.set_xticks(n if len(n) <= 10 else n[:: -(-len(n) // 10)])
    axes.set_xlabel("Standards measured on the new instrument")
    axes.set_ylabel(quantity(f"Expected RMSEP of {result.property}", result.unit))
    key(axes)
    return drawing


def _error(row: MethodRow, test: bool) -> float:
    value = row.rmsep if test else row.cv_rmse
    return value if value is not None and isfinite(value) else float("inf")


def _colour(row: MethodRow, result: PropertyResult) -> str:
    return BLUE if row.method == result.method else INK if is_reference(row) else SOFT


def _bars(
    axes: "Axes",
    estimates: Sequence[tuple[float, float | None, float | None, float | None]],
    colour: str,
    mark: str,
    filled: bool,
    name: str | None = None,
) -> None:
    """Draw estimates (height, value, low, high) as marks on their intervals, in one go."""
    there = [
        (at, *(end if end is not None and isfinite(end) else nan for end in (value, low, high)))
        for at, value, low, high in estimates
        if value is not None and isfinite(value)
    ]
    ends = [x for _, _, low, high in there for x in (low, high, nan)]
    heights = [y for at, *_ in there for y in (at, at, nan)]
    axes.plot(ends, heights, color=colour, linewidth=1.4)
    axes.plot(
        [value for _, value, _, _ in there], [at for at, *_ in there], linestyle="none",
        marker=mark, markersize=5.5 if filled else 4.5, color=colour, markeredgewidth=1.1,
        markerfacecolor=colour if filled else "white", label=name, zorder=3,
    )  # fmt: skip


def _span(axes: "Axes", rows: list[MethodRow], test: bool) -> None:
    """Let the axis hold every estimate and the intervals that are not absurdly wide."""
    ends = [
        value
        for row in rows
        for value in (row.cv_rmse, row.cv_low, row.cv_high)
        + ((row.rmsep, row.rmsep_low, row.rmsep_high) if test else ())
        if value is not None and isfinite(value) and value > 0
    ]
    if not ends:
        return
    low, high = min(ends), max(ends)
    if high / low > _LOG_FROM:
        from matplotlib.ticker import LogLocator, NullLocator, ScalarFormatter

        axes.set_xscale("log")
        axes.xaxis.set_major_locator(LogLocator(subs=(1.0, 2.0, 5.0), numticks=8))
        axes.xaxis.set_major_formatter(ScalarFormatter())
        axes.xaxis.set_minor_locator(NullLocator())
        axes.set_xlim(low / 1.2, high * 1.2)
    else:
        axes.set_xlim(max(0.0, low - 0.12 * (high - low)), high + 0.06 * (high - low) or 1.0)
