"""``convert``: spectra of any known format into stores, or out of them, every one accounted for."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from spectrakit import __version__
from spectrakit.accounting import InputAccount, Summary
from spectrakit.errors import InputError, MissingExtraError, SpectrakitError, UsageError
from spectrakit.io import read_parts, read_spectra
from spectrakit.io.inputs import expand_inputs
from spectrakit.io.select import Condition, parse_where, selected
from spectrakit.io.streams import on_disk
from spectrakit.io.writers import export_suffix, why_not, write_spectra
from spectrakit.jobs import run_files
from spectrakit.log import progress, unsaid
from spectrakit.spectrum import Spectrum
from spectrakit.spectrum_table import SpectrumTable
from spectrakit.verbs.outputs import (
    is_folder,
    note_error,
    refuse_own_input,
    result_name,
    stem_of,
)
from spectrakit.verbs.result_folder import ResultFolder
from spectrakit.verbs.sheets import SampleSheet, TargetTable
from spectrakit.verbs.stated import Stated

if TYPE_CHECKING:
    from spectrakit.store import StoreWriter

STORE = "h5"
SUFFIXES = {
    "h5": ".h5",
    "mzml": ".mzML",
    "mgf": ".mgf",
    "msp": ".msp",
    "massbank": ".txt",
    "jdx": ".jdx",
    "dx": ".dx",
    "csv": ".csv",
}
NOT_KEPT = "a field that a store cannot hold"
_EVERY = 256  # spectra between two looks at the progress bar


@dataclass(frozen=True, slots=True)
class Conversion:
    """What is to be done with each file; the same for all of them."""

    kind: str  # of SUFFIXES
    compression: str = "gzip"
    where: tuple[Condition, ...] = ()
    samples: SampleSheet | None = None
    targets: TargetTable | None = None
    stated: Stated = field(default_factory=Stated)

    def history(self) -> dict[str, Any]:
        """Return the record that goes into a store: what was done, no time, no path."""
        record: dict[str, Any] = {"command": "convert", "version": __version__}
        if self.where:
            record["where"] = [f"{c.column}={c.value}" for c in self.where]
        return record | self.stated.as_json()


def convert(
    inputs: Sequence[str],
    out: Path | str,
    *,
    output_format: str | None = None,
    compression: str = "gzip",
    where: Sequence[str] = (),
    samples: Path | None = None,
    targets: Path | None = None,
    axis_unit: str = "",
    modality: str = "",
    jobs: int = 1,
    summary: Summary,
) -> None:
    """Convert every spectrum of the inputs; 0 peaks and all MS levels are kept.

    Args:
        inputs: files, folders, globs, ``@list.txt`` or ``-``.
        out: a file for all inputs together, or a folder (one that is there, or text that ends
            in a slash) for one file per input.
        output_format: one of ``SUFFIXES``; else the suffix of ``out`` says it,
            and a folder gets stores.
        compression: ``gzip`` or ``none``, of stores.
        where: ``COLUMN=VALUE`` that a spectrum must have to be converted.
        samples: sheet with the sample of each file.
        targets: table with the properties of each sample.
        axis_unit: unit of the axes of traces whose file states none.
        modality: what traces are, whatever the files let us guess.
        jobs: files worked on at the same time (folders only).
        summary: filled with accounts, outputs and errors.

    Raises:
        UsageError: an output is an input, two inputs would share an output, or unknown formats.
        InputError: an input could not be read to its end (after the good ones were finished),
            or the output cannot be written.
    """
    into_folder = is_folder(out)
    out = Path(out)
    kind = output_format or (STORE if into_folder else _kind_of(out))
    what = Conversion(
        kind=kind,
        compression=compression,
        where=parse_where(where),
        samples=SampleSheet.read(samples) if samples else None,
        targets=TargetTable.read(targets) if targets else None,
        stated=Stated.parse(axis_unit, modality),
    )
    if (samples or targets) and kind != STORE:
        raise UsageError(
            "--samples and --targets go into a store.", hint="Give --out a name ending in .h5."
        )
    paths = expand_inputs(inputs)
    if what.samples is not None:
        what.samples.say_unmatched(paths)
    if into_folder:
        _into_folder(paths, out, what, jobs, summary)
    else:
        refuse_own_input(out, paths)
        _into_one(paths, out, what, summary)
    if summary.errors:
        raise InputError(
            f"{len(summary.errors)} of {len(summary.inputs)} inputs could not be read.",
            hint="The others are finished; the errors are above.",
        )


def _kind_of(out: Path) -> str:
    if out.suffix.lower() in (".h5", ".hdf5"):
        return STORE
    return export_suffix(out)[1:]


def _into_one(paths: Sequence[Path], out: Path, what: Conversion, summary: Summary) -> None:
    """Put all inputs into one file; those that cannot be read to their end are left out."""
    good: dict[Path, InputAccount] = {}
    for path in paths:
        account = summary.open_input(path)
        try:
            if len(paths) > 1:  # a file that breaks off late must not leave its beginning behind
                with unsaid():
                    for spectrum in read_spectra(path, InputAccount(str(path))):
                        what.stated.refuse_other_unit(spectrum, path)
            good[path] = account
        except MissingExtraError as error:
            if len(paths) == 1:
                raise
            note_error(summary, error)
        except InputError as error:
            note_error(summary, error)
    if not good:
        return
    with progress("convert", None, "spectra") as advance:
        try:
            samples = _write(list(good), list(good.values()), out, what, advance)
        except SpectrakitError as error:
            summary.nothing_written()
            summary.errors.append(str(error))
            raise
    if what.targets is not None:
        what.targets.say_unmatched(samples)
    summary.outputs.append(str(out))


def _into_folder(
    paths: Sequence[Path], folder: Path, what: Conversion, jobs: int, summary: Summary
) -> None:
    """Give each input a file of its own; a ledger lets a rerun skip what is done."""
    parameters = what.history() | {"kind": what.kind, "compression": what.compression}
    for name, table in (("samples", what.samples), ("targets", what.targets)):
        parameters[name] = "" if table is None else table.sha256
    work = partial(_into, folder, what)
    suffix = SUFFIXES[what.kind]
    with (
        ResultFolder.open(folder, paths, suffix, parameters, summary) as results,
        progress("convert", len(results.todo), "files") as advance,
    ):
        samples = set(results.noted("samples"))
        for done in run_files(work, results.todo, jobs):
            advance(1)
            if done.result is not None:
                account, found = done.result
                summary.inputs.append(account)
                results.add(done.path, account, summary, samples=sorted(found))
                samples |= found
            elif done.error is not None:
                summary.open_input(done.path)
                if len(paths) == 1 or not isinstance(done.error, InputError | MissingExtraError):
                    summary.errors.append(str(done.error))
                    raise done.error
                note_error(summary, done.error)
    if what.targets is not None:
        what.targets.say_unmatched(samples)


def _into(folder: Path, what: Conversion, path: Path) -> tuple[InputAccount, set[str]]:
    return convert_file(path, folder / result_name(path, SUFFIXES[what.kind]), what)


def convert_file(path: Path, target: Path, what: Conversion) -> tuple[InputAccount, set[str]]:
    """Convert one file into another; return its account and the samples in it.

    Raises:
        InputError: the file cannot be read to its end; nothing is written then.
    """
    account = InputAccount(str(path))
    samples = _write([path], [account], target, what, lambda n: None)
    return account, samples


def _write(
    paths: Sequence[Path],
    accounts: Sequence[InputAccount],
    target: Path,
    what: Conversion,
    advance: Any,
) -> set[str]:
    """Write all spectra of some files into one; return the samples, where there are targets."""
    if what.kind != STORE:
        write_spectra(target, _exported(paths, accounts, what, advance), what.kind)
        return set()
    from spectrakit.store import StoreWriter

    samples: set[str] = set()
    with StoreWriter(target, compression=what.compression, history=what.history()) as writer:
        for path, account in zip(paths, accounts, strict=True):
            _store_file(writer, path, account, what, advance, samples)
        if what.targets is not None:
            what.targets.add_to(writer, samples)
    return samples if what.targets is not None else set()


def _store_file(
    writer: "StoreWriter",
    path: Path,
    account: InputAccount,
    what: Conversion,
    advance: Any,
    samples: set[str],
) -> None:
    # Conditions look at single spectra; without any, tables go straight into the store.
    parts = read_spectra(path, account) if what.where else read_parts(path, account)
    n_bytes = on_disk(path).stat().st_size
    source = writer.add_source(str(path), account.sha256, n_bytes, account.format)
    listed = ""
    if what.samples is not None:
        what.samples.add_to(writer, path)
        listed = what.samples.sample_of(path)

    def add_table(table: SpectrumTable) -> None:
        named = table if not listed else table.with_sample(listed)
        writer.add_table(named, source=source, sample=stem_of(path))
        samples.update(its or stem_of(path) for its in set(named.fields.get("sample", ("",))))
        account.keep(len(table))
        advance(len(table))

    spectra = what.stated.applied(_single(parts, add_table), path)
    for spectrum in _with_sample(selected(spectra, what.where, account), path, what):
        try:
            writer.add(spectrum, source=source)
        except InputError:
            account.drop(NOT_KEPT)
            continue
        _add_sample(writer, spectrum)
        samples.add(spectrum.sample)
        account.keep()
        if account.kept % _EVERY == 0:
            advance(_EVERY)


def _single(
    parts: Iterable[Spectrum | SpectrumTable], add_table: Callable[[SpectrumTable], None]
) -> Iterator[Spectrum]:
    """Yield the spectra that come one by one; add each table when its turn has come."""
    for part in parts:
        if isinstance(part, SpectrumTable):
            add_table(part)
        else:
            yield part


def _add_sample(writer: "StoreWriter", spectrum: Spectrum) -> None:
    about = spectrum.sample_info
    if about is None:
        return
    writer.add_sample(spectrum.sample, group=about.group, split=about.split, **about.columns)
    for name, known in about.targets.items():
        writer.add_target(spectrum.sample, name, known.value, known.unit, known.sd)


def _exported(
    paths: Sequence[Path], accounts: Sequence[InputAccount], what: Conversion, advance: Any
) -> Iterator[Spectrum]:
    for path, account in zip(paths, accounts, strict=True):
        spectra = what.stated.applied(read_spectra(path, account), path)
        for spectrum in selected(spectra, what.where, account):
            if reason := why_not(spectrum, what.kind):
                account.drop(reason)
                continue
            yield spectrum
            account.keep()
            if account.kept % _EVERY == 0:
                advance(_EVERY)


def _with_sample(spectra: Iterator[Spectrum], path: Path, what: Conversion) -> Iterator[Spectrum]:
    """Name the sample: what the sheet says, else what the file says, else the file's stem."""
    listed = what.samples.sample_of(path) if what.samples is not None else ""
    stem = stem_of(path)
    for spectrum in spectra:
        sample = listed or spectrum.sample or stem
        yield spectrum if sample == spectrum.sample else replace(spectrum, sample=sample)
