"""Text formats (JCAMP-DX, CSV, exports of instruments): how their content is recognised.

The order counts: what has a mark of its own comes before tables that only look like spectra.
"""

from collections.abc import Callable
from importlib import import_module
from pathlib import Path

from spectrakit.io.traces.described import TraceFormat


def _text(name: str, module: str, topic: str, *suffixes: str) -> TraceFormat:
    """Describe a format whose module has ``says_TOPIC`` and ``read_TOPIC``; it is loaded late."""
    where = f"spectrakit.io.traces.{module}"

    def says(head: bytes, path: Path) -> bool:
        function: Callable[[bytes, Path], bool] = getattr(import_module(where), f"says_{topic}")
        return function(head, path)

    return TraceFormat(name, says, f"{where}:read_{topic}", suffixes)


def _export(name: str, *suffixes: str) -> TraceFormat:
    """Describe one of the layouts of ``exports``."""

    def says(head: bytes, path: Path) -> bool:
        from spectrakit.io.traces.exports import layout_of

        layout = layout_of(head)
        return layout is not None and layout.name == name

    return TraceFormat(name, says, "spectrakit.io.traces.exports:read_export", suffixes)


TEXT: tuple[TraceFormat, ...] = (
    _text("jcamp-dx", "jcamp.reader", "jcamp", ".jdx", ".dx", ".jcm", ".jcamp"),
    _text("viavi-sam", "viavi", "viavi", ".sam"),
    _text("emsa", "emsa", "emsa", ".msa", ".ems", ".emsa"),
    _text("labspec-text", "labspec", "labspec", ".txt"),
    _export("ocean-text", ".txt", ".transmission", ".reflection", ".scope", ".absorbance"),
    _export("craic-text"),
    _export("avantes-text", ".ttt", ".trt", ".tit"),
    _export("spectral-evolution-sed", ".sed"),
    _export("svc-sig", ".sig"),
    _export("usgs-asc", ".asc"),
    _export("ecostress-text"),
    _export("jasco-text"),
    _export("stellarnet-text", ".irr"),
    _export("renishaw-text"),
    _text("tidy-csv", "tidy", "tidy", ".csv", ".tsv"),
    _text("columns-text", "plain", "columns", ".dat", ".dpt", ".xy"),
)
