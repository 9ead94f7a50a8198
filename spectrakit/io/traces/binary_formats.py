"""Binary files of instruments: how their content is recognised."""

from spectrakit.io.traces.described import TraceFormat

BINARY: tuple[TraceFormat, ...] = ()
