"""Text formats (JCAMP-DX, CSV, exports of instruments): how their content is recognised."""

from pathlib import Path

from spectrakit.io.traces.described import TraceFormat


def _says_jcamp(head: bytes, path: Path) -> bool:
    from spectrakit.io.traces.jcamp.reader import says_jcamp

    return says_jcamp(head, path)


def _says_tidy(head: bytes, path: Path) -> bool:
    from spectrakit.io.traces.tidy import says_tidy

    return says_tidy(head, path)


TEXT: tuple[TraceFormat, ...] = (
    TraceFormat(
        "jcamp-dx",
        _says_jcamp,
        "spectrakit.io.traces.jcamp.reader:read_jcamp",
        (".jdx", ".dx", ".jcm", ".jcamp"),
    ),
    TraceFormat("tidy-csv", _says_tidy, "spectrakit.io.traces.tidy:read_tidy", (".csv", ".tsv")),
)
