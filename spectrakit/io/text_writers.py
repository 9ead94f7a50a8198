"""Spectra as MGF and MSP text, written so that every number reads back exactly."""

import json
from collections.abc import Iterable, Iterator, Mapping
from math import isnan
from typing import Any, BinaryIO

from spectrakit.io.extra_keys import marked
from spectrakit.io.field_texts import charge_text, number_text, one_line, shared_fields
from spectrakit.io.fields import canonical
from spectrakit.io.mgf_notes import notes_line
from spectrakit.spectrum import Spectrum

_MGF_KEYS = {"PEPTIDE": "SEQ"}
_NEVER_RAW = ("num_peaks", "accession", "spectrum_id", "db", "title", "name")


def write_mgf(handle: BinaryIO, spectra: Iterable[Spectrum]) -> int:
    """Write spectra as MGF and return how many; TITLE is the native id.

    A per-peak column ``charge`` becomes the third column; ``annotation`` is one parameter, since
    other readers take a third column for a charge.
    """
    count = 0
    for count, spectrum in enumerate(spectra, 1):  # noqa: B007 - the last count is returned
        lines = ["BEGIN IONS"]
        if spectrum.native_id:
            lines.append(f"TITLE={one_line(spectrum.native_id)}")
        if spectrum.precursor_mz > 0:
            intensity = spectrum.precursor_intensity
            more = "" if isnan(intensity) else f" {number_text(intensity)}"
            lines.append(f"PEPMASS={number_text(spectrum.precursor_mz)}{more}")
        if spectrum.charge:
            lines.append(f"CHARGE={charge_text(spectrum)}")
        if not isnan(spectrum.rt_seconds):
            lines.append(f"RTINSECONDS={number_text(spectrum.rt_seconds)}")
        if spectrum.name:
            lines.append(f"NAME={one_line(spectrum.name)}")
        fields = shared_fields(spectrum)
        lines += [f"{_MGF_KEYS.get(key, key)}={value}" for key, value in fields]
        said = _meanings(lines, "=")
        extras = _extras(spectrum.extra, said)
        lines += [f"{key.replace('=', ':')}={value}" for key, value in extras]
        if any(notes := _annotations(spectrum) or ()):
            lines.append(notes_line(notes))
        lines += _peak_lines(spectrum, _charges(spectrum))
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
        lines = [f"NAME: {one_line(name) or 'Unknown'}"]
        if spectrum.native_id and spectrum.native_id != name:
            lines.append(f"ACCESSION: {one_line(spectrum.native_id)}")
        if spectrum.precursor_mz > 0:
            lines.append(f"PRECURSORMZ: {number_text(spectrum.precursor_mz)}")
        if not isnan(spectrum.precursor_intensity):
            lines.append(f"PRECURSORINTENSITY: {number_text(spectrum.precursor_intensity)}")
        if spectrum.charge:
            lines.append(f"CHARGE: {charge_text(spectrum)}")
        if not isnan(spectrum.rt_seconds):
            lines.append(f"RETENTIONTIME: {number_text(spectrum.rt_seconds / 60)}")
        lines += [f"{key}: {value}" for key, value in shared_fields(spectrum)]
        said = _meanings(lines, ":")
        extras = _extras(spectrum.extra, said)
        lines += [f"{key.replace(':', ' ')}: {value}" for key, value in extras]
        lines.append(f"Num Peaks: {len(spectrum)}")
        lines += _peak_lines(spectrum, _quoted(_annotations(spectrum)))
        lines.append("\n")
        handle.write("\n".join(lines).encode())
    return count


def _meanings(lines: list[str], separator: str) -> dict[str, str]:
    """Return what the lines of a record say so far, by meaning."""
    cut = [line.partition(separator) for line in lines]
    return {canonical(key): value.strip() for key, _, value in cut}


def _extras(extra: Mapping[str, Any], said: Mapping[str, str]) -> Iterator[tuple[str, str]]:
    """Yield the extras; a second value of a field that is said already stays one as it is."""
    for key, value in extra.items():
        plain = one_line(key)
        if not plain:
            continue
        meaning = canonical(plain)
        other = said.get(meaning, "") if meaning not in _NEVER_RAW else ""
        for item in value if isinstance(value, list) else [value]:
            text = item if isinstance(item, str) else json.dumps(item, ensure_ascii=False)
            line = one_line(text)
            yield plain if meaning and other not in ("", line) else marked(plain), line


def _peak_lines(spectrum: Spectrum, notes: list[str] | None) -> list[str]:
    mz = map(number_text, spectrum.mz.tolist())
    intensity = map(number_text, spectrum.intensity.tolist())
    if notes is None:
        return [f"{m} {i}" for m, i in zip(mz, intensity, strict=True)]
    return [f"{m} {i} {n}".rstrip() for m, i, n in zip(mz, intensity, notes, strict=True)]


def _charges(spectrum: Spectrum) -> list[str] | None:
    if "charge" not in spectrum.columns:
        return None
    return [f"{int(charge)}+" if charge else "" for charge in spectrum.columns["charge"]]


def _annotations(spectrum: Spectrum) -> list[str] | None:
    if "annotation" not in spectrum.columns:
        return None
    return [one_line(str(text)) for text in spectrum.columns["annotation"]]


def _quoted(notes: list[str] | None) -> list[str] | None:
    if notes is None:
        return None
    plain = (note.replace('"', "'") for note in notes)
    return [f'"{note}"' if note else "" for note in plain]
