"""What ``--source-where`` and its like could have selected, said where they took nothing."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field

from spectrakit.errors import MismatchError, did_you_mean
from spectrakit.io.select import Condition
from spectrakit.spectrum import Spectrum

_SHOWN = 5  # values of a column in a message
_MOST = 1000  # values of a column that are kept


@dataclass(slots=True)
class Seen:
    """How many spectra went by, and their values in the columns of some conditions."""

    conditions: tuple[Condition, ...]
    spectra: int = 0
    values: dict[str, dict[str, None]] = field(default_factory=dict[str, dict[str, None]])
    held: set[Condition] = field(default_factory=set[Condition])

    def through(self, spectra: Iterable[Spectrum]) -> Iterator[Spectrum]:
        """Yield the spectra as they come."""
        for one in spectra:
            self.spectra += 1
            for condition in self.conditions:
                found = self.values.setdefault(condition.column, {})
                value = condition.of(one)
                if value is not None and len(found) < _MOST:
                    found[str(value)] = None
                if condition.holds(one):
                    self.held.add(condition)
            yield one

    def refuse(self, place: str, option: str) -> None:
        """Say which condition no spectrum meets, and what there is instead.

        Raises:
            MismatchError: spectra went by; without any, others have a better message.
        """
        if not self.spectra or not self.conditions:
            return
        none = [one for one in self.conditions if one not in self.held]
        if not none:
            asked = " and ".join(f"{one.column}={one.value}" for one in self.conditions)
            raise MismatchError(
                f"{place}: {option} selects none of {self.spectra} spectra: no spectrum has "
                f"{asked} together.",
                hint="Look at the columns with: spectrakit store dump",
            )
        first = none[0]
        there = [value for value in self.values[first.column] if value]
        near = did_you_mean(first.value, there)
        shown = ", ".join(f"'{value}'" for value in there[:_SHOWN])
        more = " ..." if len(there) > _SHOWN else ""
        raise MismatchError(
            f"{place}: {option} {first.column}={first.value} selects none of {self.spectra} "
            f"spectra. {near}".rstrip(),
            hint=f"They have: {shown}{more}." if there else f"None has a {first.column}.",
        )
