"""Binary files of instruments: how their content is recognised."""

from collections.abc import Callable
from math import isfinite
from pathlib import Path
from struct import unpack_from

from spectrakit.io.traces.described import TraceFormat

_SPC_CODES = frozenset((*range(31), 255))


def _is_spc(head: bytes, path: Path) -> bool:
    """Say whether a file is SPC: the version, codes of units that exist, an axis of numbers."""
    if len(head) < 64 or head[:2] == b"PK" or head[1] not in (0x4B, 0x4C, 0x4D):
        return False
    if head[1] == 0x4D:
        n, first, last = unpack_from("<fff", head, 4)
        codes = head[16:18]
        known = isfinite(n) and n == int(n) and 0 < n < 2**31
    else:
        order = "<" if head[1] == 0x4B else ">"
        first, last = unpack_from(f"{order}dd", head, 8)
        codes, known = head[28:30], head[30] in _SPC_CODES
    known = known and codes[0] in _SPC_CODES and (codes[1] <= 26 or 128 <= codes[1] <= 131)
    return known and all(not end or 1e-30 < abs(end) < 1e15 for end in (first, last))


def _starts(*marks: bytes) -> Callable[[bytes, Path], bool]:
    """Return what recognises files that begin with one of these bytes."""
    return lambda head, path: head.startswith(marks)


def _is_asd(head: bytes, path: Path) -> bool:
    """Say whether the version is one of ASD's, and the format of the numbers as well."""
    marks = (b"ASD", *(b"as%d" % version for version in range(1, 9)))
    return head[:3] in marks and len(head) > 200 and head[199] <= 3 and head[186] <= 8


def _has(*marks: bytes) -> Callable[[bytes, Path], bool]:
    """Return what recognises XML that has all of these in its first 4 KiB."""

    def says(head: bytes, path: Path) -> bool:
        start = head[:4096]
        return b"<" in start[:64] and all(mark in start for mark in marks)

    return says


def _is_procspec(head: bytes, path: Path) -> bool:
    """Say whether a zip archive is of SpectraSuite, by the names of its members."""
    if not head.startswith(b"PK\x03\x04"):
        return False
    return path.suffix.lower() == ".procspec" or b"OOISignatures.xml" in head


def _is_envi_header(head: bytes, path: Path) -> bool:
    return head[:16].split(b"\n")[0].strip() == b"ENVI" and b"samples" in head


def _is_envi_sli(head: bytes, path: Path) -> bool:
    """Say whether a file is an ENVI library; it has no mark, its header lies beside it."""
    if path.suffix.lower() not in (".sli", ".slb"):
        return False
    return any(one.is_file() for one in (path.with_suffix(".hdr"), Path(f"{path}.hdr"))) or (
        b"\0" in head
    )


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
    TraceFormat(
        "buchi-nir",
        _starts(b"NIRCAL Project File"),
        "spectrakit.io.traces.buchi_nir:read_buchi_nir",
        (".nir",),
    ),
    TraceFormat(
        "trivista-tvf",
        _has(b"<XmlMain", b"TriVista"),
        "spectrakit.io.traces.trivista_tvf:read_trivista_tvf",
        (".tvf",),
    ),
    TraceFormat(
        "horiba-xml",
        _has(b"<LSX_Data"),
        "spectrakit.io.traces.horiba_xml:read_horiba_xml",
        (".xml",),
    ),
    TraceFormat(
        "ocean-procspec",
        _is_procspec,
        "spectrakit.io.traces.ocean_procspec:read_ocean_procspec",
        (".procspec",),
    ),
    TraceFormat("animl", _has(b"<AnIML"), "spectrakit.io.traces.animl:read_animl", (".animl",)),
    TraceFormat(
        "envi-sli", _is_envi_sli, "spectrakit.io.traces.envi_sli:read_envi_sli", (".sli", ".slb")
    ),
    TraceFormat("envi-header", _is_envi_header, "spectrakit.io.traces.envi_sli:read_envi_header"),
)
