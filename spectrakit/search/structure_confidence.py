"""From merits to the probability that a candidate structure is the right one.

The candidates of a spectrum share the probability with "none of them":

    p_i = exp(m_i) / (exp(NONE_OF_THEM) + sum_j exp(m_j))

where m is the merit. Many equally good candidates make each improbable, and none that explains
the peaks leaves the spectrum unnamed. The constants were fitted by maximum likelihood on
spectra of known molecules (``tests/benchmarks/fit_structure_confidence.py``).
"""

from collections.abc import Sequence

import numpy as np

from spectrakit.search.structure_search import Candidate

NONE_OF_THEM = 1.14  # log-odds of "the compound is not in the list"


def probabilities(candidates: Sequence[Candidate]) -> list[float]:
    """Return the probability of each candidate, in their order."""
    if not candidates:
        return []
    merits = np.array([candidate.merit for candidate in candidates])
    top = max(float(merits.max()), NONE_OF_THEM)
    weights = np.exp(merits - top)
    return (weights / (weights.sum() + np.exp(NONE_OF_THEM - top))).tolist()
