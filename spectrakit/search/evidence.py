"""From library spectra to compounds: what the replicates of a compound say together.

A compound usually has several library spectra, of other energies and other instruments. Its
evidence for a query spectrum q adds up

    E = sum over v of c_v * (max_r S_v(q, l_r) + S_v(q, sum_r w_r l_r)),  w_r ~ exp(20 S_v(q, l_r))

where S is the spectral entropy similarity in which a matched peak pair counts
exp(-delta^2 / 2 sigma^2), delta the m/z difference; the mixture of the replicates, weighted by
how alike they are to q, stands for an energy between those measured; and the two views v are
the whole spectrum (c = 1) and the spectrum without its precursor peak (c = 0.5), which
dominates at low energy and says nothing about structure. Fragments of a precursor of z charges
reach up to z times its m/z, and only its own peak is left out in the second view.

The constants were chosen on tuning queries (``tests/benchmarks/library_search.py --tune``).
Number, energy and origin of a compound's spectra do not enter. The *score* a user sees stays
the similarity of the best spectrum; E only ranks.
"""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from spectrakit.chemistry import known_adduct
from spectrakit.preprocess.peaks import IntArray, entropy_weighted, normalised
from spectrakit.search.index import Matches, SpectralIndex
from spectrakit.search.matching import CHUNK_PEAKS, PeakMatches, match_peaks
from spectrakit.search.prepared import GRID, PreparedSpectra
from spectrakit.spectrum import FloatArray, Tolerance


@dataclass(frozen=True, slots=True)
class EvidenceWeights:
    """The constants of the evidence.

    ``views``: (peaks are kept up to precursor m/z + this in Da, weight c of the view);
    ``best`` and ``mixture``: weights of the two terms; ``sharpness`` of the weights in the
    mixture, 0 being the plain consensus; ``sigma_per_tolerance``: sigma of the m/z difference
    over the fragment tolerance.
    """

    views: tuple[tuple[float, float], ...] = ((1.5, 1.0), (-1.6, 0.5))
    best: float = 1.0
    mixture: float = 1.0
    sharpness: float = 20.0
    sigma_per_tolerance: float = 0.35


DEFAULT_WEIGHTS = EvidenceWeights()


@dataclass(frozen=True, slots=True)
class Compounds:
    """Compounds ranked within each query; all arrays are (k,).

    ``query`` int64, ``compound`` int64 code of the index, ``evidence`` float64 (higher is
    better, comparable within a query), ``match`` int64 position in the matches of the
    compound's best spectrum.
    """

    query: IntArray
    compound: IntArray
    evidence: FloatArray
    match: IntArray

    def __len__(self) -> int:
        return len(self.query)


def rank_compounds(
    index: SpectralIndex,
    queries: PreparedSpectra,
    matches: Matches,
    *,
    tolerance: Tolerance,
    weights: EvidenceWeights = DEFAULT_WEIGHTS,
    charges: IntArray | None = None,
) -> Compounds:
    """Combine matched library spectra to compounds and rank these for each query.

    Args:
        index: where the matches come from.
        queries: the spectra that were searched.
        matches: as ``SpectralIndex.search`` returned them (best first within each query).
        tolerance: fragment tolerance of the search.
        weights: other constants than the chosen ones, for comparisons.
        charges: (m,) of the precursors of the queries, without sign; those of the library come
            from its adducts. All are taken as 1 where this is not given.

    Returns:
        One entry for each (query, compound), sorted by query, then evidence falling; equal
        evidence by score, then by compound key.
    """
    compound = index.compound[matches.row].astype(np.int64)
    charge = (np.ones(len(queries), np.int64), np.ones(len(index.adduct), np.int64))
    if charges is not None:
        charge = (charges, adduct_charges(index))
    group_query: list[IntArray] = []
    group_compound: list[IntArray] = []
    group_evidence: list[FloatArray] = []
    group_match: list[IntArray] = []
    for part in _whole_queries(index, matches):
        key = matches.query[part] * (len(index.compounds) + 1) + compound[part]
        _, first, group = np.unique(key, return_index=True, return_inverse=True)
        evidence = _evidence(index, queries, matches.where(part), group, tolerance, weights, charge)
        group_query.append(matches.query[part][first])
        group_compound.append(compound[part][first])
        group_match.append(first + part.start)  # matches are best first, so the first is best
        group_evidence.append(evidence)
    if not group_query:
        empty = np.empty(0, dtype=np.int64)
        return Compounds(empty, empty, np.empty(0), empty)
    query, of_match = np.concatenate(group_query), np.concatenate(group_match)
    code, total = np.concatenate(group_compound), np.concatenate(group_evidence)
    order = np.lexsort((code, -matches.score[of_match], -total, query))
    return Compounds(query[order], code[order], total[order], of_match[order])


def adduct_charges(index: SpectralIndex) -> IntArray:
    """(n,) int64 charge of each library spectrum by its adduct, without sign; 1 where not said."""
    ions = [known_adduct(adduct) for adduct in index.adducts]
    of_code = np.array([*(abs(ion.charge) if ion else 1 for ion in ions), 1], np.int64)
    return of_code[index.adduct]  # code -1, not said, takes the last


def _whole_queries(index: SpectralIndex, matches: Matches) -> Iterator[slice]:
    """Cut matches between queries into slices of about ``CHUNK_PEAKS`` library peaks."""
    indptr = index.spectra.indptr
    total = np.cumsum(indptr[matches.row + 1] - indptr[matches.row])
    start = 0
    while start < len(total):
        before = int(total[start - 1]) if start else 0
        last = int(np.searchsorted(total, before + CHUNK_PEAKS, side="right"))
        last = min(max(last, start + 1), len(total)) - 1
        stop = int(np.searchsorted(matches.query, matches.query[last], side="right"))
        yield slice(start, stop)
        start = stop


def _evidence(
    index: SpectralIndex,
    queries: PreparedSpectra,
    matches: Matches,
    group: IntArray,
    tolerance: Tolerance,
    weights: EvidenceWeights,
    charge: tuple[IntArray, IntArray],
) -> FloatArray:
    """(n_groups,) float64 evidence of each (query, compound) group of matches."""
    query_rows, pair_query = np.unique(matches.query, return_inverse=True)
    library_rows, pair_row = np.unique(matches.row, return_inverse=True)
    asked, library = queries.take(query_rows), index.spectra.take(library_rows)
    found = match_peaks(asked, library, pair_query, pair_row, tolerance)
    close = _closeness(asked, library, found, tolerance, weights.sigma_per_tolerance)
    total = np.zeros(int(group.max()) + 1)
    for above, weight in weights.views:
        a = _view(asked, above, charge[0][query_rows])[found.query_peak]
        b = _view(library, above, charge[1][library_rows])[found.library_peak]
        best, mixture = _best_and_mixture(
            found, a, b, close, group, len(asked.mz), weights.sharpness
        )
        total += weight * (weights.best * best + weights.mixture * mixture)
    return total


def _closeness(
    queries: PreparedSpectra,
    library: PreparedSpectra,
    found: PeakMatches,
    tolerance: Tolerance,
    sigma_per_tolerance: float,
) -> FloatArray:
    mz = library.mz[found.library_peak].astype(np.float64)
    sigma = sigma_per_tolerance * tolerance.half_width(mz * GRID) / GRID
    return np.exp(-0.5 * ((queries.mz[found.query_peak] - mz) / sigma) ** 2)


def _view(spectra: PreparedSpectra, above: float, charge: IntArray) -> FloatArray:
    """(n_peaks,) float64 entropy-weighted intensities up to charge * precursor + above.

    The others are 0, and where ``above`` is negative the precursor's own peak as well; spectra
    without a precursor keep all.
    """
    limit = np.repeat(spectra.precursor_mz * charge + above, spectra.counts)
    mz = spectra.mz * GRID
    with np.errstate(invalid="ignore"):
        keep = ~(mz > limit)
        if above < 0 and (charge > 1).any():
            own = np.repeat(np.where(charge > 1, spectra.precursor_mz, np.nan), spectra.counts)
            keep &= ~(np.abs(mz - own) < -above)
    lists = spectra.as_peak_lists()
    weight = np.zeros(len(keep))
    weight[keep] = entropy_weighted(normalised(lists.where(keep)))
    return weight


def _best_and_mixture(
    found: PeakMatches,
    a: FloatArray,
    b: FloatArray,
    close: FloatArray,
    group: IntArray,
    n_query_peaks: int,
    sharpness: float,
) -> tuple[FloatArray, FloatArray]:
    """(n_groups,) similarity of the best replicate, and of the mixture of the replicates."""
    seen: NDArray[np.bool_] = (a > 0) & (b > 0)
    pair, peak, a, b, close = (
        found.pair[seen],
        found.query_peak[seen],
        a[seen],
        b[seen],
        close[seen],
    )
    single = np.bincount(pair, close * _entropy_term(a, b), minlength=len(group))
    n_groups = int(group.max()) + 1
    best = np.zeros(n_groups)
    np.maximum.at(best, group, single)
    share = np.exp(sharpness * (single - best[group]))
    share /= np.bincount(group, share, minlength=n_groups)[group]
    # one entry for each (group, query peak): what the mixture has there
    slots, slot = np.unique(group[pair] * n_query_peaks + peak, return_inverse=True)
    mixed = np.bincount(slot, b * share[pair] * close, minlength=len(slots)).astype(np.float64)
    own = np.zeros(len(slots))
    own[slot] = a
    mixture = np.bincount(slots // n_query_peaks, _entropy_term(own, mixed), minlength=n_groups)
    return best, mixture.astype(np.float64)


def _entropy_term(a: FloatArray, b: FloatArray) -> FloatArray:
    both = a + b
    return 0.5 * (both * np.log2(both) - a * np.log2(a) - b * np.log2(b))
