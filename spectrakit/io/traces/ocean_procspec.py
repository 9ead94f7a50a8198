"""Ocean Optics SpectraSuite files (.ProcSpec): a zip archive of XML that Java wrote.

The result of the last step of processing comes first, then the counts of sample, reference and
dark that it was made of. An element may refer to another one by its path.
"""

import re
import zipfile
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
from numpy.typing import NDArray

from spectrakit.accounting import InputAccount
from spectrakit.errors import InputError
from spectrakit.io.blocks import Drops
from spectrakit.io.record import BadSpectrum
from spectrakit.io.streams import COPY_AGAIN
from spectrakit.io.traces.building import trace
from spectrakit.io.traces.units import modality_of
from spectrakit.io.traces.xml_tree import Element, parse_tree
from spectrakit.spectrum import Spectrum

_MEMBER = re.compile(r"ps_\d+\.xml")
_LARGEST = 64 << 20  # bytes of one member when decompressed
_MOST_MEMBERS = 1000
_CONTROL = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f]")
_UNITS = {
    "counts": "counts", "transmission": "percent transmittance", "absorbance": "absorbance",
    "reflection": "percent reflectance", "reflectance": "percent reflectance",
    "relativeirradiance": "irradiance", "absoluteirradiance": "irradiance",
}  # fmt: skip
_STEP = re.compile(r"([^\[\]]+)(?:\[(\d{1,6})\])?")


def read_ocean_procspec(path: Path, stream: BinaryIO, account: InputAccount) -> Iterator[Spectrum]:
    """Yield result, sample, reference and dark of every spectrum in the archive.

    Raises:
        InputError: the archive or its XML is damaged, or it holds no spectrum.
    """
    drops = Drops(path, account)
    found = 0
    for name, raw in _members(path, stream):
        try:
            text = raw.decode("utf-8")
        except UnicodeDecodeError:
            text = raw.decode("cp1252", "replace")  # as Java on Windows wrote it
        root = parse_tree(path, _CONTROL.sub("", text))
        found += 1
        yield from _spectra(root, name, found, drops)
    if not found:
        raise InputError(
            f"{path}: the archive has no spectrum (ps_N.xml).", hint="Save it again as ProcSpec."
        )


def _members(path: Path, stream: BinaryIO) -> Iterator[tuple[str, bytes]]:
    """Yield the members that are spectra, none of them larger than 64 MiB."""
    try:
        with zipfile.ZipFile(stream) as archive:
            members = [one for one in archive.infolist() if _MEMBER.fullmatch(one.filename)]
            for member in members[:_MOST_MEMBERS]:
                with archive.open(member) as file:
                    raw = file.read(_LARGEST + 1)
                if len(raw) > _LARGEST:
                    raise InputError(
                        f"{path}: {member.filename} is larger than {_LARGEST >> 20} MiB.",
                        hint="This is hardly a spectrum; check where the file is from.",
                    )
                yield member.filename, raw
    except (zipfile.BadZipFile, zlib.error, EOFError, OSError) as error:
        raise InputError(f"{path}: the archive is damaged ({error}).", hint=COPY_AGAIN) from error
    except (NotImplementedError, RuntimeError, ValueError) as error:  # packed or locked otherwise
        raise InputError(
            f"{path}: the archive cannot be unpacked ({error}).",
            hint="Unpack it and zip it again without a password.",
        ) from error


def _spectra(root: Element, name: str, number: int, drops: Drops) -> Iterator[Spectrum]:
    parents = {child: parent for parent in root.iter() for child in parent}
    source = root.find("sourceSpectra")
    sample = source[0] if source is not None and len(source) else None
    parts: list[tuple[str, Element | None, Element | None, str]] = []
    steps = root.findall("certificates/*[processedPixels]")
    if steps:
        last = steps[-1]
        unit = _unit(last.find("yUnits"))
        if unit != "counts":
            parts.append(
                ("result", last.find("processedPixels"), last.find("processedWavelengths"), unit)
            )
    if sample is not None:
        parts.append(
            ("sample", sample.find("pixelValues"), sample.find("channelWavelengths"), "counts")
        )
    for word in ("reference", "dark"):
        found = next(root.iter(f"{word}Spectrum"), None)
        if found is not None and (found := _resolved(found, parents)) is not None:
            parts.append(
                (word, found.find("pixelValues"), found.find("channelWavelengths"), "counts")
            )
    said = _said(sample)
    for part, y_element, x_element, unit in parts:
        x, y = _doubles(x_element, parents), _doubles(y_element, parents)
        try:
            yield trace(
                x,
                "nm",
                y,
                unit,
                modality=modality_of(axis=x, unit="nm", values=unit),
                extra=said | {"block": part, "member": name},
                native_id=part if number == 1 else f"{number}/{part}",
                instrument=str(said.get("serial_number", "")),
            )
        except BadSpectrum as error:
            drops.drop(str(error), f"{name}, {part}")


def _resolved(element: Element | None, parents: dict[Element, Element]) -> Element | None:
    """Follow references such as ``../../a/b[2]``; one that leads nowhere gives None."""
    for _ in range(10):
        if element is None or "reference" not in element.attrib:
            return element
        at: Element | None = element
        for step in element.attrib["reference"].split("/"):
            if at is None:
                return None
            if step == "..":
                at = parents.get(at)
                continue
            match = _STEP.fullmatch(step)
            same = [child for child in at if match and child.tag == match[1]]
            place = int(match[2] or 1) - 1 if match else 0
            at = same[place] if 0 <= place < len(same) else None
        element = at
    return None


def _doubles(element: Element | None, parents: dict[Element, Element]) -> NDArray[np.float64]:
    found = _resolved(element, parents)
    if found is None:
        return np.empty(0)
    try:
        return np.array([float(one.text or "") for one in found.findall("double")])
    except ValueError:
        return np.empty(0)


def _unit(element: Element | None) -> str:
    if element is None:
        return ""
    said = element.get("class", "").rpartition(".")[2].lower()
    word = said.replace("intensitydescriptor", "").replace("descriptor", "")
    return _UNITS.get(word, "")


def _said(sample: Element | None) -> dict[str, Any]:
    if sample is None:
        return {}
    words = {
        "integration_time_us": "integrationTime",
        "scans": "scansToAverage",
        "boxcar_width": "boxcarWidth",
        "operator": "userName",
        "serial_number": "spectrometerSerialNumber",
        "corrected_for_dark": "correctForElectricalDark",
        "corrected_for_nonlinearity": "correctForNonLinearity",
        "saturated": "saturated",
        "unix_time_ms": "acquisitionTime/milliTime",
    }
    return {key: sample.findtext(tag, "").strip()[:200] for key, tag in words.items()}
