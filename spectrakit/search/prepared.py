"""Spectra made ready for matching: cleaned peaks on an integer m/z grid, weights beside them.

m/z live on a grid of 10 µDa as int32 (up to m/z 21,474). Integers make "not farther than the
tolerance" exact: 100.07 and 100.05 are 0.02 apart here, while float32 answers by rounding.

Peaks down to 0.1 % of the base peak are held, because the evidence for a compound gains from
them (``evidence.py``). Similarities, as everywhere, see those of 1 % and more: the others
have ``weighted`` 0.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from spectrakit.preprocess.peaks import (
    MIN_RELATIVE_INTENSITY,
    IntArray,
    PeakLists,
    clean_peaks,
    entropy_weighted,
    expand_ranges,
    normalised,
    not_below,
)
from spectrakit.spectrum import FloatArray, Spectrum, Tolerance

GRID = 1e-5  # Da
HELD_INTENSITY = 0.001  # of the base peak
_BEYOND = (1 << 63) - 1
_LARGEST = 1e12  # m/z
MAX_MZ = 21474.0  # the largest m/z that int32 holds on the grid
DEFAULT_TOLERANCE = Tolerance(0.02, "Da")


def on_grid(mz: FloatArray) -> NDArray[np.int64]:
    """(n,) int64 m/z in units of ``GRID``; 0 where missing, cut at what int64 has room for."""
    known = np.where(np.isfinite(mz), mz, 0.0)
    return np.rint(np.clip(known, -_LARGEST, _LARGEST) / GRID).astype(np.int64)


@dataclass(frozen=True)
class PreparedSpectra:
    """Cleaned spectra end to end; spectrum ``i`` owns peaks ``[indptr[i], indptr[i + 1])``.

    Attributes:
        indptr: (n + 1,) int64.
        mz: (n_peaks,) int32, m/z in units of ``GRID``, ascending in each spectrum.
        intensity: (n_peaks,) float32, sum 1 in each spectrum.
        weighted: (n_peaks,) float32, entropy-weighted intensity of the peaks of at least 1 %
            of the base peak, sum 1 in each spectrum; 0 for the others.
        precursor_mz: (n,) float64, NaN where missing.
    """

    indptr: IntArray
    mz: NDArray[np.int32]
    intensity: NDArray[np.float32]
    weighted: NDArray[np.float32]
    precursor_mz: FloatArray

    @classmethod
    def from_cleaned(cls, peaks: PeakLists, precursor_mz: FloatArray) -> Self:
        """Put cleaned lists (``HELD_INTENSITY``) on the grid; peaks above MAX_MZ are dropped."""
        if (peaks.mz > MAX_MZ).any():
            peaks = peaks.where(peaks.mz <= MAX_MZ)
        strong = not_below(peaks, MIN_RELATIVE_INTENSITY)
        weighted = np.zeros(len(peaks.mz), dtype=np.float32)
        weighted[strong] = entropy_weighted(normalised(peaks.where(strong)))
        return cls(
            indptr=peaks.indptr,
            mz=np.rint(peaks.mz / GRID).astype(np.int32),
            intensity=peaks.intensity.astype(np.float32),
            weighted=weighted,
            precursor_mz=np.asarray(precursor_mz, dtype=np.float64),
        )

    def __len__(self) -> int:
        return len(self.indptr) - 1

    @property
    def counts(self) -> IntArray:
        """(n,) int64 number of peaks of each spectrum."""
        return np.diff(self.indptr)

    @cached_property
    def key(self) -> NDArray[np.int64]:
        """(n_peaks + 1,) int64, spectrum number and m/z in one ascending number; a last one."""
        key = np.empty(len(self.mz) + 1, dtype=np.int64)
        key[-1] = _BEYOND
        if len(self) == 1:
            key[:-1] = self.mz
        else:
            np.add(self.owner << 32, self.mz, out=key[:-1])
        return key

    @cached_property
    def owner(self) -> NDArray[np.int64]:
        """(n_peaks,) int64 spectrum that each peak belongs to."""
        return np.repeat(np.arange(len(self), dtype=np.int64), self.counts)

    @cached_property
    def strong(self) -> "PreparedSpectra":
        """The spectra without the peaks below 1 % of the base peak."""
        keep = self.weighted > 0
        if keep.all():
            return self
        total = np.concatenate([[0], np.cumsum(keep, dtype=np.int64)])
        return PreparedSpectra(
            total[self.indptr],
            self.mz[keep],
            self.intensity[keep],
            self.weighted[keep],
            self.precursor_mz,
        )

    @cached_property
    def grid_precursor(self) -> NDArray[np.int64]:
        """(n,) int64 precursor m/z in units of ``GRID``; 0 where missing."""
        return on_grid(self.precursor_mz)

    def as_peak_lists(self) -> PeakLists:
        """Return the peaks as floating-point lists (m/z to the grid)."""
        return PeakLists(self.indptr, self.mz * GRID, self.intensity.astype(np.float64))

    def take(self, rows: IntArray) -> "PreparedSpectra":
        """Return the spectra ``rows``, in that order."""
        counts = self.counts[rows]
        index = expand_ranges(self.indptr[:-1][rows], counts)
        indptr = np.concatenate([[0], np.cumsum(counts, dtype=np.int64)]).astype(np.int64)
        return PreparedSpectra(
            indptr,
            self.mz[index],
            self.intensity[index],
            self.weighted[index],
            self.precursor_mz[rows],
        )


def concatenate(parts: Iterable[PreparedSpectra]) -> PreparedSpectra:
    """Lay prepared spectra end to end."""
    held = list(parts)
    counts = np.concatenate([np.empty(0, dtype=np.int64), *(part.counts for part in held)])
    return PreparedSpectra(
        np.concatenate([[0], np.cumsum(counts)]).astype(np.int64),
        np.concatenate([np.empty(0, dtype=np.int32), *(part.mz for part in held)]),
        np.concatenate([np.empty(0, dtype=np.float32), *(part.intensity for part in held)]),
        np.concatenate([np.empty(0, dtype=np.float32), *(part.weighted for part in held)]),
        np.concatenate([np.empty(0), *(part.precursor_mz for part in held)]),
    )


@dataclass(frozen=True, slots=True)
class Queries:
    """Prepared query spectra and what restricts where they may match.

    ``polarity`` (n,) int8: +1, -1, 0 unknown; ``adduct``: n canonical spellings, "" unknown.
    """

    spectra: PreparedSpectra
    polarity: NDArray[np.int8]
    adduct: Sequence[str]

    def __len__(self) -> int:
        return len(self.spectra)

    def take(self, rows: NDArray[np.integer[Any]]) -> "Queries":
        """Return the queries ``rows``, in that order."""
        adduct = [self.adduct[int(row)] for row in rows]
        return Queries(self.spectra.take(rows), self.polarity[rows], adduct)


def prepare_spectra(
    spectra: Sequence[Spectrum],
    *,
    tolerance: Tolerance = DEFAULT_TOLERANCE,
    precursor_mz: FloatArray | None = None,
    max_peaks: int = 0,
) -> PreparedSpectra:
    """Clean spectra and put them on the grid.

    Args:
        spectra: centroided mass spectra, as read.
        tolerance: fragment tolerance of the search to come.
        precursor_mz: (n,) float64 to use instead of what the spectra say, NaN missing.
        max_peaks: strongest peaks kept of each spectrum; 0: all.
    """
    if precursor_mz is None:
        precursor_mz = np.array([s.precursor_mz for s in spectra], dtype=np.float64)
    peaks = clean_peaks(
        PeakLists.from_spectra(spectra),
        tolerance=tolerance,
        min_relative_intensity=HELD_INTENSITY,
        max_peaks=max_peaks,
    )
    return PreparedSpectra.from_cleaned(peaks, precursor_mz)


def prepare_queries(
    spectra: Sequence[Spectrum],
    *,
    tolerance: Tolerance = DEFAULT_TOLERANCE,
    adducts: Sequence[str] | None = None,
) -> Queries:
    """Clean query spectra; ``adducts`` are canonical spellings (``""`` unknown) if known."""
    return Queries(
        prepare_spectra(spectra, tolerance=tolerance),
        np.array([s.polarity for s in spectra], dtype=np.int8),
        list(adducts) if adducts is not None else [""] * len(spectra),
    )
