"""Clean centroided peak lists for comparison: many spectra at once, no loop over spectra.

The steps and their order are those of ms_entropy's ``clean_spectrum``, so that scores can be
compared with it: drop impossible peaks, cut above a limit, merge peaks that one tolerance
cannot tell apart, drop noise, keep the strongest, normalise to sum 1. One departure: peaks
whose distance *equals* twice the tolerance are merged too, which makes every match unique.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from spectrakit.errors import InputError
from spectrakit.spectrum import FloatArray, Spectrum, Tolerance

IntArray = NDArray[np.integer[Any]]

_LARGE_INTENSITY = 1e200  # no detector counts so far; times m/z and summed, it stays a float64
MIN_RELATIVE_INTENSITY = 0.01  # of the base peak; Li 2021 and ms_entropy's default


@dataclass(frozen=True, slots=True)
class PeakLists:
    """Peak lists end to end; spectrum ``i`` owns ``[indptr[i], indptr[i + 1])``.

    ``indptr`` is (n + 1,) int64; ``mz`` (float64) and ``intensity`` (float) are (n_peaks,).
    """

    indptr: IntArray
    mz: FloatArray
    intensity: FloatArray

    @classmethod
    def from_spectra(cls, spectra: Iterable[Spectrum]) -> Self:
        """Lay the peaks of ``spectra`` end to end, as they are."""
        return cls.from_arrays((s.mz, s.intensity) for s in spectra)

    @classmethod
    def from_arrays(cls, pairs: Iterable[tuple[FloatArray, FloatArray]]) -> Self:
        """Lay (m/z, intensity) pairs end to end.

        Raises:
            InputError: the two arrays of a spectrum differ in length.
        """
        mz: list[FloatArray] = []
        intensity: list[FloatArray] = []
        lengths: list[int] = []
        for number, (one_mz, one_intensity) in enumerate(pairs):
            if len(one_mz) != len(one_intensity):
                raise InputError(
                    f"spectrum {number}: {len(one_mz)} m/z values but "
                    f"{len(one_intensity)} intensities.",
                    hint="Export the file again; its arrays are damaged.",
                )
            mz.append(one_mz)
            intensity.append(one_intensity)
            lengths.append(len(one_mz))
        return cls(
            indptr=np.concatenate([[0], np.cumsum(lengths, dtype=np.int64)]).astype(np.int64),
            mz=np.concatenate([np.empty(0), *mz]).astype(np.float64, copy=False),
            intensity=np.concatenate([np.empty(0), *intensity]).astype(np.float64, copy=False),
        )

    def __len__(self) -> int:
        return len(self.indptr) - 1

    @property
    def counts(self) -> IntArray:
        """(n,) int64 number of peaks of each spectrum."""
        return np.diff(self.indptr)

    def owner(self) -> IntArray:
        """(n_peaks,) int64 number of the spectrum that each peak belongs to."""
        return np.repeat(np.arange(len(self), dtype=np.int64), self.counts)

    def take(self, rows: IntArray) -> Self:
        """Return the spectra ``rows``, in that order."""
        counts = self.counts[rows]
        index = expand_ranges(self.indptr[:-1][rows], counts)
        indptr = np.concatenate([[0], np.cumsum(counts, dtype=np.int64)]).astype(np.int64)
        return type(self)(indptr, self.mz[index], self.intensity[index])

    def where(self, keep: NDArray[np.bool_]) -> Self:
        """Return the peaks for which ``keep`` (n_peaks,) holds; spectra may become empty."""
        total = np.concatenate([[0], np.cumsum(keep, dtype=np.int64)])
        return type(self)(total[self.indptr], self.mz[keep], self.intensity[keep])


def expand_ranges(start: IntArray, counts: IntArray) -> IntArray:
    """Return ``start[0] … start[0] + counts[0] - 1, start[1] …`` as one (sum,) int64 array."""
    ends = np.cumsum(counts, dtype=np.int64)
    total = int(ends[-1]) if len(ends) else 0
    return np.arange(total, dtype=np.int64) + np.repeat(start - ends + counts, counts)


def clean_peaks(
    peaks: PeakLists,
    *,
    tolerance: Tolerance,
    max_mz: FloatArray | None = None,
    min_relative_intensity: float = MIN_RELATIVE_INTENSITY,
    max_peaks: int = 0,
) -> PeakLists:
    """Return the lists sorted, denoised, merged and normalised to sum 1.

    Args:
        peaks: any peak lists; unsorted, zero, negative and non-finite peaks are allowed.
        tolerance: fragment tolerance; peaks not more than twice it apart are merged into one
            at their intensity-weighted m/z, the strongest first.
        max_mz: (n,) float64, peaks above it are dropped; NaN: no limit.
        min_relative_intensity: peaks below this share of the base peak are dropped.
        max_peaks: the strongest that are kept; 0: all.

    Returns:
        As many spectra as given, some possibly empty; m/z ascend.

    Source: Li 2021, Nat. Methods 18, 1524; order of steps after ms_entropy 1.5.
    """
    with np.errstate(invalid="ignore"):
        keep = (
            np.isfinite(peaks.mz)
            & np.isfinite(peaks.intensity)
            & (peaks.mz > 0)
            & (peaks.intensity > 0)
        )
        if max_mz is not None:
            keep &= ~(peaks.mz > np.repeat(max_mz, peaks.counts))
    peaks = merge_peaks(_sorted(_summable(peaks.where(keep))), tolerance)
    peaks = peaks.where(not_below(peaks, min_relative_intensity))
    if max_peaks:
        peaks = _strongest(peaks, max_peaks)
    return normalised(peaks)


def _summable(peaks: PeakLists) -> PeakLists:
    """Return the lists with huge intensities scaled by a power of two, so that no sum overflows.

    The ratios within a spectrum keep every bit.
    """
    if not len(peaks.intensity) or peaks.intensity.max() < _LARGE_INTENSITY:
        return peaks
    highest = np.zeros(len(peaks))
    np.maximum.at(highest, peaks.owner(), peaks.intensity)
    scale = np.repeat(np.frexp(highest)[1], peaks.counts)
    return PeakLists(peaks.indptr, peaks.mz, np.ldexp(peaks.intensity, -scale))


def normalised(peaks: PeakLists) -> PeakLists:
    """Return the lists with intensities that sum to 1 within each spectrum."""
    total = np.bincount(peaks.owner(), peaks.intensity, minlength=len(peaks))
    return PeakLists(peaks.indptr, peaks.mz, peaks.intensity / np.repeat(total, peaks.counts))


def merge_peaks(peaks: PeakLists, tolerance: Tolerance) -> PeakLists:
    """Merge peaks not more than twice the tolerance apart until none are left.

    ``peaks`` must ascend in m/z within each spectrum. The strongest peak takes its neighbours
    first, as ms_entropy does it.
    """
    while True:
        owner = peaks.owner()
        near = (np.diff(peaks.mz) <= 2 * tolerance.half_width(peaks.mz[1:])) & (
            owner[1:] == owner[:-1]
        )
        if not near.any():
            return peaks
        first = _group_starts(peaks, near, tolerance)
        starts = np.flatnonzero(first)
        group = np.cumsum(first) - 1
        # bincount adds one by one: the sums do not depend on where a spectrum lies in memory
        intensity = np.bincount(group, peaks.intensity).astype(np.float64)
        mz = np.bincount(group, peaks.mz * peaks.intensity) / intensity
        mz = np.where(np.bincount(group) == 1, peaks.mz[starts], mz)
        peaks = PeakLists(np.searchsorted(starts, peaks.indptr), mz, intensity)


def _group_starts(
    peaks: PeakLists, near: NDArray[np.bool_], tolerance: Tolerance
) -> NDArray[np.bool_]:
    """Mark the first peak of every group that one round of merging makes one peak."""
    starts = np.concatenate([[True], ~near])
    run_start = np.flatnonzero(starts)
    run_stop = np.append(run_start[1:], len(starts))
    long = run_stop - run_start > 2  # a run of two is one group already
    for first, stop in zip(run_start[long].tolist(), run_stop[long].tolist(), strict=True):
        mz = peaks.mz[first:stop]
        width = (2 * tolerance.half_width(mz)).tolist()
        left = np.searchsorted(mz, mz - width, side="left").tolist()
        right = np.searchsorted(mz, mz + width, side="right").tolist()
        group = [-1] * (stop - first)
        for seed in np.argsort(-peaks.intensity[first:stop], kind="stable").tolist():
            if group[seed] < 0:
                for peak in range(left[seed], right[seed]):
                    if group[peak] < 0:
                        group[peak] = seed
        starts[first + 1 : stop] = np.diff(group) != 0
    return starts


def _sorted(peaks: PeakLists) -> PeakLists:
    owner = peaks.owner()
    if not ((np.diff(peaks.mz) < 0) & (owner[1:] == owner[:-1])).any():
        return peaks
    order = np.lexsort((peaks.mz, owner))
    return PeakLists(peaks.indptr, peaks.mz[order], peaks.intensity[order])


def not_below(peaks: PeakLists, share: float) -> NDArray[np.bool_]:
    """(n_peaks,) bool: peaks of at least ``share`` of their spectrum's base peak."""
    filled = np.flatnonzero(peaks.counts)
    base = np.zeros(len(peaks))
    if len(filled):
        base[filled] = np.maximum.reduceat(peaks.intensity, peaks.indptr[:-1][filled])
    return peaks.intensity >= share * np.repeat(base, peaks.counts)


def _strongest(peaks: PeakLists, most: int) -> PeakLists:
    if not (peaks.counts > most).any():
        return peaks
    order = np.lexsort((-peaks.intensity, peaks.owner()))
    rank = np.empty(len(order), dtype=np.int64)
    rank[order] = np.arange(len(order)) - np.repeat(peaks.indptr[:-1], peaks.counts)
    return peaks.where(rank < most)


def entropy_weighted(peaks: PeakLists) -> FloatArray:
    """Return (n_peaks,) float64 intensities weighted for the entropy similarity, sum 1 each.

    Spectra of low entropy S (few dominating peaks) get ``I ** (0.25 + 0.25 S)`` for S < 3.
    ``peaks.intensity`` must sum to 1 within each spectrum; S is in nats.

    Source: Li 2021, Nat. Methods 18, 1524, equation of the weighted entropy similarity.
    """
    owner, counts = peaks.owner(), peaks.counts
    p = peaks.intensity.astype(np.float64, copy=False)
    entropy = np.bincount(owner, -p * np.log(p), minlength=len(peaks))
    power = np.where(entropy < 3.0, 0.25 + 0.25 * entropy, 1.0)
    weighted = p ** np.repeat(power, counts)
    total = np.bincount(owner, weighted, minlength=len(peaks))
    return weighted / np.repeat(total, counts)
