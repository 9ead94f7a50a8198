"""The inverted index: all library peaks sorted by m/z (or by neutral loss), with their rows.

Flash entropy search (Li 2023, Nat. Methods 20, 1475) in arrays that can be memory-mapped.
Peaks are sorted within each polarity block, so that a query never meets the other polarity.
"""

from dataclasses import dataclass
from itertools import pairwise
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from spectrakit.preprocess.peaks import IntArray
from spectrakit.search.prepared import PreparedSpectra


@dataclass(frozen=True, slots=True)
class PeakIndex:
    """Peaks sorted by (block, position); ``start`` (n_blocks + 1,) int64 bounds the blocks.

    ``position`` (n,) int32 is m/z or neutral loss in ``GRID`` units, ``row`` (n,) int32 the
    library row, ``peak`` (n,) int32 or int64 the peak's number in the library, ``weighted``
    (n,) float32 its entropy-weighted intensity.
    """

    start: IntArray
    position: NDArray[np.int32]
    row: NDArray[np.int32]
    peak: IntArray
    weighted: NDArray[np.float32]

    @classmethod
    def build(cls, spectra: PreparedSpectra, block_start: IntArray, *, losses: bool) -> Self:
        """Sort the peaks that count by m/z, or by precursor m/z - m/z with ``losses``.

        Rows without a precursor have no losses and are left out then.
        """
        peak = np.flatnonzero(spectra.weighted > 0)
        row = (np.searchsorted(spectra.indptr, peak, side="right") - 1).astype(np.int32)
        if losses:
            known = np.isfinite(spectra.precursor_mz)
            peak, row = peak[known[row]], row[known[row]]
            loss = spectra.grid_precursor[row] - spectra.mz[peak]
            position = np.minimum(loss, np.iinfo(np.int32).max).astype(np.int32)
        else:
            position = spectra.mz[peak]
        if len(spectra.mz) < 2**31:
            peak = peak.astype(np.int32)
        bounds = np.searchsorted(row, block_start).astype(np.int64)
        order = np.concatenate(
            [
                first + np.argsort(position[first:stop], kind="stable")
                for first, stop in pairwise(bounds.tolist())
            ]
        )
        peak = peak[order]
        return cls(bounds, position[order], row[order], peak, spectra.weighted[peak])

    def arrays(self, prefix: str) -> dict[str, NDArray[Any]]:
        """Return the arrays by name, for ``from_arrays``."""
        return {f"{prefix}_{name}": getattr(self, name) for name in _NAMES}

    @classmethod
    def from_arrays(cls, arrays: dict[str, NDArray[Any]], prefix: str) -> Self:
        """Take arrays as ``arrays`` gave them; nothing is copied."""
        return cls(**{name: arrays[f"{prefix}_{name}"] for name in _NAMES})


_NAMES = ("start", "position", "row", "peak", "weighted")
