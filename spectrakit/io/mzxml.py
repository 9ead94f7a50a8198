"""mzXML (1.x to 3.2) by streaming: scans nested or flat, indexed or not, nothing lost.

pyopenms and pyteomics are the oracles of its tests. The index is not needed and not believed.
"""

import logging
from collections.abc import Iterator
from pathlib import Path
from typing import Any, BinaryIO

from spectrakit.accounting import InputAccount
from spectrakit.io.blocks import Drops
from spectrakit.io.fields import is_electron_source, number
from spectrakit.io.mzxml_scan import Instrument, Scan
from spectrakit.io.record import BadSpectrum
from spectrakit.io.xml_stream import CHUNK, XmlStream, forget, local_name
from spectrakit.spectrum import Spectrum

log = logging.getLogger(__name__)

_TAGS = ("mzXML", "msRun", "msInstrument", "instrument", "dataProcessing", "scan", "offset")


def read_mzxml(path: Path, stream: BinaryIO, account: InputAccount) -> Iterator[Spectrum]:
    """Yield the scans of an mzXML file in the order in which they begin.

    m/z is float64; intensity has the precision of the file. Peaks are sorted by m/z (stable).
    The native id is ``scan=N``, as ProteoWizard names scans of mzXML. A collision energy has no
    unit, because mzXML states none. What has no field of its own is in ``extra`` under the name
    of its attribute; of a second precursor, with its number in front.

    Args:
        path: named in messages.
        stream: the decompressed bytes.
        account: told of every scan that cannot be given.

    Raises:
        InputError: the XML is broken or cut off, or has a DOCTYPE.
    """
    drops = Drops(path, account)
    document = _Document(path)
    index = -1
    while part := stream.read(CHUNK):
        for scan in document.feed(part):
            index += 1
            try:
                instrument = document.instrument(scan.instrument_id)
                yield scan.spectrum(index, instrument, is_profile=document.is_profile)
            except BadSpectrum as error:
                drops.drop(str(error), f"spectrum '{scan.native_id or index}'")
    document.xml.close()
    if document.declared not in (None, index + 1):
        log.warning("%s: declares %d scans and holds %d.", path, document.declared, index + 1)
    if document.n_late:
        account.treated["said more after its nested scans, which is not kept"] += document.n_late
        log.warning(
            "%s: %d scans say more after their nested scans; this is not kept.",
            path,
            document.n_late,
        )


class _Document:
    """The XML around the scans, and what it says about all of them."""

    def __init__(self, path: Path) -> None:
        self.xml = XmlStream(path, _TAGS)
        self.declared: int | None = None
        self.is_profile: bool | None = None
        self.n_late = 0
        self._instruments: dict[str, Instrument] = {}
        self._first = Instrument()
        self._open: list[tuple[Scan, Any]] = []  # scans that have begun, outermost first
        self._given: set[int] = set()  # depths of open scans that were given already

    def instrument(self, name: str) -> Instrument:
        """Return the instrument that a scan names, or the first of the file."""
        return self._instruments.get(name, self._first)

    def feed(self, part: bytes) -> Iterator[Scan]:
        """Parse some more XML; yield each scan when a nested one begins or when it ends."""
        for event, kind, element in self.xml.feed(part):
            if kind == "scan":
                yield from self._begin(element) if event == "start" else self._end(element)
            elif event == "start":
                if kind == "msRun":
                    count = number(element.get("scanCount", ""))
                    self.declared = int(count) if count >= 0 else None
            elif kind == "dataProcessing":
                if element.get("centroided") in ("1", "true"):
                    self.is_profile = False
            elif kind in ("msInstrument", "instrument"):
                self._add_instrument(element)
            elif kind == "offset":
                forget(element)

    def _begin(self, element: Any) -> Iterator[Scan]:
        depth = len(self._open) - 1
        if depth >= 0 and depth not in self._given:
            yield self._give(depth, keep_tree=True)
            self._given.add(depth)
        self._open.append((Scan(dict(element.items())), element))

    def _end(self, element: Any) -> Iterator[Scan]:
        depth = len(self._open) - 1
        if depth in self._given:
            self._given.discard(depth)
            self.n_late += any(local_name(child) != "scan" for child in element)
        else:
            yield self._give(depth, keep_tree=False)
        self._open.pop()
        element.clear()
        before = element.getprevious()
        while before is not None and local_name(before) == "scan":
            element.getparent().remove(before)
            before = element.getprevious()

    def _give(self, depth: int, *, keep_tree: bool) -> Scan:
        """Return a scan with its children before the first nested scan.

        They are taken out of a tree that is kept. The tree may be further than the events: what
        comes after the nested scan may not be complete.
        """
        scan, element = self._open[depth]
        for child in list(element):
            kind = local_name(child)
            if kind == "scan":
                break
            scan.add(kind, child)
            if keep_tree:
                element.remove(child)
        self.xml.n_spectra += 1
        self.xml.last = scan.native_id
        return scan

    def _add_instrument(self, element: Any) -> None:
        said = {local_name(child): child.get("value", "") for child in element}
        said |= {"msModel": said.get("msModel") or element.get("model", "")}
        ionisation = said.get("msIonisation") or element.get("ionisation", "")
        electrons = is_electron_source(ionisation)
        name = said["msModel"] or said.get("msManufacturer", "")
        key = element.get("msInstrumentID") or element.get("id") or ""
        self._instruments.setdefault(key, Instrument(name, electrons))
        self._first = next(iter(self._instruments.values()))
