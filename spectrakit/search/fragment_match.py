"""Explain the peaks of a spectrum by the fragments of candidates.

Every peak is turned around into the neutral masses that could make it, one for each number of
hydrogens that moved; a bitmap over masses throws out the fragments that hit none of them, which
are nearly all.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from spectrakit.chemistry import ELECTRON_MASS, Adduct
from spectrakit.elements import ELEMENT_MASS
from spectrakit.search.fragment_model import FITTED, MAX_HYDROGENS, FragmentModel
from spectrakit.search.fragmenter import Fragments, fragment_many
from spectrakit.search.smiles_graph import HYDROGEN_MASS

_CARRIERS = ("Na", "K", "Li")  # metals that stay on fragments
_GRID = 1000.0  # bitmap cells per Da
_MIN_MZ, _MAX_MZ = 1.0, 20_000.0  # peaks beyond are no fragments of molecules
_MOVES = np.arange(-MAX_HYDROGENS, MAX_HYDROGENS + 1)

Floats = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class FragmentScore:
    """How well one candidate explains one spectrum."""

    score: float  # 0 to 1, ascending with the evidence; 0 when no peak is explained
    evidence: float  # natural logarithm of the odds among candidates, up to a constant
    matched_peaks: int
    n_peaks: int
    explained_intensity: float  # share of the summed intensity, 0 to 1


@dataclass(frozen=True, slots=True)
class FragmentScores:
    """Scores of (n,) candidates; a rejected structure has score 0 and no matched peak."""

    score: Floats
    evidence: Floats
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


class _Targets(NamedTuple):
    """Neutral masses that would make a peak, ascending: (t,) each."""

    neutral: Floats
    peak: NDArray[np.int64]
    move: NDArray[np.int64]  # column of the model's hydrogen costs


def _targets(mz: Floats, polarity: int, carrier: float) -> _Targets:
    electron = ELECTRON_MASS if polarity > 0 else -ELECTRON_MASS
    neutral = (mz[:, None] + electron - _MOVES * HYDROGEN_MASS).ravel()
    peak = np.repeat(np.arange(len(mz)), len(_MOVES))
    move = np.tile(np.arange(len(_MOVES)), len(mz))
    if carrier:  # with the metal, or without it at other costs
        neutral = np.concatenate([neutral - carrier, neutral])
        peak = np.concatenate([peak, peak])
        move = np.concatenate([move, move + len(_MOVES)])
    order = np.argsort(neutral, kind="stable")
    order = order[neutral[order] > 0.5]
    return _Targets(neutral[order], peak[order], move[order])


def _explanations(
    fragments: Fragments, mz: Floats, targets: _Targets, polarity: int, model: FragmentModel
) -> Floats:
    """Return (n_structures, n_peaks) summed exp(-cost) of all explanations of each peak."""
    n, n_peaks = len(fragments), len(mz)
    summed = np.zeros(n * n_peaks)
    neutral = targets.neutral
    if not len(neutral) or not len(fragments.mass):
        return summed.reshape(n, n_peaks)
    width = model.tolerance_da + model.tolerance_ppm * 1e-6 * neutral
    lower, upper = neutral - width, neutral + width
    n_cells = int(upper[-1] * _GRID) + 2
    edges = np.zeros(n_cells + 1, np.int32)
    np.add.at(edges, np.maximum(lower * _GRID, 0).astype(np.int64), 1)
    np.add.at(edges, (upper * _GRID).astype(np.int64) + 1, -1)
    hit = np.cumsum(edges) > 0
    cell = np.minimum(fragments.mass * _GRID, n_cells).astype(np.int64)
    near = np.flatnonzero(hit[cell])
    mass, cost = fragments.mass[near], fragments.cost[near]
    first = np.searchsorted(upper, mass, side="left")
    n_hits = np.searchsorted(lower, mass, side="right") - first
    owner = np.searchsorted(fragments.indptr, near, side="right") - 1
    state = fragments.state[near]
    hydrogen = model.hydrogen[0 if polarity > 0 else 1]  # (state, move)
    unit = model.error_da + model.error_ppm * 1e-6 * mz
    # windows of neighbouring peaks may overlap: a fragment meets each of its targets
    for step in range(int(n_hits.max(initial=0))):
        here = np.flatnonzero(n_hits > step)
        at = first[here] + step
        peak = targets.peak[at]
        error = np.abs(mass[here] - neutral[at]) / unit[peak]
        whole = cost[here] + hydrogen[state[here], targets.move[at]]
        whole += model.error[np.minimum(error.astype(np.int64), len(model.error) - 1)]
        summed += np.bincount(owner[here] * n_peaks + peak, np.exp(-whole), minlength=n * n_peaks)
    return summed.reshape(n, n_peaks)


def score_fragments(
    fragments: Fragments, query: FragmentQuery, model: FragmentModel = FITTED
) -> FragmentScores:
    """Score structures whose fragments are at hand against one spectrum.

    With S the summed exp(-cost) of the explanations of a peak and Z that of all fragments of
    the structure, the evidence is kappa (sum w log(1 + S) / sum w - gamma log Z), where
    w = intensity^1/2 m/z^1/2: a structure that can explain anything gains little by explaining
    this. Peaks that are not finite, not positive or beyond 20,000 Da are left out; a spectrum
    without a peak is no evidence (0 everywhere).

    Source: METHODS "Fragmenter" for fragments and weights; the mixture and its costs are fitted
    (``spectrakit.search.fragment_model``).
    """
    mz, intensity = np.asarray(query.mz, np.float64), np.asarray(query.intensity, np.float64)
    good = (mz > _MIN_MZ) & (mz < _MAX_MZ) & (intensity > 0) & np.isfinite(intensity)
    mz, intensity = mz[good], intensity[good]
    if len(mz):  # a power of two keeps every bit, and no product or sum can overflow
        intensity = np.ldexp(intensity, -np.frexp(intensity.max())[1])
    targets = _targets(mz, query.polarity, _carrier(query.adduct))
    summed = _explanations(fragments, mz, targets, query.polarity, model)
    weight = np.sqrt(intensity * mz)
    weight /= weight.sum() or 1.0
    readiness = np.exp(-model.hydrogen[0 if query.polarity > 0 else 1][:, : len(_MOVES)]).sum(1)
    possible = fragments.abundance @ readiness + model.background
    evidence = model.kappa * (np.log1p(summed) @ weight - model.gamma * np.log(possible))
    if not len(mz):
        evidence = np.zeros(len(fragments))
    explained = summed > 0
    matched = explained.sum(axis=1)
    level = 1 / (1 + np.exp(-(evidence - model.score_middle) / model.score_spread))
    return FragmentScores(
        score=np.where(matched > 0, level, 0.0),
        evidence=evidence,
        matched_peaks=matched,
        explained_intensity=explained @ intensity / (float(intensity.sum()) or 1.0),
        n_peaks=len(mz),
        rejected=fragments.rejected,
    )


def score(
    fragments: Fragments,
    mz: Any,
    intensity: Any,
    polarity: int,
    *,
    adduct: str = "",
    model: FragmentModel = FITTED,
) -> FragmentScore:
    """Score one structure (see :func:`spectrakit.search.fragmenter.fragment`) on one spectrum."""
    query = FragmentQuery(np.asarray(mz), np.asarray(intensity), polarity, adduct)
    found = score_fragments(fragments, query, model)
    return FragmentScore(
        score=float(found.score[0]),
        evidence=float(found.evidence[0]),
        matched_peaks=int(found.matched_peaks[0]),
        n_peaks=found.n_peaks,
        explained_intensity=float(found.explained_intensity[0]),
    )


def score_candidates(
    smiles: Sequence[str],
    queries: Sequence[FragmentQuery],
    model: FragmentModel = FITTED,
) -> list[FragmentScores]:
    """Score every candidate on every spectrum; the candidates are cut once."""
    fragments = fragment_many(smiles, model)
    return [score_fragments(fragments, query, model) for query in queries]
