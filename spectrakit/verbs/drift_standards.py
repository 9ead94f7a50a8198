"""Standards measured again: the day, the known value and the model's answer of each."""

import re
from collections.abc import Iterator, Mapping, Sequence
from datetime import date as calendar
from math import isfinite, nan
from pathlib import Path

import numpy as np

from spectrakit.bundle import Bundle
from spectrakit.errors import InputError, UsageError
from spectrakit.transfer.control import ControlFacts
from spectrakit.transfer.gated import gated_answers
from spectrakit.transfer.history import Control
from spectrakit.transfer.shift import channel_shift
from spectrakit.verbs.sheets import TargetTable
from spectrakit.verbs.transfer_spectra import Measured

_DATE = re.compile(r"\s*(\d{4})[-/](\d{1,2})[-/](\d{1,2})(?!\d)")
_GERMAN = re.compile(r"\s*(\d{1,2})\.(\d{1,2})\.(\d{4})(?!\d)")
_DATE_KEYS = ("date", "long date", "longdate", "acquisition date", "datetime")

References = Mapping[tuple[str, str], float]


def given_day(date: str) -> str:
    """Return YYYY-MM-DD of what was given, or "" for nothing.

    Raises:
        UsageError: it is no date.
    """
    if not date:
        return ""
    found = day_of(date)
    if not found:
        raise UsageError(f"--date '{date}' is no date.", hint="Write YYYY-MM-DD.")
    return found


def day_of(text: str) -> str:
    """Return YYYY-MM-DD of a text that begins with a date whose order is clear, else ""."""
    if match := _DATE.match(text):
        year, month, day = match.groups()
    elif match := _GERMAN.match(text):
        day, month, year = match.groups()
    else:
        return ""
    try:
        return calendar(int(year), int(month), int(day)).isoformat()
    except ValueError:
        return ""


def _measured_on(one: Measured) -> str:
    low = {str(key).lower(): value for key, value in one.spectrum.extra.items()}
    found = (day_of(str(low[key])) for key in _DATE_KEYS if key in low)
    day = next((text for text in found if text), "")
    if not day:
        raise UsageError(
            f"{one.file}: does not say on which day sample '{one.sample}' was measured.",
            hint="Give --date YYYY-MM-DD.",
        )
    return day


def references_of(targets: Path | None, units: Mapping[str, str]) -> References | None:
    """Return the reference values of a table, those of other properties left out.

    Raises:
        InputError: a value is in another unit than the model's.
        UsageError: the table has none of the model's properties.
    """
    if targets is None:
        return None
    table = TargetTable.read(targets)
    found: dict[tuple[str, str], float] = {}
    for sample, name, known in table.values:
        if name not in units:
            continue
        if known.unit and units[name] and known.unit != units[name]:
            raise InputError(
                f"{targets}: '{name}' is in {known.unit}; the model answers in {units[name]}.",
                hint="Give the table in the model's unit.",
            )
        found[sample, name] = known.value
    if not found:
        raise UsageError(
            f"{targets}: has no values of {', '.join(units)}.",
            hint="Name the columns as the model names its properties, such as 'fat [%]'.",
        )
    return found


def controls(
    bundle: Bundle,
    facts: ControlFacts,
    measured: Sequence[Measured],
    digest: str,
    day: str,
    references: References | None,
) -> Iterator[Control]:
    """Yield the answers to the spectra of one file."""
    if not measured:
        return
    rows = np.stack([one.row for one in measured])
    answers = gated_answers(bundle, rows)
    shifts = channel_shift(rows, facts.mean_spectrum)
    for at, one in enumerate(measured):
        date = day or _measured_on(one)
        for column, told in enumerate(bundle.manifest.properties):
            name = str(told["name"])
            known, known_from = _known(facts, one, name, str(told.get("unit", "")), references)
            yield Control(
                date=date,
                model=bundle.digest,
                file=one.file,
                sha256=digest,
                spectrum=one.name,
                number=at,
                sample=one.sample,
                property=name,
                predicted=float(answers.value[at, column]),
                known=known,
                known_from=known_from,
                q=float(answers.q[at]),
                t2=float(answers.t2[at]),
                gate=answers.gate[at],
                shift=float(shifts[at]) - facts.shifts.get(one.sample, nan),
            )


def _known(
    facts: ControlFacts, one: Measured, name: str, unit: str, references: References | None
) -> tuple[float, str]:
    """Return the known value and where it is from; a reference in another unit is none."""
    if references is not None:
        value = references.get((one.sample, name), nan)
        return value, "reference" if isfinite(value) else ""
    stored = facts.samples.get(one.sample, {}).get(name, nan)
    if isfinite(stored):
        return stored, "fit"
    about = one.spectrum.sample_info
    told = about.targets.get(name) if about is not None else None
    if told is None or not isfinite(told.value) or (told.unit and unit and told.unit != unit):
        return nan, ""
    return told.value, "reference"
