"""PSI spectral libraries as text: mzSpecLib 1.0, and the older ``#PSI Spectral Library Format``.

mzSpecLib: sections in angle brackets, attributes ``[group]accession|name=value``. What has a
field becomes one; every attribute is kept in ``extra`` as it is spelled, those of analytes and
interpretations under their section. The older text writes ``accession|name = value``, one
spectrum a paragraph. Clusters hold no peaks: they are counted and left out.
"""

import logging
import re
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, BinaryIO

from spectrakit.accounting import InputAccount
from spectrakit.io.blocks import Drops, decode, split_records
from spectrakit.io.fields import canonical
from spectrakit.io.mzspeclib_terms import (
    ANALYTE_FIELDS,
    FIELDS,
    METHODS,
    NEGATIVE,
    POSITIVE,
    SET_NAME,
    UNIT,
    UNITS,
)
from spectrakit.io.peaklist import EMPTY_LIST, BadPeakLine, note_column, parse_peaks
from spectrakit.io.record import (
    NO_COLUMNS,
    BadSpectrum,
    Field,
    add_extra,
    field_of,
    record_spectrum,
)
from spectrakit.spectrum import Spectrum

log = logging.getLogger(__name__)

_SECTION = re.compile(r"<(/?)([A-Za-z]+)(?:[ =]([^>]*))?>")
_ATTRIBUTE = re.compile(r"(?:\[(\d+)\])?([A-Za-z]+:\d+)\|([^=]*?)\s*(?:=\s*(.*))?")
_NO_LIST = "no peak list"
_OTHER_COUNT = "number of peaks is not what is declared"
_COUNTS = ("MS:1003059", "MS:1009006")
_ID_ORDER = ("accession", "spectrum_id", "name")


@dataclass(frozen=True, slots=True)
class Attribute:
    """One line: ``[group]accession|name=value``; the group may be empty."""

    group: str
    accession: str
    name: str
    value: str

    @property
    def key(self) -> str:
        """The name as the file spells it."""
        return f"{f'[{self.group}]' if self.group else ''}{self.accession}|{self.name}"

    @property
    def plain(self) -> str:
        """The value without the accession of a term."""
        term = re.fullmatch(r"[A-Za-z]+:\d+\|(.*)", self.value)
        return term[1] if term else self.value


@dataclass(slots=True)
class _Block:
    """One spectrum before it is understood."""

    attributes: list[Attribute] = field(default_factory=list[Attribute])
    analytes: dict[str, list[Attribute]] = field(default_factory=dict[str, list[Attribute]])
    others: dict[str, list[Attribute]] = field(default_factory=dict[str, list[Attribute]])
    plain: list[str] = field(default_factory=list[str])
    peaks: list[str] = field(default_factory=list[str])
    peaks_line: int = -1


def read_mzspeclib(path: Path, stream: BinaryIO, account: InputAccount) -> Iterator[Spectrum]:
    """Yield the spectra of an mzSpecLib text in its order; the native id is the spectrum's key.

    Attributes of the library and of attribute sets hold for every spectrum that does not say
    otherwise. Annotations of peaks become the column ``annotation``, what follows them
    ``aggregation``.

    Args:
        path: named in messages.
        stream: the decompressed bytes.
        account: told of every spectrum that cannot be given.
    """
    drops = Drops(path, account)
    sets: dict[str, dict[str, list[Attribute]]] = {}
    library: list[Attribute] = []
    line, index, clusters = 1, 0, 0
    for number, block in enumerate(split_records(path, stream, b"\n<Spectrum=")):
        text = decode(block)
        start, line = line, line + text.count("\n") + 1
        if number == 0:
            library = _read_head(text, sets)
            continue
        text, *rest = re.split(r"^<Cluster[ =]", text, flags=re.MULTILINE)
        clusters += len(rest)
        key, _, body = text.partition("\n")
        try:
            found = _sections(body)
            yield _counted(_spectrum(key.rstrip("> \t"), found, library, sets, index), account)
        except BadPeakLine as error:
            place = f"entry {index + 1}, line {start + error.line + 1}"
            drops.drop(str(error), f"{place} ({error.text.strip()[:40]!r})")
        except BadSpectrum as error:
            drops.drop(str(error), f"entry {index + 1}, line {start}")
        index += 1
    if clusters:
        log.warning("%s: %d clusters are left out: they hold no peaks.", path, clusters)
    _say_counted(path, account)


def _counted(spectrum: Spectrum, account: InputAccount) -> Spectrum:
    """Count a spectrum whose number of peaks is another than it declares: that stays an extra."""
    if any(key.startswith(_COUNTS) for key in spectrum.extra):
        account.treated[_OTHER_COUNT] += 1
    return spectrum


def _say_counted(path: Path, account: InputAccount) -> None:
    if n := account.treated[_OTHER_COUNT]:
        log.warning("%s: %d spectra have another number of peaks than they declare.", path, n)


def _attribute(line: str) -> Attribute | None:
    match = _ATTRIBUTE.fullmatch(line.strip())
    if match is None:
        return None
    return Attribute(match[1] or "", match[2], match[3].strip(), (match[4] or "").strip())


def _read_head(text: str, sets: dict[str, dict[str, list[Attribute]]]) -> list[Attribute]:
    """Return the attributes of the library; fill ``sets`` by kind (Spectrum, ...) and name."""
    library: list[Attribute] = []
    into = library
    for line in text.split("\n"):
        if match := _SECTION.fullmatch(line.strip()):
            kind, _, name = (match[3] or "").partition("=")
            if match[2] == "AttributeSet":
                into = sets.setdefault(kind.strip(), {}).setdefault(name.strip(), [])
        elif (found := _attribute(line)) is not None:
            into.append(found)
    return library


def _sections(body: str) -> _Block:
    block = _Block()
    into: list[Attribute] | None = block.attributes
    for number, line in enumerate(body.split("\n")):
        text = line.strip()
        if into is None:
            if text.startswith("<"):
                raise BadPeakLine(number, line)
            block.peaks.append(line)
        elif match := _SECTION.fullmatch(text):
            name = match[3] or "1"
            if match[2] == "Peaks":
                into, block.peaks_line = None, number
            elif match[2] == "Analyte":
                into = block.analytes.setdefault(name, [])
            else:
                into = block.others.setdefault(f"{match[2]} {name}", [])
        elif (found := _attribute(text)) is not None:
            into.append(found)
        elif text and not text.startswith("#"):
            block.plain.append(text)
    return block


def _with_sets(
    own: list[Attribute], kind: str, sets: dict[str, dict[str, list[Attribute]]]
) -> list[Attribute]:
    """Add what attribute sets say and the section itself does not."""
    held = sets.get(kind, {})
    names = ["all", *(a.value for a in own if a.accession == SET_NAME)]
    said = {attribute.accession for attribute in own}
    added: list[Attribute] = []
    for name in names[1:] + names[:1]:  # a named set precedes the one for all
        fresh = [a for a in held.get(name, []) if a.accession not in said or a.accession == UNIT]
        groups = {a.group for a in fresh if a.accession != UNIT}
        added += [a for a in fresh if a.accession != UNIT or a.group in groups]
        said |= {a.accession for a in fresh}
    return own + [replace(a, group=f"{a.group} set" if a.group else "") for a in added]


def _spectrum(
    key: str,
    block: _Block,
    library: list[Attribute],
    sets: dict[str, dict[str, list[Attribute]]],
    index: int,
) -> Spectrum:
    if block.peaks_line < 0:
        raise BadSpectrum(_NO_LIST)
    attributes = _with_sets(block.attributes, "Spectrum", sets)
    fields = [("accession", "Spectrum", key), *_fields(attributes, FIELDS)]
    extra: dict[str, Any] = {}
    for number, (name, held) in enumerate(block.analytes.items()):
        analyte = _with_sets(held, "Analyte", sets)
        if number == 0:
            fields += [one for one in _fields(analyte, ANALYTE_FIELDS) if one[0]]
        extra[f"Analyte {name}"] = _as_extra(analyte)
    for name, held in block.others.items():
        extra[name] = _as_extra(_with_sets(held, name.partition(" ")[0], sets))
    if library:
        extra["mzSpecLib"] = _as_extra(library)
    fields += [("", "text", text) for text in block.plain]
    spectrum = record_spectrum(
        fields, _peaks(block), id_order=_ID_ORDER, time_unit="s", index=index
    )
    return replace(spectrum, extra={**spectrum.extra, **extra})


def _as_extra(attributes: list[Attribute]) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for attribute in attributes:
        add_extra(found, attribute.key, attribute.value)
    return found


def _fields(attributes: list[Attribute], meanings: dict[str, str]) -> list[Field]:
    """Return attributes as fields: a number with the unit of its group, a term by its name."""
    units = {a.group: a for a in attributes if a.accession == UNIT and a.group}
    found: list[Field] = []
    for attribute in attributes:
        meaning = meanings.get(attribute.accession, "")
        value = attribute.plain
        if attribute.accession in (POSITIVE, NEGATIVE):
            meaning, value = "polarity", "+" if attribute.accession == POSITIVE else "-"
        elif meaning == "polarity":
            value = "+" if attribute.value.startswith(POSITIVE) else "-"
        elif meaning == "activation":
            value = METHODS.get(attribute.value.partition("|")[0], value)
        elif meaning in ("collision_energy", "retention_time") and attribute.group in units:
            unit = UNITS.get(units[attribute.group].value.partition("|")[0], "")
            if meaning == "retention_time" and unit in ("s", "min"):
                meaning = "rt_minutes" if unit == "min" else "rt_seconds"
            else:
                value = f"{value} {unit or units[attribute.group].plain}"
        found.append((meaning, attribute.key, value if meaning else attribute.value))
    return found


def _peaks(block: _Block) -> tuple[Any, Any, Any]:
    body = "\n".join(block.peaks).rstrip()
    if not body.strip():
        return *EMPTY_LIST[:2], NO_COLUMNS
    rows = [line.split("\t") for line in body.split("\n")]
    try:
        mz, intensity, notes = parse_peaks(body.encode())
    except BadPeakLine as error:
        raise BadPeakLine(error.line + block.peaks_line + 1, error.text) from None
    columns = {"annotation": note_column(notes)} if notes else NO_COLUMNS
    if any(len(row) > 3 for row in rows):
        pairs = [note.partition("\t") for note in notes]
        columns = {"annotation": note_column([note for note, _, _ in pairs])}
        columns["aggregation"] = note_column([more.replace("\t", " ") for _, _, more in pairs])
    return mz, intensity, columns


def read_psi_text(path: Path, stream: BinaryIO, account: InputAccount) -> Iterator[Spectrum]:
    """Yield the spectra of a ``#PSI Spectral Library Format`` text, as mzVault exports it.

    A spectrum is a paragraph of ``accession|name = value`` lines and peaks, or a part of one that
    begins with such a line below peaks. The native id is the
    spectrum index. Retention times without a unit are in minutes, as mzVault's are.

    Args:
        path: named in messages.
        stream: the decompressed bytes.
        account: told of every spectrum that cannot be given.
    """
    drops = Drops(path, account)
    line, index = 1, 0
    for block in split_records(path, stream, b"\n\n"):
        text = decode(block)
        start, line = line, line + text.count("\n") + 2
        lines = [(n, one) for n, one in enumerate(text.split("\n")) if one.strip()]
        lines = [(n, one) for n, one in lines if not one.startswith("#")]
        for record in _records(lines):
            try:
                yield _counted(_plain_spectrum(record, index), account)
            except BadPeakLine as error:
                place = f"entry {index + 1}, line {start + error.line}"
                drops.drop(str(error), f"{place} ({error.text.strip()[:40]!r})")
            except BadSpectrum as error:
                drops.drop(str(error), f"entry {index + 1}, line {start + record[0][0]}")
            index += 1
    _say_counted(path, account)


def _records(lines: list[tuple[int, str]]) -> Iterator[list[tuple[int, str]]]:
    """Yield the records of a paragraph: an attribute below peaks begins another one."""
    begin, peaks = 0, False
    for at, (_, text) in enumerate(lines):
        if text.lstrip()[:1].isdigit():
            peaks = True
        elif peaks and _attribute(text) is not None:
            yield lines[begin:at]
            begin, peaks = at, False
    if lines[begin:]:
        yield lines[begin:]


def _plain_spectrum(lines: list[tuple[int, str]], index: int) -> Spectrum:
    at = next((i for i, (_, text) in enumerate(lines) if text.lstrip()[:1].isdigit()), len(lines))
    fields: list[Field] = []
    for _, text in lines[:at]:
        found = _attribute(text)
        if found is None:
            key, equals, value = text.partition("=")
            fields.append(field_of(key.strip(), value.strip()) if equals else ("", "text", text))
        elif found.accession in (POSITIVE, NEGATIVE) or found.accession in FIELDS:
            fields += _fields([found], FIELDS)
        else:
            meaning = ANALYTE_FIELDS.get(found.accession) or canonical(found.name)
            fields.append((meaning if found.value else "", found.key, found.value))
    body = "\n".join(text for _, text in lines[at:])
    if not body and not any(meaning == "num_peaks" for meaning, *_ in fields):
        raise BadSpectrum(_NO_LIST)
    try:
        mz, intensity, notes = parse_peaks(body.encode()) if body else EMPTY_LIST
    except BadPeakLine as error:
        raise BadPeakLine(lines[at + error.line][0], error.text) from None
    columns = {"annotation": note_column(notes)} if notes else NO_COLUMNS
    return record_spectrum(
        fields, (mz, intensity, columns), id_order=_ID_ORDER, time_unit="min", index=index
    )
