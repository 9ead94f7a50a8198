"""Binary files of instruments: how their content is recognised."""

from collections.abc import Callable
from pathlib import Path
from struct import unpack_from

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


def _is_jws(head: bytes, path: Path) -> bool:
    """Say whether an OLE document is JASCO's: many programs write OLE documents."""
    if not head.startswith(b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1"):
        return False
    return path.suffix.lower() == ".jws" or "Y-Data".encode("utf-16-le") in head


_OLD_AVANTES = (".trm", ".abs", ".roh", ".drk", ".ref")


def _is_avantes(head: bytes, path: Path) -> bool:
    """Say whether a file is of AvaSoft 8 or, by its first pixel and last, of AvaSoft 6 or 7."""
    if head.startswith((b"AVS82", b"AVS84")):
        return True
    if len(head) < 400 or path.suffix.lower() not in _OLD_AVANTES:
        return False
    version, first, last = (unpack_from("<f", head, at)[0] for at in (0, 316, 320))
    return abs(version - 70) < 0.01 and 0 <= first <= last < 100_000


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
    TraceFormat("jasco-jws", _is_jws, "spectrakit.io.traces.jasco_jws:read_jasco_jws", (".jws",)),
    TraceFormat(
        "avantes",
        _is_avantes,
        "spectrakit.io.traces.avantes:read_avantes",
        (".raw8", ".rwd8", ".abs8", ".trm8", ".rfl8", ".irr8", ".rir8", *_OLD_AVANTES),
    ),
    TraceFormat(
        "digitalsurf",
        _starts(b"DIGITAL SURF", b"DSCOMPRESSED"),
        "spectrakit.io.traces.digitalsurf:read_digitalsurf",
        (".sur", ".pro"),
    ),
)
