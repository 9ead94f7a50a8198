"""How every figure looks, and how it becomes bytes: the same bytes for the same data.

Colours after Okabe and Ito 2008, told apart with any colour vision; marks, dashes and words carry
the same meaning a second time.
"""

import warnings
from collections.abc import Generator
from contextlib import contextmanager
from io import BytesIO
from typing import TYPE_CHECKING, Any

from spectrakit.report.text import plain

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure as Canvas

BLUE, RED, GREEN = "#0072B2", "#D55E00", "#009E73"
INK, SOFT, FAINT = "#1c2126", "#59636e", "#b4bdc6"
WIDTH, HEIGHT = 4.4, 3.2  # inches: text stays readable at 360 pixels
_TOP, _BOTTOM, _LEFT, _RIGHT = 0.4, 0.52, 0.75, 0.12  # inches around the plot
_STYLE = {
    "font.family": ["sans-serif"],
    "font.sans-serif": ["DejaVu Sans"],  # comes with matplotlib: the same layout everywhere
    "font.size": 9.5,
    "text.parse_math": False,  # names are text, whatever dollars they hold
    "text.color": INK,
    "axes.edgecolor": SOFT,
    "axes.labelcolor": INK,
    "axes.linewidth": 0.8,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.formatter.limits": (-4, 5),
    "axes.formatter.use_mathtext": False,
    "axes.formatter.useoffset": False,
    "xtick.color": SOFT,
    "ytick.color": SOFT,
    "xtick.labelcolor": INK,
    "ytick.labelcolor": INK,
    "xtick.labelsize": 9.0,
    "ytick.labelsize": 9.0,
    "legend.frameon": False,
    "legend.fontsize": 9.0,
    "legend.handlelength": 1.4,
    "legend.handletextpad": 0.5,
    "legend.columnspacing": 1.0,
    "legend.borderpad": 0.0,
    "legend.borderaxespad": 0.0,
    "lines.solid_capstyle": "round",
    "svg.fonttype": "none",  # text stays text: small files, sharp at every size
    "svg.hashsalt": "spectrakit",
    "path.simplify": True,
    "path.simplify_threshold": 0.2,
}


@contextmanager
def house_style() -> Generator[None]:
    """Draw with the style of the reports, whatever the user's own matplotlibrc says."""
    from matplotlib import rc_context, rcParamsDefault

    defaults = {key: rcParamsDefault[key] for key in rcParamsDefault if key != "backend"}
    with warnings.catch_warnings(), rc_context():
        warnings.simplefilter("ignore")  # of glyphs that DejaVu does not have, of old keys
        from matplotlib import rcParams

        dict.update(rcParams, defaults)  # they were validated when matplotlib was imported
        rcParams.update(_STYLE)
        yield


def canvas(
    *, width: float = WIDTH, height: float = HEIGHT, left: float = _LEFT, top: float = _TOP
) -> "tuple[Canvas, Axes]":
    """Return a figure and its one plot; sizes and the left margin in inches."""
    from matplotlib.figure import Figure as Canvas

    drawing = Canvas(figsize=(width, height), facecolor="white")
    axes = drawing.add_axes(
        (
            left / width,
            _BOTTOM / height,
            1 - (left + _RIGHT) / width,
            1 - (_BOTTOM + top) / height,
        )
    )
    return drawing, axes


def key(axes: "Axes", *, columns: int = 3) -> None:
    """Name what is drawn in one line above the plot."""
    handles, labels = axes.get_legend_handles_labels()
    if handles:
        axes.legend(handles, labels, loc="lower left", bbox_to_anchor=(0.0, 1.03), ncols=columns)


def label(text: object, most: int = 26) -> str:
    """Return a name as it fits into a figure."""
    return plain(text, most)


def quantity(what: str, unit: str, most: int = 34) -> str:
    """Return an axis title: quantity / unit."""
    return f"{label(what, most)} / {label(unit, 20)}" if unit else label(what, most)


def lower_top(drawing: "Canvas", axes: "Axes", inches: float) -> None:
    """Lower the top of a plot to make room for a longer key."""
    place = axes.get_position()
    less = inches / drawing.get_figheight()
    axes.set_position((place.x0, place.y0, place.width, place.height - less))


def as_svg(drawing: "Canvas") -> bytes:
    """Return a figure as SVG without dates or random ids."""
    buffer = BytesIO()
    nothing: dict[str, Any] = {"Date": None, "Creator": None, "Format": None, "Type": None}
    drawing.savefig(buffer, format="svg", metadata=nothing)
    return buffer.getvalue()


def as_png(drawing: "Canvas", dpi: int = 300) -> bytes:
    """Return a figure as PNG for slides, without the version of what wrote it."""
    buffer = BytesIO()
    drawing.savefig(buffer, format="png", dpi=dpi, metadata={"Software": None})
    return buffer.getvalue()
