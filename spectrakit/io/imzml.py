"""imzML (mass spectrometry imaging), continuous and processed: mzML with its numbers in an .ibd."""

from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO

from spectrakit.accounting import InputAccount
from spectrakit.io.imzml_binary import Ibd
from spectrakit.io.mzml import read_mzml
from spectrakit.spectrum import Spectrum


def read_imzml(path: Path, stream: BinaryIO, account: InputAccount) -> Iterator[Spectrum]:
    """Yield the spectra of an imzML, one for each pixel, as ``read_mzml`` yields those of mzML.

    Where a spectrum was taken is in ``extra``: ``position x``, ``position y``, ``position z``.

    Raises:
        InputError: as ``read_mzml``; or the .ibd is missing, cut off, of another imzML, or changed
            since it was written.
    """
    with Ibd(path) as ibd:
        yield from read_mzml(path, stream, account, ibd)
