"""``library add``: build a library of spectra or structures, and install it."""

from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from spectrakit.accounting import InputAccount, Summary, file_sha256
from spectrakit.errors import InputError, UsageError
from spectrakit.io import read_parts
from spectrakit.io.inputs import expand_inputs
from spectrakit.io.streams import on_disk
from spectrakit.log import progress, say
from spectrakit.search.libraries import check_name, libraries_folder
from spectrakit.search.library import INDEX_NAME, TRACE_INDEX, LibraryBuilder
from spectrakit.search.structure_sources import load_structures
from spectrakit.search.structures import STRUCTURE_INDEX, StructureTable
from spectrakit.search.traces.library import TraceLibraryBuilder
from spectrakit.spectrum import Molecule
from spectrakit.spectrum_table import SpectrumTable
from spectrakit.store import Store, StoreWriter
from spectrakit.verbs.convert import NOT_KEPT
from spectrakit.verbs.library_embeddings import forget_embeddings
from spectrakit.verbs.structure_files import is_structure_list


def add(
    name: str,
    inputs: Sequence[str],
    *,
    licence: str = "",
    attribution: str = "",
    replace: bool = False,
    summary: Summary,
) -> Path:
    """Build a library and install it under ``name``.

    Spectrum files (any that ``convert`` reads) make a spectral library; SMILES and SDF files,
    and CSV and TSV tables without spectra, make a structure list. The library appears whole or
    not at all.

    Raises:
        UsageError: a name that is not allowed or taken, or both kinds of files at once.
        InputError: a file that cannot be read, or nothing to search in any of them.
    """
    check_name(name)
    target = libraries_folder() / f"{name}.h5"
    if target.exists() and not replace:
        raise UsageError(
            f"library '{name}' is installed already.",
            hint="Remove it first, choose another name, or say --replace.",
        )
    lists = [Path(word) for word in inputs if is_structure_list(Path(word))]
    others = [word for word in inputs if not is_structure_list(Path(word))]
    if lists and others:
        raise UsageError(
            f"{lists[0]} is a structure list, {others[0]} is not.",
            hint="Build one library of each kind.",
        )
    paths = lists or expand_inputs(others)
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise InputError(
            f"{target.parent}: cannot be made: {error.strerror}.", hint="Set SPECTRAKIT_HOME."
        ) from error
    about = {"licence": licence, "attribution": attribution}
    try:
        if lists:
            _add_structures(target, lists, about, summary)
        else:
            _add_spectra(name, target, paths, about, summary)
    except BaseException:
        summary.nothing_written()
        raise
    with Store(target) as store:
        forget_embeddings(target, but=store.digest)
    summary.outputs.append(str(target))
    return target


def _add_spectra(
    name: str, target: Path, paths: Sequence[Path], about: dict[str, Any], summary: Summary
) -> None:
    builder, traces = LibraryBuilder(name), TraceLibraryBuilder(name)
    with StoreWriter(target, history={"command": "library add", "name": name}) as writer:
        with progress("library add", None, "spectra") as advance:
            for path in paths:
                account = summary.open_input(path)
                for n in _add_file(path, account, writer, builder, traces):
                    account.keep(n)
                    advance(n)
        kept = sum(account.kept for account in summary.inputs)
        if not kept:
            raise InputError(
                f"{paths[0]}: no spectrum to put into a library.", hint="Check the file."
            )
        if kept > len(traces):
            library = builder.finish()
            counts = {"spectra": kept - len(traces), "compounds": len(library.index.compounds)}
            told = {**library.attrs(), **about, **counts, "licences": _stated(builder.licences)}
            if len(builder.peptides):
                told["peptides"] = builder.peptides.attrs()
                say(builder.peptides.sentence())
            writer.add_index(INDEX_NAME, library.arrays(), told)
        if len(traces):
            shelves = traces.finish()
            counts = {"spectra": len(traces), "compounds": len(shelves.keys)}
            told = {**shelves.attrs(), **about, **counts, "licences": _stated(traces.licences)}
            writer.add_index(TRACE_INDEX, shelves.arrays(), told)


def _add_file(
    path: Path,
    account: InputAccount,
    writer: StoreWriter,
    builder: LibraryBuilder,
    traces: TraceLibraryBuilder,
) -> Iterator[int]:
    """Add the spectra of one file; yield how many, whenever some were added."""
    parts = read_parts(path, account)
    n_bytes = on_disk(path).stat().st_size
    source = writer.add_source(str(path), account.sha256, n_bytes, account.format)
    for part in parts:
        if isinstance(part, SpectrumTable):
            writer.add_table(part, source=source)
            for spectrum in part.spectra():
                builder.add(spectrum)
            yield len(part)
        elif part.is_trace:
            if reason := traces.add(part, path.stem):
                account.drop(reason)
                continue
            writer.add(part, source=source)
            yield 1
        else:
            try:
                writer.add(part, source=source)
            except InputError:
                account.drop(NOT_KEPT)
                continue
            builder.add(part)
            yield 1


def _stated(licences: Counter[str]) -> dict[str, int]:
    return {key or "not stated": n for key, n in sorted(licences.items())}


def _add_structures(
    target: Path, paths: Sequence[Path], about: dict[str, Any], summary: Summary
) -> None:
    if len(paths) > 1:
        raise UsageError(
            f"{len(paths)} structure lists for one library.", hint="Give one file, or join them."
        )
    (path,) = paths
    account = summary.open_input(path)
    table = load_structures(path)
    counted = table.account()
    account.sha256, account.format = file_sha256(path), counted.format
    account.kept, account.dropped = counted.kept, counted.dropped
    with StoreWriter(target, history={"command": "library add"}) as writer:
        writer.add_source(str(path), account.sha256, path.stat().st_size, account.format)
        for molecule in molecules_of(table):
            writer.add_molecule(molecule)
        attrs = {**table.attrs(), **about, "compounds": len(table)}
        writer.add_index(STRUCTURE_INDEX, {**table.arrays()}, attrs)


def molecules_of(table: StructureTable) -> Iterator[Molecule]:
    """Yield the rows of a structure list as molecules."""
    columns = {name: table.text[name].between(0, len(table)) for name in table.text}
    for row in range(len(table)):
        yield Molecule(
            name=columns["name"][row],
            inchikey=columns["inchikey"][row] or columns["inchikey14"][row],
            smiles=columns["smiles"][row],
            inchi=columns["inchi"][row],
            formula=columns["formula"][row],
            exact_mass=float(table.exact_mass[row]),
        )
