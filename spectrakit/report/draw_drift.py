"""Control charts: residuals of control samples, and Q and T² of their spectra, in order."""

from collections.abc import Sequence
from math import isfinite
from typing import TYPE_CHECKING

from spectrakit.report.drawing import BLUE, INK, RED, SOFT, canvas, key, label, quantity
from spectrakit.transfer.result import ControlLimits, DriftPoint

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure as Canvas

_RIGHT = 0.68  # inches for the names of limits
_TICKS = 4  # dates that fit below a chart


def state(point: DriftPoint, limits: ControlLimits | None) -> str:
    """Return "action", "warning", "within" or "" (no known value or no limit)."""
    if limits is None or not isfinite(point.residual):
        return ""
    off = abs(point.residual - limits.centre)
    if isfinite(limits.action) and off > limits.action:
        return "action"
    return "warning" if isfinite(limits.warning) and off > limits.warning else "within"


def control_chart(points: Sequence[DriftPoint], limits: ControlLimits) -> "Canvas | None":
    """Draw the residuals of one property over the measurements with their limits."""
    there = [(k, point) for k, point in enumerate(points) if isfinite(point.residual)]
    if not there:
        return None
    drawing, axes = canvas(right=_RIGHT)
    axes.axhline(limits.centre, color=SOFT, linewidth=0.9)
    for half, words, colour, style in (
        (limits.warning, "warning", SOFT, "--"), (limits.action, "action", RED, "-"),
    ):  # fmt: skip
        if isfinite(half):
            for side in (limits.centre - half, limits.centre + half):
                axes.axhline(side, color=colour, linewidth=1.0, linestyle=style)
            _beside_line(axes, limits.centre + half, words, colour)
    axes.plot(
        [k for k, _ in there], [point.residual for _, point in there],
        color=BLUE, alpha=0.45, linewidth=0.9,
    )  # fmt: skip
    for which, words, colour, mark, face in (
        ("within", "Within limits", BLUE, "o", BLUE), ("warning", "Warning", INK, "s", "white"),
        ("action", "Action", RED, "D", RED), ("", "No limit", SOFT, "o", "white"),
    ):  # fmt: skip
        some = [(k, point.residual) for k, point in there if state(point, limits) == which]
        if some:
            axes.plot(
                [k for k, _ in some], [value for _, value in some], linestyle="none", marker=mark,
                color=colour, markerfacecolor=face, markersize=5, label=f"{words} ({len(some)})",
            )  # fmt: skip
    halves = [half for half in (limits.warning, limits.action) if isfinite(half)]
    reach = max([abs(point.residual - limits.centre) for _, point in there] + halves)
    reach = 1.15 * reach or 1.0
    axes.set_ylim(limits.centre - reach, limits.centre + reach)
    _days(axes, points)
    axes.set_ylabel(quantity(f"Error of {limits.property}", limits.unit))
    key(axes)
    return drawing


def distance_chart(points: Sequence[DriftPoint], of: str, limit: float) -> "Canvas | None":
    """Draw Q (``of="q"``) or T² (``of="t2"``) of every measurement against its limit."""
    values = [point.q if of == "q" else point.t2 for point in points]
    there = [(k, value) for k, value in enumerate(values) if isfinite(value)]
    if not there:
        return None
    drawing, axes = canvas(right=_RIGHT)
    axes.plot(*zip(*there, strict=True), color=BLUE, alpha=0.45, linewidth=0.9)
    beyond = [(k, value) for k, value in there if isfinite(limit) and value > limit]
    within = [pair for pair in there if pair not in beyond]
    for some, words, colour, mark in (
        (within, "Within the limit", BLUE, "o"), (beyond, "Beyond", RED, "D"),
    ):  # fmt: skip
        if some:
            axes.plot(
                *zip(*some, strict=True), linestyle="none", marker=mark, color=colour,
                markersize=5, label=f"{words} ({len(some)})" if isfinite(limit) else "No limit",
            )  # fmt: skip
    if isfinite(limit):
        axes.axhline(limit, color=RED, linewidth=1.0)
        _beside_line(axes, limit, "limit", RED)
    top = max([value for _, value in there] + ([limit] if isfinite(limit) else []))
    axes.set_ylim(0, 1.15 * top or 1.0)
    _days(axes, points)
    axes.set_ylabel("Q (spectral residual)" if of == "q" else "Hotelling T²")
    key(axes)
    return drawing


def moment(point: DriftPoint) -> str:
    """Return when a measurement was made: its date, else its file."""
    return point.when or point.file


def _beside_line(axes: "Axes", at: float, words: str, colour: str) -> None:
    axes.annotate(
        words, (1.0, at), xycoords=("axes fraction", "data"), xytext=(4, 0),
        textcoords="offset points", ha="left", va="center", fontsize=8.5, color=colour,
    )  # fmt: skip


def _days(axes: "Axes", points: Sequence[DriftPoint]) -> None:
    """Name some of the measurements below the chart, the first and the last among them."""
    n = len(points)
    ticks = min(n, _TICKS if max(len(moment(point)) for point in points) < 9 else _TICKS - 1)
    shown = sorted({round(k * (n - 1) / max(1, ticks - 1)) for k in range(ticks)})
    axes.set_xticks(shown, [label(moment(points[k]), 11) for k in shown])
    axes.set_xlim(-0.04 * n - 0.4, 1.04 * n - 0.6)
    axes.set_xlabel("Measurements, oldest first")
