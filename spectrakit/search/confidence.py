"""From evidence to the probability that a library compound is the right one.

The compounds that match a spectrum share the probability with "none of them":

    p_i = exp(m_i) / (exp(m_0) + sum_j exp(m_j)),
    m_i = a E_i,    m_0 = b - c log(1 + peaks of the query)

where E is the evidence (``evidence.py``, 0 to 3): a rival as good as the best halves its
probability, an agreement of many peaks proves more than one of few, and a spectrum that
nothing explains is called unknown. Matched peaks, the plain score and logit E add nothing to
the likelihood; the mass error does on MassBank, whose records state theoretical precursors,
and is left out because instruments do not.

The constants were fitted by maximum likelihood, every molecule counting alike, where half of
the molecules are not in the library (``tests/benchmarks/fit_confidence.py``). A run in which
fewer are known has fewer right answers at the same probability.
"""

from dataclasses import dataclass

import numpy as np

from spectrakit.preprocess.peaks import IntArray
from spectrakit.search.index import SearchMode
from spectrakit.spectrum import FloatArray

UNKNOWN_LIMIT = 0.5  # below it "none of the library" is at least as likely


@dataclass(frozen=True, slots=True)
class Calibration:
    """The constants a, b, c of one search mode."""

    evidence: float
    none: float
    peaks: float


CALIBRATIONS = {
    SearchMode.PRECURSOR: Calibration(1.95, 4.59, 0.45),
    SearchMode.OPEN: Calibration(3.53, 9.03, 0.32),
    SearchMode.ANALOGUE: Calibration(3.49, 8.86, 0.28),
}


def compound_probabilities(
    query: IntArray,
    evidence: FloatArray,
    query_peaks: IntArray,
    mode: SearchMode,
) -> FloatArray:
    """Return the probability of each compound to be the right one.

    Args:
        query: (k,) which query each compound was found for; those of one query share one
            probability of 1 with "none of them". Compounds of several libraries are to be
            put together, each once.
        evidence: (k,) float64 from ``rank_compounds``.
        query_peaks: (k,) number of peaks of the query, equal within a query.
        mode: how the compounds were searched.

    Returns:
        (k,) float64 in (0, 1).
    """
    return share_out(query, *merits(evidence, query_peaks, CALIBRATIONS[mode]))


def merits(
    evidence: FloatArray, query_peaks: IntArray, constants: Calibration
) -> tuple[FloatArray, FloatArray]:
    """(k,) merit of each compound and (k,) merit of "none of them" for its query."""
    return constants.evidence * evidence, constants.none - constants.peaks * np.log1p(query_peaks)


def share_out(query: IntArray, merit: FloatArray, none: FloatArray) -> FloatArray:
    """(k,) softmax of the merits of one query, "none of them" included."""
    if not len(query):
        return np.empty(0)
    _, group = np.unique(query, return_inverse=True)
    n = int(group.max()) + 1
    top = np.full(n, -np.inf)
    np.maximum.at(top, group, np.maximum(merit, none))
    weight = np.exp(merit - top[group])
    rest = np.zeros(n)
    rest[group] = np.exp(none - top[group])
    return weight / (rest + np.bincount(group, weight, minlength=n))[group]
