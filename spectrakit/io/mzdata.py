"""mzData 1.05, the PSI format before mzML, by streaming; pyopenms is the oracle of its tests."""

import logging
from collections.abc import Iterator
from pathlib import Path
from typing import Any, BinaryIO

from spectrakit.accounting import InputAccount
from spectrakit.io.blocks import Drops
from spectrakit.io.fields import is_electron_source, number
from spectrakit.io.mzdata_spectrum import Draft
from spectrakit.io.record import BadSpectrum
from spectrakit.io.xml_stream import CHUNK, XmlStream, forget, local_name
from spectrakit.spectrum import Spectrum

log = logging.getLogger(__name__)

_TAGS = ("mzData", "instrument", "spectrumList", "spectrum")
_IONISATION = "PSI:1000008"


def read_mzdata(path: Path, stream: BinaryIO, account: InputAccount) -> Iterator[Spectrum]:
    """Yield the spectra of an mzData file in its order.

    m/z is float64; intensity has the precision of the file. Peaks are sorted by m/z (stable).
    The native id is ``spectrum=N``, as OpenMS names them. Supplemental arrays with one value
    for each peak become columns; every parameter without a field of its own is in ``extra``.

    Args:
        path: named in messages.
        stream: the decompressed bytes.
        account: told of every spectrum that cannot be given.

    Raises:
        InputError: the XML is broken or cut off, or has a DOCTYPE.
    """
    drops = Drops(path, account)
    document = _Document(path)
    index = -1
    while part := stream.read(CHUNK):
        for draft in document.feed(part):
            index += 1
            try:
                electrons = document.electron_ionisation
                yield draft.spectrum(index, document.instrument, electron_ionisation=electrons)
            except BadSpectrum as error:
                drops.drop(str(error), f"spectrum '{draft.native_id or index}'")
    document.xml.close()
    if document.declared not in (None, index + 1):
        log.warning("%s: declares %d spectra and holds %d.", path, document.declared, index + 1)


class _Document:
    """The XML around the spectra, and what it says about all of them."""

    def __init__(self, path: Path) -> None:
        self.xml = XmlStream(path, _TAGS)
        self.declared: int | None = None
        self.instrument = ""
        self.electron_ionisation = False

    def feed(self, part: bytes) -> Iterator[Draft]:
        """Parse some more XML; yield the spectra that ended in it."""
        for event, kind, element in self.xml.feed(part):
            if event == "start":
                if kind == "spectrumList":
                    count = number(element.get("count", ""))
                    self.declared = int(count) if count >= 0 else None
            elif kind == "spectrum":
                draft = Draft(element)
                self.xml.n_spectra += 1
                self.xml.last = draft.native_id
                yield draft
                forget(element)
            elif kind == "instrument":
                self._read_instrument(element)

    def _read_instrument(self, element: Any) -> None:
        for node in element.iter():
            if local_name(node) == "instrumentName":
                self.instrument = " ".join((node.text or "").split())
            elif node.get("accession") == _IONISATION:
                value = node.get("value", "")
                electrons = is_electron_source(value)
                self.electron_ionisation = self.electron_ionisation or electrons
