"""The learning curve of a run as a picture."""

from pathlib import Path
from typing import Any

from spectrakit.atomic import atomic_path
from spectrakit.errors import MismatchError
from spectrakit.run import Run

CURVES = "curves.png"
HIDDEN = frozenset({"step", "rate", "gradient"})


def draw_curves(folder: Path) -> Path:
    """Draw what a run recorded over its steps and return the picture, ``curves.png``.

    A number and what was found for it on the held-out data (``loss``, ``valid_loss``) share a
    panel.

    Raises:
        MismatchError: nothing was recorded.
        InputError: no run, or the picture cannot be written.
    """
    rows = Run.open(folder).metrics()
    series = _series(rows)
    if not series:
        raise MismatchError(
            f"{folder}: has no metrics to draw.", hint="Train it for some more steps."
        )
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    panels = sorted({name.removeprefix("valid_") for name in series})
    figure = Figure(figsize=(7.0, 2.6 * len(panels)), layout="constrained")
    FigureCanvasAgg(figure)
    for number, panel in enumerate(panels, 1):
        axes = figure.add_subplot(len(panels), 1, number)
        for name, label in ((panel, "train"), (f"valid_{panel}", "valid")):
            if name in series:
                steps, values = series[name]
                axes.plot(steps, values, label=label, marker="." if len(steps) < 30 else "")
        axes.set_ylabel(panel)
        axes.legend(frameon=False)
        axes.grid(alpha=0.3)
        if number == len(panels):
            axes.set_xlabel("step")
    target = folder / CURVES
    with atomic_path(target) as part:
        figure.savefig(part, format="png", dpi=120, metadata={"Software": None})
    return target


def _series(rows: list[dict[str, Any]]) -> dict[str, tuple[list[int], list[float]]]:
    found: dict[str, tuple[list[int], list[float]]] = {}
    for row in rows:
        for name, value in row.items():
            if name not in HIDDEN and isinstance(value, int | float):
                steps, values = found.setdefault(name, ([], []))
                steps.append(int(row["step"]))
                values.append(float(value))
    return found
