"""Text formats (JCAMP-DX, CSV, exports of instruments): how their content is recognised."""

from spectrakit.io.traces.described import TraceFormat

TEXT: tuple[TraceFormat, ...] = ()
