"""Binary files of instruments: how their content is recognised."""

from collections.abc import Callable
from pathlib import Path

from spectrakit.io.traces.described import TraceFormat


def _is_spc(head: bytes, path: Path) -> bool:
    """Say whether the two first bytes are flags and version of SPC, and what follows can be it."""
    if len(head) < 64 or head[1] not in (0x4B, 0x4C, 0x4D):
        return False
    if head[1] == 0x4D:
        return path.suffix.lower() == ".spc" or (head[16] <= 30 and head[17] <= 131)
    codes = (*range(31), 255)
    return head[28] in codes and (head[29] <= 26 or 128 <= head[29] <= 131) and b"\0" in head


def _starts(*marks: bytes) -> Callable[[bytes, Path], bool]:
    """Return what recognises files that begin with one of these bytes."""
    return lambda head, path: head.startswith(marks)


# OPUS numbers the files of a sample: .0, .1 ... and, as some set it, .001 or .0001
_OPUS_SUFFIXES = tuple(
    sorted({f".{number:0{width}d}" for number in range(1000) for width in (1, 2, 3, 4)})
)

BINARY: tuple[TraceFormat, ...] = (
    TraceFormat(
        "galactic-spc", _is_spc, "spectrakit.io.traces.galactic_spc:read_galactic_spc", (".spc",)
    ),
    TraceFormat(
        "bruker-opus",
        _starts(b"\n\n\xfe\xfe"),
        "spectrakit.io.traces.bruker_opus:read_bruker_opus",
        _OPUS_SUFFIXES,
    ),
    TraceFormat(
        "omnic",
        _starts(b"Spectral Data File", b"Spectral Exte File"),
        "spectrakit.io.traces.omnic:read_omnic",
        (".spa", ".spg", ".srs"),
    ),
    TraceFormat(
        "renishaw-wdf",
        _starts(b"WDF1"),
        "spectrakit.io.traces.renishaw_wdf:read_renishaw_wdf",
        (".wdf",),
    ),
)
