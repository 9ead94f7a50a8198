"""The libraries of this user: where they are, what kind they are, how one is opened.

A library is one store (``libraries/NAME.h5``) with its search index inside: spectra, or
structures only.
"""

import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from spectrakit.accounting import InputAccount
from spectrakit.config import data_folder
from spectrakit.errors import InputError, UsageError, did_you_mean
from spectrakit.io import read_spectra, sniff
from spectrakit.search.library import INDEX_NAME, TRACE_INDEX, LibraryBuilder, SpectralLibrary
from spectrakit.search.structure_sources import BUILT_IN, load_structures
from spectrakit.search.structures import STRUCTURE_INDEX, StructureTable
from spectrakit.store import Store

NONE = "none"
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,99}")
_DEVICE = re.compile(r"(?:con|prn|aux|nul|com\d|lpt\d)(?:\..*)?", re.IGNORECASE)  # of Windows


@dataclass(frozen=True, slots=True)
class Opened:
    """A library ready to be searched, and what the summary says of it."""

    library: SpectralLibrary | StructureTable
    about: dict[str, Any]


def libraries_folder() -> Path:
    """Return where installed libraries live."""
    return data_folder() / "libraries"


def installed() -> dict[str, Path]:
    """Return installed libraries by name, sorted."""
    return {path.stem: path for path in sorted(libraries_folder().glob("*.h5")) if path.is_file()}


def check_name(name: str) -> None:
    """Refuse a library name that could leave the folder or hide a built-in one.

    Raises:
        UsageError: not letters, digits, '.', '_' and '-', or a reserved word.
    """
    if not _NAME.fullmatch(name) or ".." in name:
        raise UsageError(
            f"library name '{name}' is not allowed.",
            hint="Use letters, digits, '.', '_' and '-', beginning with a letter or digit.",
        )
    if name.lower() in (*BUILT_IN, NONE) or _DEVICE.fullmatch(name):
        raise UsageError(f"library name '{name}' is reserved.", hint="Choose another name.")


def library_path(name: str) -> Path:
    """Return the file of an installed library.

    Raises:
        UsageError: no such library; the nearest name is suggested.
    """
    known = installed()
    if name in known:
        return known[name]
    raise UsageError(
        f"library '{name}' is not installed. {did_you_mean(name, known)}".rstrip(),
        hint=(
            f"Installed: {', '.join(known) or 'none'}. "
            f"Add one with `spectrakit library add {name} FILES`."
        ),
    )


def kind_of(path: Path) -> str:
    """Return ``spectra``, ``traces``, ``spectra and traces`` or ``structures``.

    Raises:
        InputError: the store carries no search index.
    """
    with Store(path) as store:
        if store.index_attrs(STRUCTURE_INDEX):
            return "structures"
        indices = (("spectra", INDEX_NAME), ("traces", TRACE_INDEX))
        if kinds := [kind for kind, index in indices if store.index_attrs(index)]:
            return " and ".join(kinds)
    raise InputError(
        f"{path}: holds no search index.",
        hint="Build it with `spectrakit library add NAME FILE`.",
    )


def open_spectral(word: str) -> Opened:
    """Open an installed library by name, or a store or spectrum file by path.

    A file that is no built library is read and indexed in memory, each time anew.

    Raises:
        UsageError: neither an installed library nor a file.
        InputError: the file cannot be read or holds no spectrum.
    """
    known = installed()
    path = known.get(word) or Path(word)
    if word not in known and not path.is_file():
        if word in BUILT_IN:
            raise _no_spectra(word)
        library_path(word)
    name = word if word in known else path.stem
    about: dict[str, Any] = {"name": name, "path": str(path), "kind": "spectra"}
    if sniff(path) == "store":
        with Store(path) as store:
            attrs = store.index_attrs(INDEX_NAME)
            about["digest"] = store.digest
            if attrs:
                return Opened(
                    SpectralLibrary.from_arrays(name, store.index(INDEX_NAME), attrs), about
                )
            if store.index_attrs(STRUCTURE_INDEX):
                raise _no_spectra(word)
    account = InputAccount(str(path))
    builder = LibraryBuilder(name)
    for spectrum in read_spectra(path, account):
        if spectrum.is_trace:
            account.drop("not a mass spectrum")
            continue
        builder.add(spectrum)
        account.keep()
    if not account.kept:
        raise InputError(f"{path}: no spectrum to search in.", hint="Check the library file.")
    about |= {"digest": account.sha256, "spectra": account.kept}
    return Opened(builder.finish(), about)


def _no_spectra(word: str) -> UsageError:
    return UsageError(f"library '{word}' holds structures, not spectra.", hint="Use --structures.")


def open_structures(word: str) -> Opened | None:
    """Open a structure list: built-in, installed, or a file; ``None`` for ``none``.

    Raises:
        UsageError: no such list.
        InputError: the list cannot be read.
    """
    if word.lower() == NONE:
        return None
    known = installed()
    about: dict[str, Any] = {"name": word, "kind": "structures"}
    if word in known:
        with Store(known[word]) as store:
            attrs = store.index_attrs(STRUCTURE_INDEX)
            if not attrs:
                raise UsageError(
                    f"library '{word}' holds spectra, not structures.", hint="Use --library."
                )
            about["digest"] = store.digest
            about["licence"] = attrs.get("licence", "")
            table = StructureTable.from_arrays(
                store.index(STRUCTURE_INDEX), {**attrs, "source": word}, place=str(known[word])
            )
            return Opened(table, about)
    if word not in BUILT_IN and not Path(word).is_file():
        names = [*BUILT_IN, *known]
        raise UsageError(
            f"structures '{word}' are not installed. {did_you_mean(word, names)}".rstrip(),
            hint=f"Known: {', '.join(names)}, none, or the path of a list.",
        )
    table = load_structures(word)
    about["licence"] = table.about.get("license", "")
    return Opened(table, about)
