"""Read the spectra of any file, whatever it is called."""

import hashlib
from collections.abc import Callable, Iterable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import BinaryIO

from spectrakit.accounting import InputAccount
from spectrakit.io.blocks import Drops
from spectrakit.io.library_formats import READERS
from spectrakit.io.library_formats import reader_of as library_reader
from spectrakit.io.record import BadSpectrum, tidy_peaks
from spectrakit.io.sniff import sniff
from spectrakit.io.streams import on_disk, open_bytes
from spectrakit.spectrum import Axis, Modality, Spectrum
from spectrakit.spectrum_table import SpectrumTable


def read_spectra(path: Path, account: InputAccount) -> Iterator[Spectrum]:
    """Return the spectra of a file or store in its order, read as they are asked for.

    The format is recognised and ``account.format`` and ``account.sha256`` are filled at the
    call, not at the first spectrum. Spectra that cannot be given (NaN in the peaks, negative
    m/z, arrays that disagree, a malformed peak line) are counted with ``account.drop``; the
    caller counts ``account.keep`` for those it keeps.

    Raises:
        InputError: the file is missing, empty, corrupt, truncated or of no known format; the
            last two may show only after good spectra were given.
    """
    _identify(path, account)
    return _read(path, account)


def read_parts(path: Path, account: InputAccount) -> Iterator[Spectrum | SpectrumTable]:
    """Return what ``read_spectra`` does, runs of spectra as tables where a format has them.

    A store is written several times as fast from tables; they hold the same spectra in the same
    order, and what cannot be given is counted alike.

    Raises:
        InputError: as ``read_spectra`` does.
    """
    _identify(path, account)
    if account.format == "msp":
        from spectrakit.io.msp import read_msp_parts as read
    elif account.format == "mzml":
        from spectrakit.io.mzml import read_mzml_parts as read
    else:
        return _read(path, account)
    return _opened(path, account, read)


def _identify(path: Path, account: InputAccount) -> None:
    account.format = sniff(path)
    with on_disk(path).open("rb") as raw:
        account.sha256 = hashlib.file_digest(raw, "sha256").hexdigest()


def _opened(
    path: Path,
    account: InputAccount,
    read: Callable[[Path, BinaryIO, InputAccount], Iterator[Spectrum | SpectrumTable]],
) -> Iterator[Spectrum | SpectrumTable]:
    with open_bytes(path) as stream:
        yield from read(path, stream, account)


def _read(path: Path, account: InputAccount) -> Iterator[Spectrum]:
    if account.format == "store":
        from spectrakit.store import Store

        with Store(on_disk(path)) as store:
            yield from _tidy(store, Drops(path, account))
        return
    with open_bytes(path, archives=True) as stream:
        if account.format == "mzml":
            from spectrakit.io.mzml import read_mzml as read
        elif account.format == "mzxml":
            from spectrakit.io.mzxml import read_mzxml as read
        elif account.format == "mzdata":
            from spectrakit.io.mzdata import read_mzdata as read
        elif account.format == "imzml":
            from spectrakit.io.imzml import read_imzml as read
        elif account.format == "mzmlb":
            from spectrakit.io.mzmlb import read_mzmlb as read
        elif account.format == "mgf":
            from spectrakit.io.mgf import read_mgf as read
        elif account.format == "msp":
            from spectrakit.io.msp import read_msp as read
        elif account.format in READERS:
            read = library_reader(account.format)
        else:
            from spectrakit.io.traces.formats import reader_of

            read = reader_of(account.format)
        yield from read(path, stream, account)


def _tidy(spectra: Iterable[Spectrum], drops: Drops) -> Iterator[Spectrum]:
    """Hold the peaks of a store, which anyone may have written, to what other files must be."""
    for spectrum in spectra:
        if spectrum.modality is not Modality.MSMS or spectrum.is_trace:
            yield spectrum
            continue
        try:
            mz, value, columns = tidy_peaks(spectrum.mz, spectrum.value, spectrum.columns)
        except BadSpectrum as error:
            drops.drop(str(error), f"spectrum '{spectrum.native_id}'")
            continue
        if mz is not spectrum.mz:
            axis = Axis(mz, spectrum.axis.unit)
            spectrum = replace(spectrum, axis=axis, value=value, columns=columns)
        yield spectrum
