"""Spectra as MGF and MSP text, written so that every number reads back exactly."""

import json
from collections.abc import Iterable, Iterator, Mapping
from math import isnan
from typing import Any, BinaryIO

from spectrakit.io.fields import canonical
from spectrakit.spectrum import Spectrum

_IDS = ("accession", "spectrum_id", "db", "title", "name")


def write_mgf(handle: BinaryIO, spectra: Iterable[Spectrum]) -> int:
    """Write spectra as MGF and return how many; TITLE is the native id.

    A per-peak column ``charge`` or ``annotation`` becomes the third column.
    """
    count = 0
    for count, spectrum in enumerate(spectra, 1):  # noqa: B007 - the last count is returned
        lines = ["BEGIN IONS"]
        if spectrum.native_id:
            lines.append(f"TITLE={_one_line(spectrum.native_id)}")
        if spectrum.precursor_mz > 0:
            intensity = spectrum.precursor_intensity
            more = "" if isnan(intensity) else f" {_number(intensity)}"
            lines.append(f"PEPMASS={_number(spectrum.precursor_mz)}{more}")
        if spectrum.charge:
            lines.append(f"CHARGE={_charge(spectrum)}")
        if not isnan(spectrum.rt_seconds):
            lines.append(f"RTINSECONDS={_number(spectrum.rt_seconds)}")
        if spectrum.name:
            lines.append(f"NAME={_one_line(spectrum.name)}")
        lines += [f"{key}={value}" for key, value in _shared_fields(spectrum)]
        lines += [f"{key.replace('=', ':')}={value}" for key, value in _extras(spectrum.extra)]
        lines += _peak_lines(spectrum, quote="")
        lines.append("END IONS\n\n")
        handle.write("\n".join(lines).encode())
    return count


def write_msp(handle: BinaryIO, spectra: Iterable[Spectrum]) -> int:
    """Write spectra as MSP and return how many; ACCESSION is the native id.

    NAME is never empty, because readers expect it; the retention time is in minutes, as
    MS-DIAL has it. A per-peak column ``annotation`` is written in quotes.
    """
    count = 0
    for count, spectrum in enumerate(spectra, 1):  # noqa: B007 - the last count is returned
        molecule = spectrum.molecule
        name = spectrum.name or (molecule.name if molecule else "") or spectrum.native_id
        lines = [f"NAME: {_one_line(name) or 'Unknown'}"]
        if spectrum.native_id and spectrum.native_id != name:
            lines.append(f"ACCESSION: {_one_line(spectrum.native_id)}")
        if spectrum.precursor_mz > 0:
            lines.append(f"PRECURSORMZ: {_number(spectrum.precursor_mz)}")
        if not isnan(spectrum.precursor_intensity):
            lines.append(f"PRECURSORINTENSITY: {_number(spectrum.precursor_intensity)}")
        if spectrum.charge:
            lines.append(f"CHARGE: {_charge(spectrum)}")
        if not isnan(spectrum.rt_seconds):
            lines.append(f"RETENTIONTIME: {_number(spectrum.rt_seconds / 60)}")
        lines += [f"{key}: {value}" for key, value in _shared_fields(spectrum)]
        lines += [f"{key.replace(':', ' ')}: {value}" for key, value in _extras(spectrum.extra)]
        lines.append(f"Num Peaks: {len(spectrum)}")
        lines += _peak_lines(spectrum, quote='"')
        lines.append("\n")
        handle.write("\n".join(lines).encode())
    return count


def _shared_fields(spectrum: Spectrum) -> Iterator[tuple[str, str]]:
    """Yield the fields that both formats spell alike."""
    molecule = spectrum.molecule
    if molecule is not None:
        if molecule.name and molecule.name != spectrum.name:
            yield "COMPOUND_NAME", _one_line(molecule.name)
        for key in ("inchikey", "smiles", "inchi", "formula"):
            if text := _one_line(getattr(molecule, key)):
                yield key.upper(), text
        if not isnan(molecule.exact_mass):
            yield "EXACTMASS", _number(molecule.exact_mass)
    texts = {
        "ADDUCT": spectrum.adduct,
        "IONMODE": {1: "POSITIVE", -1: "NEGATIVE"}.get(spectrum.polarity, ""),
        "MSLEVEL": str(spectrum.ms_level or ""),
        "COLLISION_ENERGY": spectrum.collision_energy,
        "FRAGMENTATION_METHOD": spectrum.activation,
        "INSTRUMENT": spectrum.instrument,
        "SAMPLE": spectrum.sample,
        "REPLICATE": str(spectrum.replicate or ""),
        "SPECTRUMTYPE": {True: "Profile", False: "Centroid"}.get(spectrum.is_profile, ""),  # type: ignore[call-overload]  # None is not said
    }
    for key, text in texts.items():
        if plain := _one_line(text):
            yield key, plain
    for key, edge in (
        ("ISOLATION_LOWER", spectrum.isolation_lower),
        ("ISOLATION_UPPER", spectrum.isolation_upper),
    ):
        if not isnan(edge):
            yield key, _number(edge)


def _extras(extra: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    for key, value in extra.items():
        plain = _one_line(key)
        if not plain or plain[0] in "0123456789.+-#;!/(":
            plain = f"x-{plain}"  # such a line would be a peak or a comment
        if canonical(plain) in ("num_peaks", *_IDS):
            plain = f"x-{plain}"
        for item in value if isinstance(value, list) else [value]:
            text = item if isinstance(item, str) else json.dumps(item, ensure_ascii=False)
            yield plain, _one_line(text)


def _peak_lines(spectrum: Spectrum, quote: str) -> list[str]:
    mz = map(_number, spectrum.mz.tolist())
    intensity = map(_number, spectrum.intensity.tolist())
    notes = _notes(spectrum, quote)
    if notes is None:
        return [f"{m} {i}" for m, i in zip(mz, intensity, strict=True)]
    return [f"{m} {i} {n}".rstrip() for m, i, n in zip(mz, intensity, notes, strict=True)]


def _notes(spectrum: Spectrum, quote: str) -> list[str] | None:
    if "annotation" in spectrum.columns:
        texts = [_one_line(str(text)).replace('"', "'") for text in spectrum.columns["annotation"]]
        return [f"{quote}{text}{quote}" if text else "" for text in texts]
    if "charge" in spectrum.columns and not quote:
        return [f"{int(charge)}+" if charge else "" for charge in spectrum.columns["charge"]]
    return None


def _charge(spectrum: Spectrum) -> str:
    """Return ``2+``, or ``2`` where the polarity is not known."""
    sign = "-" if spectrum.charge < 0 else "+" if spectrum.polarity > 0 else ""
    return f"{abs(spectrum.charge)}{sign}"


def _number(value: float) -> str:
    """Return the shortest text that reads back as the same float64."""
    return repr(value).removesuffix(".0")


def _one_line(text: str) -> str:
    """Return text without line breaks and control characters."""
    return "".join(c if c.isprintable() else " " for c in text).strip()
