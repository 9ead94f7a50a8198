"""Which of the libraries that a command names hold traces, and how one is opened."""

from pathlib import Path
from typing import Any

from spectrakit.accounting import InputAccount
from spectrakit.errors import InputError, SpectrakitError
from spectrakit.io import read_spectra, sniff
from spectrakit.io.traces.formats import is_trace_format
from spectrakit.search.libraries import NONE, installed
from spectrakit.search.library import INDEX_NAME, TRACE_INDEX
from spectrakit.search.structures import STRUCTURE_INDEX
from spectrakit.search.traces.library import TraceLibrary, TraceLibraryBuilder
from spectrakit.store import Store

MASS, TRACES = "spectra", "traces"


def held_by(word: str) -> frozenset[str]:
    """Return what a library holds, ``spectra`` and ``traces``; empty: neither, or unreadable."""
    path = installed().get(word) or Path(word)
    if not path.is_file():
        return frozenset()
    try:
        form = sniff(path)
        if form != "store":
            if not is_trace_format(form):
                return frozenset({MASS})
            spectra = read_spectra(path, InputAccount(str(path)))  # JCAMP-DX may hold either
            return frozenset(TRACES if one.is_trace else MASS for one in spectra)
        with Store(path) as store:
            if store.index_attrs(STRUCTURE_INDEX):
                return frozenset()
            indexed = {MASS: INDEX_NAME, TRACES: TRACE_INDEX}
            found = {kind for kind, index in indexed.items() if store.index_attrs(index)}
            if not found:
                blocks = store.blocks.values()
                found = {MASS if block.encoding == "ragged" else TRACES for block in blocks}
            return frozenset(found)
    except SpectrakitError:  # said when it is opened as a library of spectra
        return frozenset()


def divided(asked: list[str]) -> tuple[list[str], list[str]]:
    """Return the libraries of mass spectra and those of traces among the words of ``--library``.

    What holds neither counts as the first kind, so that opening it says what is wrong. Without a
    word: every installed one.
    """
    if [word.lower() for word in asked] == [NONE]:
        return [], []
    words = [word for word in asked if word.lower() != NONE] if asked else list(installed())
    kinds = {word: held_by(word) for word in words}
    mass = [word for word in words if MASS in kinds[word] or (asked and not kinds[word])]
    return mass, [word for word in words if TRACES in kinds[word]]


def stamp(word: str) -> tuple[str, int, int]:
    """Return path, size and time of change of a library's file."""
    path = installed().get(word) or Path(word)
    state = path.stat()
    return str(path.absolute()), state.st_size, state.st_mtime_ns


def open_traces(word: str) -> tuple[TraceLibrary, dict[str, Any]]:
    """Open an installed library by name, or a store or file of traces by path.

    Returns:
        The library, and what the summary says of it.

    Raises:
        InputError: it cannot be read, or holds no trace that can be compared.
    """
    known = installed()
    path = known.get(word) or Path(word)
    name = word if word in known else path.stem
    about: dict[str, Any] = {"name": name, "path": str(path), "kind": TRACES}
    if sniff(path) == "store":
        with Store(path) as store:
            about["digest"] = store.digest
            attrs = store.index_attrs(TRACE_INDEX)
            if attrs:
                library = TraceLibrary.from_arrays(name, store.index(TRACE_INDEX), attrs)
                return library, about | {"families": library.counts()}
    account = InputAccount(str(path))
    builder = TraceLibraryBuilder(name)
    for spectrum in read_spectra(path, account):
        reason = "not a trace" if not spectrum.is_trace else builder.add(spectrum, path.stem)
        if reason:
            account.drop(reason)
        else:
            account.keep()
    if not account.kept:
        reasons = ", ".join(sorted(account.dropped)) or "it is empty"
        raise InputError(
            f"{path}: no trace to search in: {reasons}.", hint="Check the library file."
        )
    library = builder.finish()
    about |= {"digest": about.get("digest", account.sha256), "families": library.counts()}
    return library, about
