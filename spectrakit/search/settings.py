"""What a search compares with what: mode, similarity, tolerances and limits."""

from dataclasses import dataclass
from enum import StrEnum

from spectrakit.errors import UsageError
from spectrakit.search.prepared import DEFAULT_TOLERANCE
from spectrakit.search.similarity import Similarity
from spectrakit.spectrum import Tolerance

DEFAULT_PRECURSOR_TOLERANCE = Tolerance(10.0, "ppm")
OPEN_TOP = 100  # library spectra for each query when all are compared


class SearchMode(StrEnum):
    """Which library spectra a query meets."""

    PRECURSOR = "precursor"  # those of the same precursor m/z
    OPEN = "open"  # all
    ANALOGUE = "analogue"  # all, with peaks that may be shifted by the precursor difference


@dataclass(frozen=True, slots=True)
class SearchSettings:
    """What is compared with what, and how.

    ``top`` is the number of library spectra returned for each query; 0 means all in
    precursor mode and ``OPEN_TOP`` otherwise.
    """

    mode: SearchMode = SearchMode.PRECURSOR
    method: Similarity = Similarity.ENTROPY
    precursor_tolerance: Tolerance = DEFAULT_PRECURSOR_TOLERANCE
    fragment_tolerance: Tolerance = DEFAULT_TOLERANCE
    min_score: float = 0.0
    min_matched_peaks: int = 1
    match_adducts: bool = True
    top: int = 0

    def effective_method(self) -> Similarity:
        """Return the similarity that is computed: analogue search lets peaks shift."""
        if self.mode is not SearchMode.ANALOGUE:
            return self.method
        if self.method in (Similarity.ENTROPY, Similarity.HYBRID):
            return Similarity.HYBRID
        if self.method in (Similarity.COSINE, Similarity.MODIFIED_COSINE):
            return Similarity.MODIFIED_COSINE
        if self.method is Similarity.NEUTRAL_LOSS:
            return self.method
        raise UsageError(
            f"--search analogue cannot use --method {self.method}.",
            hint="Use entropy (peaks may match as fragment or as loss) or modified-cosine.",
        )
