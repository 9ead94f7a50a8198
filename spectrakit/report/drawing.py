"""How every figure looks, and how it becomes bytes: the same bytes for the same data.

Colours after Okabe and Ito 2008, told apart with any colour vision; marks, dashes and words carry
the same meaning a second time.
"""

import warnings
from collections.abc import Generator, Sequence
from contextlib import contextmanager
from io import BytesIO
from typing import TYPE_CHECKING, Any

from spectrakit.report.text import plain

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure as Canvas
    from numpy.typing import NDArray

BLUE, RED, GREEN = "#0072B2", "#D55E00", "#009E73"
INK, SOFT, FAINT = "#1c2126", "#59636e", "#b4bdc6"
WIDTH, HEIGHT = 4.4, 3.2  # inches: text stays readable at 360 pixels
_TOP, _BOTTOM, _LEFT, _RIGHT = 0.4, 0.52, 0.75, 0.24  # inches around the plot
_KEY_MARK, _KEY_LETTER, _KEY_LINE = 0.38, 0.077, 0.19  # inches that a key needs
_STYLE: dict[Any, Any] = {
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
    *, height: float = HEIGHT, left: float = _LEFT, right: float = _RIGHT
) -> "tuple[Canvas, Axes]":
    """Return a figure and its one plot; height and side margins in inches."""
    from matplotlib.figure import Figure as Canvas

    drawing = Canvas(figsize=(WIDTH, height), facecolor="white")
    axes = drawing.add_axes(
        (
            left / WIDTH,
            _BOTTOM / height,
            1 - (left + right) / WIDTH,
            1 - (_BOTTOM + _TOP) / height,
        )
    )
    return drawing, axes


def key(axes: "Axes") -> None:
    """Name what is drawn above the plot: in one line, or where that is too long one below another.

    A line may begin left of the plot; lines below another lower the plot's top.
    """
    handles, labels = axes.get_legend_handles_labels()
    drawing = axes.get_figure(root=True)
    if not handles or drawing is None:
        return
    width, height = drawing.get_size_inches()
    place = axes.get_position()
    long = sum(_KEY_MARK + _KEY_LETTER * len(words) for words in labels)
    one_line = long <= width - 0.1
    if not one_line:
        lower = _KEY_LINE * (len(handles) - 1) / height
        axes.set_position((place.x0, place.y0, place.width, place.height - lower))
    start = max(0.08, min(place.x0 * width, width - long)) if one_line else place.x0 * width
    axes.legend(
        handles, labels, loc="lower left", ncols=len(handles) if one_line else 1,
        bbox_to_anchor=(start / width, axes.get_position().y1 + 0.07 / height),
        bbox_transform=drawing.transFigure,
    )  # fmt: skip


def label(text: object, most: int = 26) -> str:
    """Return a name as it fits into a figure."""
    return plain(text, most)


def quantity(what: str, unit: str, most: int = 38) -> str:
    """Return an axis title, quantity / unit, of at most ``most`` characters."""
    written = label(unit, 18)
    return f"{label(what, most - 3 - len(written))} / {written}" if unit else label(what, most)


def as_svg(drawing: "Canvas") -> bytes:
    """Return a figure as SVG without dates or random ids."""
    buffer = BytesIO()
    nothing: dict[str, Any] = {"Date": None, "Creator": None, "Format": None, "Type": None}
    drawing.savefig(buffer, format="svg", metadata=nothing)
    return buffer.getvalue()


def tiled_png(drawings: "Sequence[Canvas]", *, across: int = 3, dpi: int = 200) -> bytes:
    """Return drawings side by side, ``across`` in a row, as one PNG."""
    import numpy as np
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.image import imsave

    tiles: list[NDArray[np.uint8]] = []
    for drawing in drawings:
        drawing.set_dpi(dpi)
        agg = FigureCanvasAgg(drawing)
        agg.draw()
        tiles.append(np.asarray(agg.buffer_rgba())[:, :, :3])  # (height, width, 3)
    rows = [tiles[start : start + across] for start in range(0, len(tiles), across)]
    heights = [max(tile.shape[0] for tile in row) for row in rows]
    width = max(sum(tile.shape[1] for tile in row) for row in rows)
    sheet = np.full((sum(heights), width, 3), 255, dtype=np.uint8)
    top = 0
    for row, height in zip(rows, heights, strict=True):
        left = 0
        for tile in row:
            sheet[top : top + tile.shape[0], left : left + tile.shape[1]] = tile
            left += tile.shape[1]
        top += height
    buffer = BytesIO()
    nothing: Any = {"Software": None}
    imsave(buffer, sheet, format="png", dpi=dpi, metadata=nothing)
    return buffer.getvalue()
