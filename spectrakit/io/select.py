"""``--where COLUMN=VALUE``: take some spectra of a file and count the rest."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, fields
from typing import Any

from spectrakit.accounting import InputAccount
from spectrakit.errors import UsageError, did_you_mean
from spectrakit.spectrum import Spectrum

_NOT_SCALAR = {"axis", "value", "columns", "extra", "molecule", "sample_info"}
COLUMNS = tuple(f.name for f in fields(Spectrum) if f.name not in _NOT_SCALAR)
MOLECULE_COLUMNS = ("inchikey", "smiles", "inchi", "formula")
SAMPLE_COLUMNS = ("group", "split")
REASON = "not selected by --where"

_WORDS: dict[str, dict[str, Any]] = {
    "polarity": {"positive": 1, "+": 1, "pos": 1, "negative": -1, "-": -1, "neg": -1},
    "is_profile": {"true": True, "false": False, "yes": True, "no": False},
    "is_trace": {"true": True, "false": False, "yes": True, "no": False},
}


@dataclass(frozen=True, slots=True)
class Condition:
    """One ``COLUMN=VALUE``.

    ``extra.KEY`` looks among everything else the file said, ``sample.KEY`` among the free columns
    of the sample.
    """

    column: str
    value: str

    def of(self, spectrum: Spectrum) -> Any:
        """Return what a spectrum has in the column."""
        if self.column.startswith("extra."):
            return spectrum.extra.get(self.column.removeprefix("extra."))
        if self.column.startswith("sample."):
            about = spectrum.sample_info
            return about.columns.get(self.column.removeprefix("sample.")) if about else ""
        if self.column in SAMPLE_COLUMNS:
            return getattr(spectrum.sample_info, self.column) if spectrum.sample_info else ""
        if self.column in MOLECULE_COLUMNS:
            return getattr(spectrum.molecule, self.column) if spectrum.molecule else ""
        return getattr(spectrum, self.column)

    def holds(self, spectrum: Spectrum) -> bool:
        """Say whether a spectrum has this value; numbers are compared as numbers."""
        found = self.of(spectrum)
        wanted: Any = _WORDS.get(self.column, {}).get(self.value.lower(), self.value)
        if str(found) == str(wanted):
            return True
        try:
            return float(found) == float(wanted)
        except (TypeError, ValueError):
            return False


def parse_where(texts: Sequence[str]) -> tuple[Condition, ...]:
    """Read the conditions of a command line.

    Raises:
        UsageError: no ``=``, or an unknown column (the nearest is suggested).
    """
    conditions: list[Condition] = []
    known = (*COLUMNS, *MOLECULE_COLUMNS, *SAMPLE_COLUMNS)
    for text in texts:
        column, equals, value = text.partition("=")
        if not equals:
            raise UsageError(f"--where '{text}' has no '='.", hint="Write --where ms_level=2.")
        if column not in known and not column.startswith(("extra.", "sample.")):
            near = did_you_mean(column, known)
            raise UsageError(
                f"--where '{text}': no column '{column}'. {near}".rstrip(),
                hint=f"Columns: {', '.join(known)}, extra.KEY, sample.KEY.",
            )
        conditions.append(Condition(column, value))
    return tuple(conditions)


def selected(
    spectra: Iterable[Spectrum], conditions: Sequence[Condition], account: InputAccount
) -> Iterator[Spectrum]:
    """Yield the spectra for which every condition holds; count the others."""
    if not conditions:
        yield from spectra
        return
    for spectrum in spectra:
        if all(condition.holds(spectrum) for condition in conditions):
            yield spectrum
        else:
            account.drop(REASON)
