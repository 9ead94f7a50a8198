"""Explain the peaks of a spectrum by the fragments of candidates.

Every peak is turned around into the neutral masses that could make it, one for each number of
hydrogens that moved; a bitmap over masses throws out the fragments that hit none of them, which
are nearly all.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

from spectrakit.chemistry import ELECTRON_MASS, Adduct
from spectrakit.elements import ELEMENT_MASS
from spectrakit.search.fragmenter import Fragments, fragment, fragment_many
from spectrakit.search.smiles_graph import HYDROGEN_MASS

MAX_HYDROGENS = 3
_CARRIERS = ("Na", "K", "Li")  # metals that stay on fragments
_GRID = 1000.0  # bitmap cells per Da

Floats = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class MatchCosts:
    """How peaks are matched and what an explanation is worth."""

    tolerance_da: float = 0.003
    tolerance_ppm: float = 5.0
    hydrogen: float = 0.5  # cost of each hydrogen that moves
    carrier: float = 0.5  # cost of a fragment without the metal of its adduct
    decay: float = 0.5  # score of an explanation = exp(-decay * cost)
    intensity_power: float = 0.5
    mz_power: float = 0.5


@dataclass(frozen=True, slots=True)
class FragmentScore:
    """How well one candidate explains one spectrum."""

    score: float  # 0 (nothing) to 1 (all by fragments that cost nothing)
    matched_peaks: int
    n_peaks: int
    explained_intensity: float  # share of the summed intensity, 0 to 1


@dataclass(frozen=True, slots=True)
class FragmentScores:
    """Scores of (n,) candidates; a rejected structure has score 0 and no matched peak."""

    score: Floats
    matched_peaks: NDArray[np.int64]
    explained_intensity: Floats
    n_peaks: int
    rejected: dict[int, str]


@dataclass(frozen=True, slots=True)
class FragmentQuery:
    """A spectrum to explain: (k,) m/z and intensities, the sign of its ions, its adduct."""

    mz: Floats
    intensity: Floats
    polarity: int
    adduct: str = ""


@cache
def _carrier(adduct: str) -> float:
    """Return the mass (Da) by which a fragment with the adduct's metal exceeds the bare one."""
    if not adduct:
        return 0.0
    try:
        atoms = dict(Adduct.parse(adduct).atoms)
    except ValueError:
        return 0.0
    metal = next((m for m in _CARRIERS if atoms.get(m, 0) > 0), "")
    return ELEMENT_MASS[metal] if metal else 0.0


def _targets(query: FragmentQuery, costs: MatchCosts) -> tuple[Floats, NDArray[np.int64], Floats]:
    """Return neutral masses (ascending), the peak of each, and its cost."""
    mz = np.asarray(query.mz, np.float64)
    electron = ELECTRON_MASS if query.polarity > 0 else -ELECTRON_MASS
    moves = np.arange(-MAX_HYDROGENS, MAX_HYDROGENS + 1)
    neutral = (mz[:, None] + electron - moves * HYDROGEN_MASS).ravel()
    peak = np.repeat(np.arange(len(mz)), len(moves))
    cost = np.tile(np.abs(moves) * costs.hydrogen, len(mz))
    carrier = _carrier(query.adduct)
    if carrier:
        neutral = np.concatenate([neutral - carrier, neutral])
        peak = np.concatenate([peak, peak])
        cost = np.concatenate([cost, cost + costs.carrier])
    order = np.argsort(neutral, kind="stable")
    order = order[neutral[order] > 0.5]
    return neutral[order], peak[order], cost[order]


def _lowest_costs(
    fragments: Fragments, query: FragmentQuery, costs: MatchCosts
) -> NDArray[np.float64]:
    """Return (n_structures, n_peaks) lowest cost of an explanation, inf where there is none."""
    n, n_peaks = len(fragments), len(query.mz)
    best = np.full(n * n_peaks, np.inf)
    target, peak, target_cost = _targets(query, costs)
    if len(target) and len(fragments.mass):
        width = costs.tolerance_da + costs.tolerance_ppm * 1e-6 * target
        lower, upper = target - width, target + width
        n_cells = int(target[-1] * _GRID) + 2 + int(width[-1] * _GRID)
        edges = np.zeros(n_cells + 2, np.int32)
        np.add.at(edges, np.maximum(lower * _GRID, 0).astype(np.int64), 1)
        np.add.at(edges, (upper * _GRID).astype(np.int64) + 1, -1)
        hit = np.cumsum(edges) > 0
        cell = np.minimum(fragments.mass * _GRID, n_cells).astype(np.int64)
        near = np.flatnonzero(hit[cell])
        mass = fragments.mass[near]
        first = np.searchsorted(upper, mass, side="left")
        n_hits = np.searchsorted(lower, mass, side="right") - first
        owner = np.searchsorted(fragments.indptr, near, side="right") - 1
        # windows of neighbouring peaks may overlap: a fragment meets each of its targets
        for step in range(int(n_hits.max(initial=0))):
            here = np.flatnonzero(n_hits > step)
            at = first[here] + step
            key = owner[here] * n_peaks + peak[at]
            np.minimum.at(best, key, fragments.cost[near[here]] + target_cost[at])
    return best.reshape(n, n_peaks)


def score_fragments(
    fragments: Fragments, query: FragmentQuery, costs: MatchCosts | None = None
) -> FragmentScores:
    """Score structures whose fragments are at hand against one spectrum.

    The score is Σ w exp(−decay·cost) / Σ w over the peaks, with the cheapest explanation of
    each and w = intensity^½ m/z^½. A spectrum without a peak scores 0 everywhere.

    Source: METHODS "Fragmenter"; weights as MetFrag (Ruttkies et al. 2016, equation 1).
    """
    costs = costs or MatchCosts()
    intensity = np.maximum(np.asarray(query.intensity, np.float64), 0.0)
    best = _lowest_costs(fragments, query, costs)
    weight = intensity**costs.intensity_power * np.asarray(query.mz) ** costs.mz_power
    total, total_intensity = float(weight.sum()), float(intensity.sum())
    explained = np.isfinite(best)
    return FragmentScores(
        score=np.exp(-costs.decay * best) @ weight / (total or 1.0),
        matched_peaks=explained.sum(axis=1),
        explained_intensity=explained @ intensity / (total_intensity or 1.0),
        n_peaks=len(intensity),
        rejected=fragments.rejected,
    )


def score(
    fragments: Fragments,
    mz: Any,
    intensity: Any,
    polarity: int,
    *,
    adduct: str = "",
    costs: MatchCosts | None = None,
) -> FragmentScore:
    """Score one structure (see :func:`spectrakit.search.fragmenter.fragment`) on one spectrum."""
    query = FragmentQuery(np.asarray(mz), np.asarray(intensity), polarity, adduct)
    found = score_fragments(fragments, query, costs)
    return FragmentScore(
        score=float(found.score[0]),
        matched_peaks=int(found.matched_peaks[0]),
        n_peaks=found.n_peaks,
        explained_intensity=float(found.explained_intensity[0]),
    )


def score_candidates(
    smiles: Sequence[str],
    queries: Sequence[FragmentQuery],
    costs: MatchCosts | None = None,
) -> list[FragmentScores]:
    """Score every candidate on every spectrum; the candidates are cut once."""
    fragments = fragment_many(smiles)
    return [score_fragments(fragments, query, costs) for query in queries]


__all__ = [
    "FragmentQuery",
    "FragmentScore",
    "FragmentScores",
    "Fragments",
    "MatchCosts",
    "fragment",
    "score",
    "score_candidates",
    "score_fragments",
]
