"""From fragmenter merits to the probability that a candidate structure is the right one.

The candidates of a spectrum share the probability with "none of them":

    p_i = exp(a m_i) / (exp(b) + sum_j exp(a m_j))

where m is the merit. a and b were fitted by maximum likelihood on spectra of known molecules
(``tests/benchmarks/fit_structure_confidence.py``); many equally good candidates make each
improbable, and none that explains the peaks leaves the spectrum unnamed.
"""

from collections.abc import Sequence

import numpy as np

from spectrakit.search.structure_search import Candidate

STEEPNESS = 12.0  # a, per unit of merit
NONE_OF_THEM = 8.0  # b


def probabilities(candidates: Sequence[Candidate]) -> list[float]:
    """Return the probability of each candidate, in their order."""
    if not candidates:
        return []
    exponents = STEEPNESS * np.array([candidate.merit for candidate in candidates])
    top = max(float(exponents.max()), NONE_OF_THEM)
    weights = np.exp(exponents - top)
    return (weights / (weights.sum() + np.exp(NONE_OF_THEM - top))).tolist()
