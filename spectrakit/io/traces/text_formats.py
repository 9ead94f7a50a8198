"""Text formats (JCAMP-DX, CSV, exports of instruments): how their content is recognised."""

from pathlib import Path

from spectrakit.io.traces.described import TraceFormat


def _says_tidy(head: bytes, path: Path) -> bool:
    from spectrakit.io.traces.tidy import says_tidy

    return says_tidy(head, path)


TEXT: tuple[TraceFormat, ...] = (
    TraceFormat("tidy-csv", _says_tidy, "spectrakit.io.traces.tidy:read_tidy", (".csv", ".tsv")),
)
