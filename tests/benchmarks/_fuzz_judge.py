"""What a reader may do with any file: give spectra that hold together, or say one line.

Everything else is a finding: another exception, memory, time, and above all spectra that are
neither given nor counted, by a count of its own, and differences between the fast and the plain
way through a reader.
"""

import importlib
import io
import json
import re
import resource
import signal
import traceback
from collections.abc import Callable
from dataclasses import fields
from pathlib import Path
from typing import Any

import numpy as np
from lxml import etree

from spectrakit.accounting import InputAccount
from spectrakit.errors import SpectrakitError
from spectrakit.io import read_spectra
from spectrakit.spectrum import Modality

CPU_SECONDS = 10.0
GROWTH_BYTES = 500 << 20
_SOURCES = re.compile(r"spectrakit[/\\].*")

# The plain way through each reader that has a short cut: (module, name, what it becomes).
PLAIN_WAYS: dict[str, tuple[str, str, Callable[..., Any]]] = {
    "mzml": ("spectrakit.io.mzml", "_tokeniser", lambda head: None),
    "msp": ("spectrakit.io.msp", "_plain_entry", lambda *args: None),
}


class Finding(Exception):
    """Something that must not happen; the text is its signature."""


class Hang(Exception):
    """The reader took too long."""


def _stop(number: int, frame: Any) -> None:
    raise Hang(f"more than {CPU_SECONDS:g} s")


def judge(path: Path, kind: str, work: Path | None = None) -> str:
    """Read a file and return what became of it: ``refused`` or ``read``.

    Args:
        path: the file.
        kind: the format of its seed; counts are only compared where it is still recognised so.
        work: a folder; where given, the file is also converted into a store there.

    Raises:
        Finding: something that must not happen.
    """
    signal.signal(signal.SIGPROF, _stop)
    signal.setitimer(signal.ITIMER_PROF, CPU_SECONDS)
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    account = InputAccount(str(path))
    try:
        spectra, refusal = _read(path, account)
        for spectrum in spectra:
            _hold_together(spectrum)
        if refusal is None:
            _nothing_lost(path, account)
        _same_the_plain_way(path, account.format, spectra, refusal, account)
        if work is not None:
            _converted(path, spectra, refusal, account, work)
    except Hang as error:
        raise Finding(f"hang: {error} at {_place(error)}") from error
    finally:
        signal.setitimer(signal.ITIMER_PROF, 0)
    grown = (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) << 10
    if grown > GROWTH_BYTES:
        raise Finding(f"memory: grew by more than {GROWTH_BYTES >> 20} MB")
    return "read" if refusal is None else "refused"


def _read(path: Path, account: InputAccount) -> tuple[list[Any], SpectrakitError | None]:
    spectra: list[Any] = []
    try:
        for spectrum in read_spectra(path, account):
            spectra.append(spectrum)
            account.keep()
    except SpectrakitError as error:
        if error.exit_code not in (3, 5):
            raise Finding(f"exit code {error.exit_code} at {_place(error)}") from error
        if not str(error).isprintable() or not error.hint.isprintable():
            raise Finding(f"the error is not one line at {_place(error)}") from error
        if not error.hint:
            raise Finding(f"the error says not what to do at {_place(error)}") from error
        return spectra, error
    except Hang:
        raise
    except Exception as error:
        raise Finding(f"{type(error).__name__} at {_place(error)}") from error
    return spectra, None


def _place(error: BaseException) -> str:
    """Return the innermost line of ours."""
    frames = traceback.extract_tb(error.__traceback__)
    ours = [f for f in frames if "/spectrakit/" in f.filename.replace("\\", "/")] or frames
    match = _SOURCES.search(ours[-1].filename)
    return f"{match[0] if match else ours[-1].filename}:{ours[-1].lineno} {ours[-1].name}"


def _hold_together(s: Any) -> None:
    if s.modality is not Modality.MSMS or s.is_trace:
        return
    n = len(s.mz)
    for name, holds in (
        ("lengths differ", len(s.intensity) == n and all(len(c) == n for c in s.columns.values())),
        ("m/z not finite", bool(np.isfinite(s.mz).all())),
        ("intensity not finite", bool(np.isfinite(s.intensity).all())),
        ("m/z not ascending", bool((s.mz[1:] >= s.mz[:-1]).all())),
        ("negative m/z", bool((s.mz >= 0).all())),
        ("m/z not float64", s.mz.dtype == np.float64),
        ("infinite number", not any(isinstance(v, float) and np.isinf(v) for v in _values(s))),
        ("polarity", s.polarity in (-1, 0, 1)),
        ("level", isinstance(s.ms_level, int) and s.ms_level >= 0),
        ("retention time", not s.rt_seconds < 0),
    ):
        if not holds:
            raise Finding(f"a spectrum does not hold together: {name}")
    json.dumps(s.extra)


def _values(s: Any) -> list[Any]:
    return [getattr(s, field.name) for field in fields(s)]


def _nothing_lost(path: Path, account: InputAccount) -> None:
    count = COUNTS.get(account.format)
    if count is None:
        return
    least = count(path.read_bytes())
    if account.read < least:
        raise Finding(f"silent loss: {account.format} has more spectra than are accounted for")


def _lines(data: bytes) -> bytes:
    data = data.removeprefix(b"\xef\xbb\xbf")
    return data.replace(b"\r\n", b"\n").replace(b"\r", b"\n")


def _matches(pattern: bytes) -> Callable[[bytes], int]:
    compiled = re.compile(pattern, re.MULTILINE | re.IGNORECASE)
    return lambda data: len(compiled.findall(_lines(data)))


def _elements(parent: str, *names: str) -> Callable[[bytes], int]:
    tags = re.compile(rb"<(?:\w+:)?(?:%s)[\s>]" % "|".join(names).encode())

    def count(data: bytes) -> int:
        parser = etree.XMLParser(huge_tree=True, resolve_entities=False, no_network=True)
        try:
            root = etree.parse(io.BytesIO(data), parser).getroot()
        except etree.XMLSyntaxError:  # a block of its own may be read all the same
            return len(tags.findall(re.sub(rb"<!--.*?-->", b"", data, flags=re.DOTALL)))
        inside = f"ancestor::*[local-name()='{parent}']"
        which = " or ".join(f"local-name()='{name}'" for name in names)
        return len(root.xpath(f"//*[({which}) and {inside} and not(ancestor::*[{which}])]"))

    return count


COUNTS: dict[str, Callable[[bytes], int]] = {
    "mgf": lambda data: len(re.findall(rb"^[ \t]*BEGIN IONS[ \t]*$", _lines(data), re.MULTILINE)),
    "msp": _matches(rb"^[ \t]*num[ _]?peaks?[ \t]*:"),
    "mzml": _elements("spectrumList", "spectrum"),
    "mzdata": _elements("spectrumList", "spectrum"),
    "imzml": _elements("spectrumList", "spectrum"),
    "ms2": lambda data: len(re.findall(rb"^S\t", _lines(data), re.MULTILINE)),
    "msl": _matches(rb"^[ \t]*num[ _]?peaks?[ \t]*:"),
    "massbank": lambda data: sum(b"\nPK$PEAK:" in one for one in _lines(data).split(b"\n//")),
    "mzspeclib": lambda data: len(re.findall(rb"^<Spectrum=", _lines(data), re.MULTILINE)),
}


def _same_the_plain_way(
    path: Path,
    kind: str,
    spectra: list[Any],
    refusal: SpectrakitError | None,
    account: InputAccount,
) -> None:
    if kind not in PLAIN_WAYS:
        return
    module_name, name, plain = PLAIN_WAYS[kind]
    module = importlib.import_module(module_name)
    fast = getattr(module, name)
    setattr(module, name, plain)
    try:
        again = InputAccount(str(path))
        slowly, refused = _read(path, again)
    finally:
        setattr(module, name, fast)
    if (refusal is None) != (refused is None):
        given, other = (account, again) if refusal is None else (again, account)
        if given.read >= other.read:  # nothing is lost
            return
        raise Finding(f"{kind}: only one of the fast and the plain way refuses the file")
    if refusal is None and again.dropped != account.dropped:
        raise Finding(f"{kind}: the fast and the plain way drop differently")
    if refusal is None and list(map(_picture, spectra)) != list(map(_picture, slowly)):
        raise Finding(f"{kind}: the fast and the plain way give different spectra")


def _picture(s: Any, but: tuple[str, ...] = ()) -> str:
    plain = {f.name: getattr(s, f.name) for f in fields(s)}
    arrays = [s.mz.tobytes(), s.intensity.astype(np.float64).tobytes()]
    columns = {name: s.columns[name].tolist() for name in sorted(s.columns)}
    for name in ("axis", "value", "columns", *but):
        plain.pop(name)
    return repr((arrays, columns, plain))


def _converted(
    path: Path,
    spectra: list[Any],
    refusal: SpectrakitError | None,
    account: InputAccount,
    work: Path,
) -> None:
    """Compare with what ``convert`` puts into a store: it may read in a way of its own."""
    from spectrakit.accounting import Summary
    from spectrakit.store import Store
    from spectrakit.verbs.convert import convert

    out = work / "judged.h5"
    out.unlink(missing_ok=True)
    summary = Summary("convert", "")
    try:
        convert([str(path)], out, compression="none", summary=summary)
        refused = False
    except SpectrakitError:
        refused = True
    except Hang:
        raise
    except Exception as error:
        raise Finding(f"convert: {type(error).__name__} at {_place(error)}") from error
    if refused != (refusal is not None):
        raise Finding("convert: refuses what is read, or reads what is refused")
    if refused:
        if out.exists():
            raise Finding("convert: a store of a file that is refused")
        return
    (told,) = summary.inputs
    if told.read != account.read:
        raise Finding("convert: accounts for another number of spectra")
    if told.dropped != account.dropped:
        return  # fields that a store cannot hold
    with Store(out) as store:
        back = list(store)
    if len(back) != told.kept:
        raise Finding("convert: not as many spectra as are said to be kept")
    for one, other in zip(spectra, back, strict=True):
        but = ("sample", "sample_info")  # which a store has anyway
        if _picture(one, but) != _picture(other, but):
            raise Finding("convert: a spectrum in the store is not what was read")
