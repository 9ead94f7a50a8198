"""MSP libraries in the dialects of NIST, MoNA, MassBank, RIKEN, MS-DIAL, GOLM and PeptideAtlas.

There is no MSP standard. What holds everywhere: ``Key: value`` lines, then ``Num Peaks: n``,
then peaks. Blank lines, line ends, the order and spelling of keys, separators and notes of
peaks differ. Nothing is keyed by name: MassBank has 9 % of its spectra under a name that was
seen before.
"""

import logging
import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import BinaryIO

from spectrakit.accounting import InputAccount
from spectrakit.io.blocks import Drops, decode, split_batches
from spectrakit.io.msp_comments import with_comment
from spectrakit.io.msp_tables import TableReader
from spectrakit.io.peaklist import EMPTY_LIST, BadPeakLine, note_column, parse_peaks
from spectrakit.io.record import (
    NO_COLUMNS,
    BadSpectrum,
    Columns,
    Field,
    field_of,
    record_spectrum,
)
from spectrakit.spectrum import FloatArray, Spectrum
from spectrakit.spectrum_table import NO_PEAKS, SpectrumTable

_ID_ORDER = ("accession", "db", "spectrum_id", "name")
_NUM_PEAKS = re.compile(rb"^[ \t]*num[ _]*peaks?[ \t]*[:=]", re.IGNORECASE | re.MULTILINE)
_WITH_EQUALS = re.compile(r"[ \t]*num[ _]*peaks?[ \t]*=", re.IGNORECASE)
_FIELD = re.compile(r"[ \t]*([A-Za-z\[_][^:\t]{0,80})[ \t]*:")
_NAMES = re.compile(rb"^[ \t]*name[ \t_]*:", re.IGNORECASE | re.MULTILINE)
_SYNONYM_FIELD = re.compile(r"(METB InChI(?:Key)?): (.+)")
_ANOTHER = re.compile(rb"\n[0-9.+nN\s]")  # what a name or peaks below a first line begin with
_LINE_OF_DIGITS = re.compile(rb"\n\s*[0-9.+]")
_CUTTING = ("name", "numpeaks", "numpeak")  # fields that end a record or begin its peaks
_NO_LIST = "no peak list"
_MISSING = "the declared peaks are missing"
_CUT_OFF = "cut off within its peaks"
_OTHER_COUNT = "Num Peaks is not the number of peaks"

log = logging.getLogger(__name__)


@dataclass(slots=True)
class _Entry:
    """One record before it is understood: its field lines, what it declares and its peak lines."""

    header: str
    declared: int | None
    body: bytes
    line: int  # of its first line, from 1
    body_line: int
    is_open: bool = False  # the file ends in the middle of its last line
    is_last: bool = False  # the file ends below it, without a blank line


def read_msp(path: Path, stream: BinaryIO, account: InputAccount) -> Iterator[Spectrum]:
    """Yield the spectra of an MSP file in its order.

    The native id is ACCESSION, DB# or Spectrum_ID, else NAME, else the 0-based index. Peaks are
    sorted by m/z (stable); notes of peaks become the column ``annotation``. A count of peaks
    that differs from ``Num Peaks`` is kept in ``extra`` and counted in ``account.treated``; where
    the file ends within it, the record is dropped.

    Args:
        path: named in messages.
        stream: the decompressed bytes.
        account: told of every spectrum that cannot be given.
    """
    for part in _parts(path, stream, account, None):
        if isinstance(part, Spectrum):
            yield part


def read_msp_parts(
    path: Path, stream: BinaryIO, account: InputAccount
) -> Iterator[Spectrum | SpectrumTable]:
    """Yield the same spectra in the same order, runs of plainly written ones as tables."""
    return _parts(path, stream, account, TableReader(_described, _ID_ORDER))


def _parts(
    path: Path, stream: BinaryIO, account: InputAccount, tables: TableReader | None
) -> Iterator[Spectrum | SpectrumTable]:
    drops = Drops(path, account)
    index = 0
    for entry in _entries(path, stream, tables):
        if isinstance(entry, SpectrumTable):
            yield entry
            index += len(entry)
            continue
        index += 1
        try:
            spectrum = _spectrum(entry, index - 1)
            if entry.declared not in (None, len(spectrum)):
                account.treated[_OTHER_COUNT] += 1
                if entry.is_last and len(spectrum) < (entry.declared or 0):
                    log.warning(
                        "%s: entry %d, line %d: the file ends after %d of its %d peaks: "
                        "is it cut off?",
                        path, index, entry.line, len(spectrum), entry.declared,
                    )  # fmt: skip
            yield spectrum
        except BadPeakLine as error:
            line = entry.body_line + error.line
            drops.drop(str(error), f"entry {index}, line {line} ({error.text.strip()[:40]!r})")
        except BadSpectrum as error:
            drops.drop(str(error), f"entry {index}, line {entry.line}")
    if n := account.treated[_OTHER_COUNT]:
        log.warning("%s: Num Peaks is not the number of peaks in %d of its records.", path, n)


def _spectrum(entry: _Entry, index: int) -> Spectrum:
    if entry.declared is None and not entry.body:
        raise BadSpectrum(_NO_LIST)
    if entry.declared and not entry.body:
        raise BadSpectrum(_MISSING)
    mz, intensity, notes = parse_peaks(entry.body, entry.declared) if entry.body else EMPTY_LIST
    if entry.is_open and entry.declared is not None and len(mz) < entry.declared:
        raise BadSpectrum(_CUT_OFF)
    columns = {"annotation": note_column(notes)} if notes else NO_COLUMNS
    return _described(entry.header, index, (mz, intensity, columns), entry.declared)


def _described(
    header: str,
    index: int,
    peaks: tuple[FloatArray, FloatArray, Columns] = (NO_PEAKS, NO_PEAKS, NO_COLUMNS),
    declared: int | None = None,
) -> Spectrum:
    """Return the spectrum of these header lines and peaks."""
    fields = list(map(_field, header.split("\n")))
    if "omment" in header or "OMMENT" in header:
        fields = with_comment(fields)
    if declared is not None and declared != len(peaks[0]):
        fields.append(("num_peaks", "Num Peaks", str(declared)))
    return record_spectrum(fields, peaks, id_order=_ID_ORDER, time_unit="min", index=index)


@lru_cache(maxsize=1 << 16)
def _field(line: str) -> Field:
    """Return one header line as a field; most lines of a library repeat."""
    key, colon, value = line.partition(":")
    key, value = key.strip(), value.strip()
    if not colon:
        return "", "text" if key else "", key
    if key[:5].lower() == "synon" and (match := _SYNONYM_FIELD.match(value)):
        return field_of(match[1], match[2])
    return field_of(key, value)


def _entries(
    path: Path, stream: BinaryIO, tables: TableReader | None
) -> Iterator[_Entry | SpectrumTable]:
    """Yield the records, and runs of them as tables where ``tables`` can read them."""
    cutter = _Cutter()
    batches = split_batches(path, stream, b"\n\n")
    batch = next(batches)
    for following in batches:
        done = 0
        if tables is not None and batch and cutter.spelling not in batch[0]:
            yield from cutter.entries(batch[0])  # it may spell Num Peaks in another way
            done = 1
        spelling = cutter.spelling
        for run in tables.runs(batch, done, spelling) if tables is not None else ():
            for paragraph in batch[done : run.start]:
                yield from cutter.entries(paragraph)
            done = run.start
            if cutter.passes(batch[run.start : run.stop], spelling):
                yield run.table
                done = run.stop
        for paragraph in batch[done:]:
            yield from cutter.entries(paragraph)
        batch = following
    last = [entry for paragraph in batch for entry in cutter.entries(paragraph)]
    last += cutter.rest()
    if last:
        last[-1].is_last = not batch[-1].isspace() and batch[-1] != b""
        last[-1].is_open = last[-1].is_last and not batch[-1].endswith(b"\n")
    yield from last


class _Cutter:
    """Cuts records out of paragraphs; the usual shape of one (fields, a peak list) is quick."""

    def __init__(self) -> None:
        self.spelling = b"\nNum Peaks:"
        self._held: list[str] = []  # paragraphs of a record that has not ended
        self._waiting = _Unfinished()
        self._line = self._held_line = 1

    def passes(self, paragraphs: list[bytes], spelling: bytes) -> bool:
        """Pass over whole records that were read elsewhere, unless one began before them."""
        if self._held or spelling != self.spelling:
            return False
        self._line += sum(p.count(b"\n") for p in paragraphs) + 2 * len(paragraphs)
        return True

    def entries(self, paragraph: bytes) -> Iterator[_Entry]:
        """Yield the records that end in the next paragraph."""
        start = self._line
        self._line += paragraph.count(b"\n") + 2
        if not self._held:
            at = paragraph.find(self.spelling)
            if at < 0 and (match := _NUM_PEAKS.search(paragraph)):
                self.spelling = b"\n" + match[0] if match.start() else self.spelling
                at = paragraph.find(self.spelling)
            if at >= 0 and paragraph.find(self.spelling, at + 1) < 0:
                entry = _plain_entry(paragraph, at, len(self.spelling), start)
                if entry is not None:
                    yield entry
                    return
        if not paragraph.strip():
            if self._held:
                self._held.append(decode(paragraph))
            return
        if not self._held:
            self._held_line = start
        text = decode(paragraph)
        if self._held and not self._waiting.may_end(text):
            self._held.append(text)
            return
        text = "\n\n".join([*self._held, text])
        entries, rest, line, self._waiting = _line_by_line(text, self._held_line)
        yield from entries
        self._held, self._held_line = [rest] if rest else [], line

    def rest(self) -> Iterator[_Entry]:
        """Yield what the end of the file ends."""
        if self._held:
            text = "\n\n".join([*self._held, "name:"])
            yield from _line_by_line(text, self._held_line)[0]


def _plain_entry(paragraph: bytes, at: int, width: int, line: int) -> _Entry | None:
    """Return the record of a paragraph whose lines after Num Peaks all look like peaks.

    Other than ASCII among the peaks says in which encoding the whole paragraph is.
    """
    end = paragraph.find(b"\n", at + 1)
    body = paragraph[end + 1 :] if end >= 0 else b""
    declared = _declared(paragraph[at + width : end if end >= 0 else None])
    if declared is None:
        return None
    if declared and (not body or body.isspace()):
        return None  # the peaks may come after a blank line
    if b":" in body or not body.isascii() or (not declared and body):
        return None
    if _holds_two(paragraph[:at]):
        return None
    header = decode(paragraph[:at])
    body_line = line + header.count("\n") + 2
    return _Entry(header.strip(), declared, body.rstrip(), line, body_line)


def _holds_two(header: bytes) -> bool:
    """Say whether the end of one record and the beginning of another are above a peak list.

    Files that were joined without a blank line between them have such paragraphs.
    """
    if _ANOTHER.search(header) is None and _NUM_PEAKS.match(header) is None:
        return False
    return bool(
        _NUM_PEAKS.search(header)
        or _LINE_OF_DIGITS.search(header)  # peaks whose Num Peaks is damaged
        or len(_NAMES.findall(header)) > 1
    )


@dataclass(frozen=True, slots=True)
class _Unfinished:
    """What a record that has not ended holds: a name, and the announcement of a peak list."""

    named: bool = False
    announced: bool = False

    def may_end(self, text: str) -> bool:
        """Say whether these lines could end it or begin its peaks; else they only make it longer.

        A text that is no library may wait for that in thousands of paragraphs.
        """
        for content in text.split("\n"):
            if not content or content.isspace():
                continue
            key, _ = _key_and_value(content)
            if self.announced or key in _CUTTING:
                return True
            if not key and self.named and _looks_like_peak(content):
                return True
        return False


def _key_and_value(content: str) -> tuple[str, str]:
    """Return the key of a field, in lower case without blanks, and its value; of no field ""."""
    if field := _FIELD.match(content):
        return re.sub(r"[ _]", "", field[1]).lower(), content.partition(":")[2]
    if field := _WITH_EQUALS.match(content):
        return "numpeaks", content[field.end() :]
    return "", ""


def _line_by_line(text: str, line: int) -> tuple[list[_Entry], str, int, _Unfinished]:
    """Cut text into records by what the lines say; return what is unfinished as well.

    A record ends where a field follows its peaks, or where a second NAME follows the first.
    """
    entries: list[_Entry] = []
    lines = text.split("\n")
    start = 0
    declared: int | None = None
    list_at: int | None = None
    named = peaks = announced = False

    def close(stop: int) -> None:
        nonlocal start, declared, list_at, named, peaks, announced
        block = lines[start:stop]
        if list_at is None:
            header, body = block, list[str]()
        else:
            stated = announced and declared is None  # not understood, and kept as a field
            header, body = lines[start : list_at + stated], lines[list_at + announced : stop]
        if named or list_at is not None:
            joined = "\n".join(body).rstrip().encode("utf-8")
            body_line = line + (list_at or 0) + 1  # the list begins below its announcement
            head = "\n".join(h for h in header if h.strip())
            entries.append(_Entry(head, declared, joined, line + start, body_line))
            start = stop
        declared, list_at, named, peaks, announced = None, None, False, False, False

    for i, content in enumerate(lines):
        if not content or content.isspace():
            continue
        key, value = _key_and_value(content)
        if not key:
            if list_at is not None:
                peaks = True
            elif _looks_like_peak(content) and named:
                list_at, peaks = i, True
            continue
        if list_at is not None or (key == "name" and named):
            close(i)
        if key == "name":
            named = True
        elif key in _CUTTING:
            list_at, announced = i, True
            declared = _declared(value)
    if list_at is not None and (peaks or declared == 0):
        close(len(lines))
        return entries, "", line, _Unfinished()
    state = _Unfinished(named, list_at is not None)
    return entries, "\n".join(lines[start:]), line + start, state


def _declared(text: str | bytes) -> int | None:
    try:
        return int(text)
    except ValueError:
        return None


def _looks_like_peak(content: str) -> bool:
    words = content.replace(";", " ").split()
    try:
        return len(words) >= 2 and float(words[0]) >= 0 and float(words[1]) >= 0
    except ValueError:
        return False
