"""Figures of predictions: against the reference, what is left, and where the standards lie."""

from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from spectrakit.report.drawing import BLUE, FAINT, INK, RED, SOFT, canvas, key, quantity
from spectrakit.report.text import with_unit
from spectrakit.transfer.result import Predicted, PropertyResult

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure as Canvas

FloatArray = NDArray[np.float64]
_LARGEST = 1e100  # beyond, differences overflow
MOST_LABELS = 25  # numbers beside points; more would cover each other


def predicted(result: PropertyResult) -> "Canvas | None":
    """Draw predicted against reference values with intervals and the 1:1 line."""
    sets = _sets(result)
    if not sets:
        return None
    drawing, axes = canvas()
    ends = [np.concatenate([part.known, part.value]) for _, part, *_ in sets]
    low, high = _padded(np.concatenate(ends))
    axes.axline((low, low), slope=1.0, color=SOFT, linewidth=0.9, zorder=1)
    for words, part, colour, mark, filled in sets:
        bars = np.isfinite(part.lower) & np.isfinite(part.upper)
        if bars.any():
            axes.vlines(
                part.known[bars], part.lower[bars], part.upper[bars],
                color=colour, alpha=0.35 if len(part.known) < 100 else 0.15, linewidth=1.0,
            )  # fmt: skip
        _marks(axes, part.known, part.value, words, colour, mark, filled)
    axes.set_xlim(low, high)
    axes.set_ylim(low, high)
    axes.text(
        1.01, 1.0, "1:1", transform=axes.transAxes, ha="left", va="center",
        color=SOFT, fontsize=8.5,
    )  # fmt: skip
    axes.set_xlabel(quantity(f"Reference {result.name}", result.unit))
    axes.set_ylabel(quantity(f"Predicted {result.name}", result.unit))
    key(axes)
    return drawing


def residuals(result: PropertyResult) -> "Canvas | None":
    """Draw predicted minus reference over the reference, with the prediction interval."""
    sets = _sets(result)
    if not sets:
        return None
    drawing, axes = canvas()
    half = result.interval.half_width
    if half is not None and np.isfinite(half):
        axes.axhspan(-half, half, color=FAINT, alpha=0.3, linewidth=0, zorder=0)
        axes.axhline(half, color=SOFT, linewidth=0.8, linestyle="--")
        axes.axhline(-half, color=SOFT, linewidth=0.8, linestyle="--")
    axes.axhline(0.0, color=SOFT, linewidth=0.9)
    for words, part, colour, mark, filled in sets:
        _marks(axes, part.known, part.value - part.known, words, colour, mark, filled)
    reach = max(float(np.abs(part.value - part.known).max()) for _, part, *_ in sets)
    reach = 1.15 * max(reach, half if half is not None and np.isfinite(half) else 0.0) or 1.0
    axes.set_ylim(-reach, reach)
    axes.set_xlim(*_padded(np.concatenate([part.known for _, part, *_ in sets])))
    axes.set_xlabel(quantity(f"Reference {result.name}", result.unit))
    axes.set_ylabel(quantity("Predicted minus reference", result.unit))
    key(axes)
    return drawing


def scores(points: FloatArray, chosen: NDArray[np.int64]) -> "Canvas":
    """Draw the samples in the plane of two principal components, the chosen ones numbered."""
    drawing, axes = canvas()
    there = np.isfinite(points.sum(axis=1))
    others = np.setdiff1d(np.flatnonzero(there), chosen)
    picked = [(k + 1, int(row)) for k, row in enumerate(chosen) if there[row]]
    _marks(
        axes, points[others, 0], points[others, 1], f"Other samples ({len(others)})", FAINT,
        "o", True, size=4.5,
    )  # fmt: skip
    rows = np.array([row for _, row in picked], dtype=np.int64)
    _marks(
        axes, points[rows, 0], points[rows, 1], f"Chosen ({len(rows)})", BLUE, "D", True, size=6.0
    )
    if len(picked) <= MOST_LABELS:
        for order, row in picked:
            axes.annotate(
                str(order), (float(points[row, 0]), float(points[row, 1])),
                xytext=(4, 3), textcoords="offset points", fontsize=8, color=INK,
            )  # fmt: skip
    axes.set_xlabel("Score on principal component 1")
    axes.set_ylabel("Score on principal component 2")
    axes.margins(0.08)
    key(axes)
    return drawing


def _sets(result: PropertyResult) -> list[tuple[str, Predicted, str, str, bool]]:
    """Return what has known and predicted values: (name, values, colour, mark, filled)."""
    named = [("Test samples", result.test, BLUE, "o", True)]
    named.append(("Standards, left out", result.standards, RED, "s", False))
    shown: list[tuple[str, Predicted, str, str, bool]] = []
    for words, part, colour, mark, filled in named:
        if part is None:
            continue
        there = np.flatnonzero(_drawable(part))
        if len(there):
            kept = Predicted(
                tuple(part.samples[k] for k in there), part.known[there], part.value[there],
                part.lower[there], part.upper[there],
            )  # fmt: skip
            shown.append((f"{words} ({len(there)})", kept, colour, mark, filled))
    return shown


def _drawable(part: Predicted) -> NDArray[np.bool_]:
    return (np.abs(part.known) < _LARGEST) & (np.abs(part.value) < _LARGEST)  # NaN is not less


def not_drawn(result: PropertyResult) -> int:
    """Return how many samples lack a known or a predicted value that can be drawn."""
    parts = [part for part in (result.test, result.standards) if part is not None]
    return sum(int((~_drawable(part)).sum()) for part in parts)


def _marks(
    axes: "Axes",
    x: FloatArray,
    y: FloatArray,
    words: str,
    colour: str,
    mark: str,
    filled: bool,
    size: float = 5.0,
) -> None:
    if not len(x):
        return
    axes.plot(
        x, y, linestyle="none", marker=mark, markersize=size if len(x) < 150 else 0.7 * size,
        label=words, color=colour,
        markerfacecolor=colour if filled else "white", zorder=3,
        markeredgecolor="white" if filled else colour, markeredgewidth=0.4 if filled else 1.0,
    )  # fmt: skip


def _padded(values: FloatArray) -> tuple[float, float]:
    """Return the ends of an axis: the range of the values and 6 % more on each side."""
    low, high = float(values.min()), float(values.max())
    margin = 0.06 * (high - low) or 0.05 * abs(low) or 1.0
    return low - margin, high + margin


def alt_predicted(result: PropertyResult) -> str:
    """Return in words what `predicted` shows."""
    parts = [words for words, *_ in _sets(result)]
    error = "with their prediction intervals" if result.interval.half_width is not None else ""
    unit = with_unit("in", result.unit) if result.unit else ""
    return " ".join(
        filter(
            None,
            [
                f"Scatter plot of predicted against reference {result.name}", unit, error,
                f"around the 1:1 line: {', '.join(parts).lower()}.",
            ],
        )
    )  # fmt: skip
