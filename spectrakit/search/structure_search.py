"""Candidate structures for spectra: looked up by mass over the adducts, ranked by fragments.

A candidate's merit adds log-odds: the fragmenter's evidence times STEEPNESS, less the Gaussian
penalty of its mass error (the tolerance is taken as two standard deviations), less what a rarer
ion costs. STEEPNESS is fitted with the probability (``structure_confidence``).

All spectra of a batch are sorted by the mass they ask for, so that each structure is cut once
however many spectra it may explain.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from math import nan
from typing import Any

import numpy as np

from spectrakit.chemistry import Adduct
from spectrakit.search.fragment_match import FragmentQuery, score_fragments
from spectrakit.search.fragmenter import Fragments, fragment_many
from spectrakit.search.hits import Hit
from spectrakit.search.queries import Query
from spectrakit.search.structures import Structure, StructureTable
from spectrakit.spectrum import Tolerance

# Natural logarithm of how much less common an ion is than the protonated (deprotonated) one.
# Survey of MassBank: sodium 4.0, ammonium 6.1; runs of real samples hold more of them.
ADDUCT_COST: dict[int, dict[str, float]] = {
    1: {
        "[M+H]+": 0.0, "[M]+": 0.0, "[M+2H]2+": 0.0, "[M+NH4]+": 2.0, "[M+Na]+": 2.0,
        "[M-H2O+H]+": 2.0, "[M+K]+": 3.0,
    },
    -1: {
        "[M-H]-": 0.0, "[M-2H]2-": 0.0, "[M+HCOO]-": 2.0, "[M+CH3COO]-": 2.0, "[M+Cl]-": 2.5,
        "[M-H2O-H]-": 3.0,
    },
}  # fmt: skip
RARE_ADDUCT_COST = 3.0

STEEPNESS = 0.90  # of the fragmenter's evidence; fitted with structure_confidence

_MAX_CLUSTER = 4096  # structures cut together
_MIN_RELATIVE_INTENSITY = 0.005
_ABOVE_PRECURSOR = 1.5  # Da
_MAX_PEAKS = 150


@dataclass(frozen=True, slots=True)
class Candidate:
    """A structure that fits a spectrum's precursor, and how well it explains the peaks."""

    row: int  # of the structure table
    adduct: str
    mz_error_ppm: float
    score: float  # fragmenter, 0 to 1
    evidence: float  # fragmenter, log-odds; the score ascends with it
    merit: float  # log-odds among the candidates, up to a constant; they are ranked by it
    matched_peaks: int
    note: str
    mass_penalty: float = 0.0  # log-odds that the mass error costs
    adduct_cost: float = 0.0  # log-odds that the rarity of the ion costs
    fingerprint: float = nan  # what a learned model says, log-odds; NaN where none was asked


@dataclass(frozen=True, slots=True)
class _Task:
    query: int
    adduct: Adduct
    precursor_mz: float
    stated: bool  # by the file
    note: str
    start: int
    stop: int


def adducts_for(query: Query, charge: int) -> list[Adduct]:
    """Return the ions that a precursor of this charge may be, the stated one alone if any."""
    polarity = query.spectrum.polarity
    if query.adduct:
        stated = Adduct.parse(query.adduct)
        return [stated]
    return [
        ion
        for sign in ((polarity,) if polarity else (1, -1))
        for ion in map(Adduct.parse, ADDUCT_COST[sign])
        if abs(ion.charge) == charge
    ]


def structure_hit(candidate: Candidate, structure: Structure, source: str, **said: Any) -> Hit:
    """Return the hit of a candidate; ``said`` are the columns that its method decides."""
    return Hit(
        name=structure.name,
        inchikey=structure.inchikey or structure.inchikey14,
        smiles=structure.smiles,
        formula=structure.formula,
        adduct=candidate.adduct,
        mz_error_ppm=candidate.mz_error_ppm,
        matched_peaks=candidate.matched_peaks,
        source=source,
        source_id=structure.source_id,
        note=candidate.note,
        fragmenter=candidate.evidence,
        fingerprint=candidate.fingerprint,
        **said,
    )


class StructureSearch:
    """Search one structure table."""

    def __init__(self, table: StructureTable, tolerance: Tolerance) -> None:
        self.table = table
        self.tolerance = tolerance

    def search(self, queries: Sequence[Query]) -> list[list[Candidate]]:
        """Return the candidates of each query, best first, one for each compound."""
        found: list[list[Candidate]] = [[] for _ in queries]
        fragment_queries = [fragment_query(query) for query in queries]
        for cluster in _clusters(sorted(self._tasks(queries), key=lambda t: (t.start, t.stop))):
            base = cluster[0].start
            stop = max(task.stop for task in cluster)
            cut = fragment_many(self.table.smiles(slice(base, stop)))
            for task in cluster:
                found[task.query] += self._score(task, cut, base, fragment_queries[task.query])
        return [_one_for_each_compound(candidates) for candidates in found]

    def _tasks(self, queries: Sequence[Query]) -> Iterator[_Task]:
        for number, query in enumerate(queries):
            for precursor in query.precursors:
                ions = adducts_for(query, precursor.charge)
                masses = np.array([ion.neutral_mass(precursor.mz) for ion in ions])
                width = self.tolerance.half_width(precursor.mz) * precursor.charge
                starts, stops = self.table.by_masses(masses, Tolerance(width, "Da"))
                for ion, start, stop in zip(ions, starts, stops, strict=True):
                    if stop > start:
                        yield _Task(
                            query=number,
                            adduct=ion,
                            precursor_mz=precursor.mz,
                            stated=bool(query.adduct),
                            note=precursor.note,
                            start=int(start),
                            stop=int(stop),
                        )

    def _score(
        self, task: _Task, cut: Fragments, base: int, peaks: FragmentQuery
    ) -> list[Candidate]:
        rows = np.arange(task.start, task.stop)
        fits = self.table.charge[rows] == (task.adduct.charge if not task.adduct.atoms else 0)
        rows = rows[fits]
        if len(rows) == 0:
            return []
        own = cut.between(task.start - base, task.stop - base)
        ion = replace(peaks, polarity=task.adduct.polarity, adduct=task.adduct.name)
        scores = score_fragments(own, ion)
        cost = 0.0 if task.stated else _adduct_cost(task.adduct)
        candidates: list[Candidate] = []
        for row in rows:
            at = int(row) - task.start
            ion_mz = task.adduct.mz(float(self.table.exact_mass[row]))
            evidence = float(scores.evidence[at])
            ppm = (task.precursor_mz - ion_mz) / ion_mz * 1e6
            sigma = self.tolerance.half_width(ion_mz) / ion_mz * 1e6 / 2
            penalty = 0.5 * (ppm / sigma) ** 2
            candidates.append(
                Candidate(
                    row=int(row),
                    adduct=task.adduct.name,
                    mz_error_ppm=ppm,
                    score=float(scores.score[at]),
                    evidence=evidence,
                    merit=STEEPNESS * evidence - penalty - cost,
                    matched_peaks=int(scores.matched_peaks[at]),
                    note=task.note,
                    mass_penalty=penalty,
                    adduct_cost=cost,
                )
            )
        return candidates


def _adduct_cost(ion: Adduct) -> float:
    return ADDUCT_COST[ion.polarity].get(ion.name, RARE_ADDUCT_COST)


def fragment_query(query: Query) -> FragmentQuery:
    """Return the peaks of a query that the fragmenter is to explain."""
    mz = query.spectrum.mz.astype(np.float64)
    intensity = query.spectrum.intensity.astype(np.float64)
    keep = intensity >= _MIN_RELATIVE_INTENSITY * intensity.max(initial=0.0)
    if query.precursors:
        highest = max(
            p.mz + _ABOVE_PRECURSOR if p.charge == 1 else np.inf for p in query.precursors
        )
        keep &= mz <= highest
    mz, intensity = mz[keep], intensity[keep]
    if len(mz) > _MAX_PEAKS:
        strongest = np.sort(np.argsort(-intensity, kind="stable")[:_MAX_PEAKS])
        mz, intensity = mz[strongest], intensity[strongest]
    polarity = query.spectrum.polarity or 1
    return FragmentQuery(mz, intensity, polarity, query.adduct)


def _clusters(tasks: Sequence[_Task]) -> Iterator[list[_Task]]:
    """Group tasks whose rows overlap; a group covers at most ``_MAX_CLUSTER`` rows or one task."""
    cluster: list[_Task] = []
    stop = 0
    for task in tasks:
        if cluster and (task.start >= stop or task.stop - cluster[0].start > _MAX_CLUSTER):
            yield cluster
            cluster = []
        cluster.append(task)
        stop = max(stop, task.stop) if len(cluster) > 1 else task.stop
    if cluster:
        yield cluster


def _one_for_each_compound(candidates: list[Candidate]) -> list[Candidate]:
    ranked = sorted(candidates, key=lambda c: (-c.merit, abs(c.mz_error_ppm), c.row))
    best: dict[int, Candidate] = {}
    for candidate in ranked:
        best.setdefault(candidate.row, candidate)
    return list(best.values())
