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


def _is_asd(head: bytes, path: Path) -> bool:
    """Say whether the version is one of ASD's, and the format of the numbers as well."""
    marks = (b"ASD", *(b"as%d" % version for version in range(1, 9)))
    return head[:3] in marks and len(head) > 200 and head[199] <= 3 and head[186] <= 8


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
    TraceFormat(
        "andor-sif",
        _starts(b"Andor Technology Multi-Channel File\n"),
        "spectrakit.io.traces.andor_sif:read_andor_sif",
        (".sif",),
    ),
    TraceFormat(
        "perkinelmer-sp",
        _starts(b"PEPE"),
        "spectrakit.io.traces.perkinelmer_sp:read_perkinelmer_sp",
        (".sp",),
    ),
    TraceFormat("asd", _is_asd, "spectrakit.io.traces.asd:read_asd", (".asd",)),
)
