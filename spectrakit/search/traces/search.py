"""Traces against libraries: what each one is, or that it is none of them.

The best spectrum of each material stands for it. A material counts as found where its score
reaches the limit of the family; where no material does, the answer is "unknown".
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import numpy as np

from spectrakit.errors import UsageError
from spectrakit.search.hits import Hit
from spectrakit.search.traces.families import FAMILY_UNIT, GRIDS
from spectrakit.search.traces.grids import BoolArray, OnGrid
from spectrakit.search.traces.library import TraceLibrary
from spectrakit.search.traces.measures import Measure
from spectrakit.search.traces.opening import open_traces
from spectrakit.spectrum import FloatArray

LIMITS = {  # score below which the answer is "unknown" (tests/benchmarks/trace_search.py)
    Measure.COMBINED: 0.87,
    Measure.CORRELATION: 0.94,
    Measure.DERIVATIVE: 0.85,
}
MARGIN = 0.02  # a runner-up of another material this near makes the answer ambiguous
BATCH = 64  # queries compared together; answers do not depend on it
_NEAR = 1e-4  # float32 scores may differ by less from exact ones
_RANGE = re.compile(r"\s*([0-9.]+)\s*-\s*([0-9.]+)\s*(nm|um|cm-1)?\s*")


@dataclass(frozen=True, slots=True)
class TraceSettings:
    """What decides the answer for a trace; hashable, so opened libraries are reused.

    ``min_score`` above 0 takes the place of the limits. ``stamps`` tell a library from an earlier
    one of the same name.
    """

    libraries: tuple[str, ...] = ()
    measure: str = Measure.COMBINED
    min_score: float = 0.0
    top: int = 10
    exclude: tuple[str, ...] = ()
    stamps: tuple[tuple[str, int, int], ...] = ()


@dataclass(frozen=True, slots=True)
class TraceQuery:
    """A trace in the form of its family, and what was converted."""

    family: str
    on_grid: OnGrid
    note: str = ""


@dataclass(frozen=True, slots=True)
class _Found:
    """The best spectrum of one material."""

    score: float
    quality: float
    share: float
    library: int
    row: int
    key: str


class TraceSearch:
    """Opened libraries and the search over them."""

    def __init__(
        self,
        libraries: Sequence[TraceLibrary],
        settings: TraceSettings,
        about: Sequence[dict[str, Any]] = (),
    ) -> None:
        self.libraries = list(libraries)
        self.settings = settings
        self.about = list(about)
        self._measure = Measure(settings.measure)
        self._limit = settings.min_score or LIMITS[self._measure]
        self._excluded = {family: excluded(settings.exclude, family) for family in GRIDS}

    def identify(self, queries: Sequence[TraceQuery]) -> list[list[Hit] | str]:
        """Return for each query its hits, at least one row; or why it was not compared."""
        answers: list[list[Hit] | str] = ["" for _ in queries]
        alike: dict[tuple[str, int, bytes], list[int]] = {}
        for number, query in enumerate(queries):
            mask = np.packbits(query.on_grid.covered).tobytes()
            alike.setdefault((query.family, query.on_grid.level, mask), []).append(number)
        for numbers in alike.values():
            for start in range(0, len(numbers), BATCH):
                part = numbers[start : start + BATCH]
                for number, answer in zip(
                    part, self._alike([queries[k] for k in part]), strict=True
                ):
                    answers[number] = answer
        return answers

    def _alike(self, queries: Sequence[TraceQuery]) -> list[list[Hit] | str]:
        """Answer queries of one family, level and coverage."""
        family = queries[0].family
        shelved = [k for k, one in enumerate(self.libraries) if family in one.shelves]
        if not shelved:
            return [f"no library holds {family} spectra" for _ in queries]
        forms = [query.on_grid for query in queries]
        compared = [
            self.libraries[k]
            .shelves[family]
            .index.scores(forms, self._excluded[family], self._measure)
            for k in shelved
        ]
        answers: list[list[Hit] | str] = []
        for number, query in enumerate(queries):
            found: list[_Found] = []
            overlaps = False
            for k, (quality, share) in zip(shelved, compared, strict=True):
                overlaps |= bool(share[number].any())
                found += self._best(k, query, quality[number] * share[number], share[number])
            answers.append(
                self._hits(query, found)
                if overlaps
                else f"no library spectrum shares half of its {family} range"
            )
        return answers

    def _best(
        self, library: int, query: TraceQuery, score: FloatArray, share: FloatArray
    ) -> list[_Found]:
        """Return the best spectrum of each of the best materials of one library."""
        shelf = self.libraries[library].shelves[query.family]
        compound = shelf.compound
        best = np.full(int(compound.max()) + 1, -1.0)
        np.maximum.at(best, compound, np.where(share > 0, score, -1.0))
        wanted = self.settings.top + 1  # one more, to say what is ambiguous
        limit = 0.0
        if len(best) > wanted:
            limit = max(float(np.partition(best, -wanted)[-wanted]) - _NEAR, 0.0)
        near = (score >= best[compound] - _NEAR) & (best[compound] >= limit) & (score > _NEAR)
        rows = np.flatnonzero(near)
        quality = shelf.index.exact_score(
            query.on_grid, self._excluded[query.family], rows, self._measure
        )
        found: dict[int, _Found] = {}
        order = np.lexsort((shelf.entry[rows], -quality * share[rows]))
        for at in order.tolist():
            row, part = int(rows[at]), float(share[rows[at]])
            code = int(compound[row])
            key = self.libraries[library].keys[code]
            one = _Found(float(quality[at]) * part, float(quality[at]), part, library, row, key)
            found.setdefault(code, one)
        return list(found.values())

    def _hits(self, query: TraceQuery, found: Sequence[_Found]) -> list[Hit]:
        ranked: dict[str, _Found] = {}
        for one in sorted(found, key=lambda f: (-f.score, f.library, f.key)):
            ranked.setdefault(one.key, one)
        best = list(ranked.values())
        accepted = [one for one in best if one.score >= self._limit][: self.settings.top]
        if not accepted:
            return [Hit(method=str(self._measure), note=self._unknown(query, best))]
        hits = [self._hit(query, one, rank) for rank, one in enumerate(accepted, start=1)]
        if len(best) > 1 and best[0].score - best[1].score < MARGIN:
            rival = self._name(query, best[1])
            said = f"ambiguous: {rival} is within {MARGIN:g} (score {best[1].score:.4f})"
            hits[0].note = "; ".join(filter(None, (hits[0].note, said)))
        return hits

    def _hit(self, query: TraceQuery, one: _Found, rank: int) -> Hit:
        library = self.libraries[one.library]
        identity = library.identity(query.family, one.row)
        notes = [query.note]
        if one.share < 0.995:
            notes.append(f"{one.share:.0%} of the query compared")
        return Hit(
            rank=rank,
            name=identity["name"],
            inchikey=identity["inchikey"],
            smiles=identity["smiles"],
            formula=identity["formula"],
            method=str(self._measure),
            score=one.score,
            source=library.name,
            source_id=identity["native_id"],
            note="; ".join(filter(None, notes)),
        )

    def _name(self, query: TraceQuery, one: _Found) -> str:
        return self.libraries[one.library].identity(query.family, one.row)["name"]

    def _unknown(self, query: TraceQuery, best: Sequence[_Found]) -> str:
        said = f"unknown: nothing reaches {self._limit:g}"
        if best:
            said += f"; nearest is {self._name(query, best[0])} (score {best[0].score:.4f})"
        return "; ".join(filter(None, (query.note, said)))


def excluded(ranges: Sequence[str], family: str) -> BoolArray:
    """(p,) bins of a family's grid that ``--exclude`` leaves out.

    Args:
        ranges: such as ``2280-2400``, ``1880-1960nm``; without a unit in the family's own.
        family: of the grid.

    Raises:
        UsageError: a range that is none.
    """
    grid = GRIDS[family]
    out = np.zeros(grid.bins, np.bool_)
    for text in ranges:
        match = _RANGE.fullmatch(text)
        try:
            low, high = (float(match[1]), float(match[2])) if match else (0.0, 0.0)
        except ValueError:
            low = high = 0.0
        if match is None or not 0 < low < high:
            raise UsageError(
                f"--exclude '{text}' is not a range.",
                hint="Write LOW-HIGH, such as 2280-2400 or 1880-1960nm.",
            )
        unit = match[3] or FAMILY_UNIT[family]
        if family == "raman" and unit != "cm-1":
            continue  # a wavelength is no Raman shift
        out |= grid.excluded(low, high, unit)
    return out


@lru_cache(maxsize=4)
def open_trace_search(settings: TraceSettings) -> TraceSearch:
    """Open the libraries that the settings name.

    Raises:
        UsageError: a range that is none.
        InputError: a library that cannot be read.
    """
    opened = [open_traces(word) for word in settings.libraries]
    return TraceSearch([one for one, _ in opened], settings, [about for _, about in opened])
