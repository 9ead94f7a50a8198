"""From merits to the probability that a candidate structure is the right one.

    p_i = P * exp(m_i) / sum_j exp(m_j),    P = 1 / (1 + exp(-(A + B log(1 + peaks) + C max m)))

The candidates of a spectrum share the probability P that the compound is among them, by their
merits m; P grows with what the best one explains and with the number of peaks. Many equally
good candidates make each improbable, and none that explains the peaks leaves the spectrum
unnamed. The constants were fitted by maximum likelihood on spectra of MassBank molecules, of
which 30 % are in hmdb (``tests/benchmarks/fit_structure_confidence.py``): where fewer of the
compounds of a sample are in the list, fewer answers are right at the same probability.
"""

from collections.abc import Sequence

import numpy as np

from spectrakit.search.ranker import Presence
from spectrakit.search.structure_search import Candidate

PRESENCE = Presence(base=-1.53, peaks=0.54, best=0.42)


def probabilities(
    candidates: Sequence[Candidate], n_peaks: int, presence: Presence = PRESENCE
) -> list[float]:
    """Return the probability of each candidate of a spectrum with ``n_peaks``, in their order."""
    if not candidates:
        return []
    merits = np.array([candidate.merit for candidate in candidates])
    best = float(merits.max())
    logit = presence.base + presence.peaks * np.log1p(n_peaks) + presence.best * best
    shares = np.exp(merits - best)
    return (shares / shares.sum() / (1 + np.exp(-logit))).tolist()
