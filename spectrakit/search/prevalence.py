"""How many of a file's compounds are known at all: probabilities fitted to the run.

The probabilities of ``confidence`` and ``structure_confidence`` were fitted where a stated share
of the compounds was in the library. In a run where more (or fewer) are, each odds of "known" is
off by one common factor. The factor is estimated from the run itself by expectation
maximisation (Saerens, Latinne and Decaestecker 2002, eq. 2.9), held back towards the stated
share as by PSEUDO_SPECTRA further spectra, so that a single spectrum keeps its probability.
"""

from spectrakit.spectrum import FloatArray

PSEUDO_SPECTRA = 20.0  # 0, 20 and 100 were compared at 10, 40, 50, 80 and 95 % known
LIBRARY_SHARE = 0.5  # known compounds where ``confidence`` was fitted
STRUCTURE_SHARE = 0.37  # known compounds where ``structure_confidence`` was fitted
_STEPS = 200
_CLOSE = 1e-6


def odds_factor(known: FloatArray, share: float) -> float:
    """Return the factor by which the odds of "known" are to be multiplied in this run.

    Args:
        known: (n,) probability that the compound is known, fitted at ``share``, of the spectra
            that have a candidate at all.
        share: share of known compounds where the probabilities were fitted.
    """
    now = share
    reference = share / (1 - share)
    for _ in range(_STEPS):
        factor = now / (1 - now) / reference
        posterior = known * factor / (known * factor + 1 - known)
        new = (PSEUDO_SPECTRA * share + posterior.sum()) / (PSEUDO_SPECTRA + len(known))
        if abs(new - now) < _CLOSE:
            break
        now = float(new)
    return now / (1 - now) / reference


def adapted(probability: float, known: float, factor: float) -> float:
    """Return the probability of one compound whose spectrum is known with ``known``."""
    return probability * factor / (known * factor + 1 - known)
