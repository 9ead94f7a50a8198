"""The main figures as PNG files, for slides."""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from spectrakit.atomic import atomic_path, unwritable
from spectrakit.report import draw_methods, draw_spectra, draw_values
from spectrakit.report.drawing import house_style, tiled_png
from spectrakit.report.transfer import modality
from spectrakit.transfer.result import TransferResult

if TYPE_CHECKING:
    from matplotlib.figure import Figure as Canvas


def write_png(result: TransferResult, folder: Path) -> tuple[Path, ...]:
    """Write ``spectra.png``, ``predicted.png``, ``methods.png`` and ``curve.png`` into a folder.

    One panel for each property, at most three side by side, at 200 pixels an inch. A figure
    with nothing to show is not written. The same result gives the same bytes.

    Returns:
        The files written, in that order.

    Raises:
        InputError: the folder or a file cannot be written.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise unwritable(folder, error) from error
    with house_style():
        spectra = draw_spectra.panels(result, modality(result))
        drawn: dict[str, Sequence[Canvas | None]] = {
            "spectra.png": [panel for panel, _, _ in spectra],
            "predicted.png": [draw_values.predicted(one) for one in result.properties],
            "methods.png": [draw_methods.forest(one) for one in result.properties],
            "curve.png": [draw_methods.curve(one) for one in result.curves],
        }
        written: list[Path] = []
        for file, panels in drawn.items():
            there = [panel for panel in panels if panel is not None]
            if there:
                with atomic_path(folder / file) as part:
                    part.write_bytes(tiled_png(there))
                written.append(folder / file)
    return tuple(written)
