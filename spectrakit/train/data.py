"""Batches of peaks straight from stores, in the form that a bundle's graph will get them.

Columns of stores written with ``--compression none`` are memory-mapped; those of others are
read into memory once.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields
from typing import Any, Self

import numpy as np
import torch
from numpy.typing import NDArray

from spectrakit.bundle.predict import PRECURSOR_FIELDS
from spectrakit.errors import MismatchError
from spectrakit.preprocess.peaks import PeakLists, expand_ranges
from spectrakit.preprocess.steps import Context, apply_steps, check_steps
from spectrakit.store.dataset import Dataset
from spectrakit.train.order import BatchOrder, Rows

Step = tuple[str, int, Mapping[str, Any]]


@dataclass(frozen=True, slots=True)
class PeakBatch:
    """Spectra of one batch, padded to the longest.

    Attributes:
        rows: (n,) int64, rows of the dataset.
        mz: (n, p) float64, 0 where there is no peak.
        intensity: (n, p) float32.
        mask: (n, p) bool, False where there is no peak.
        precursor: (n, k) float32, NaN where missing.
    """

    rows: torch.Tensor
    mz: torch.Tensor
    intensity: torch.Tensor
    mask: torch.Tensor
    precursor: torch.Tensor

    def __len__(self) -> int:
        return len(self.rows)

    def to(self, device: torch.device | str) -> Self:
        """Return the batch on a device."""
        moved = (getattr(self, one.name).to(device, non_blocking=True) for one in fields(self))
        return type(self)(*moved)


@dataclass(frozen=True, slots=True)
class _Columns:
    """What is needed of one part of a dataset."""

    start: Rows  # (rows,) first peak of each row
    mz: NDArray[Any]  # of the whole block
    intensity: NDArray[Any]


class PeakSource:
    """The peaks of a dataset, any rows of it at a time.

    Args:
        dataset: mass spectra.
        precursor: fields of a spectrum that batches carry, of ``PRECURSOR_FIELDS``.
        steps: ``(name, version, parameters)`` of ``spectrakit.preprocess.steps``, the same as
            the bundle will name; a limit on the number of peaks is one of them.

    Raises:
        MismatchError: an unknown field or step, or blocks that hold no peaks.
    """

    def __init__(
        self,
        dataset: Dataset,
        *,
        precursor: Sequence[str] = ("precursor_mz",),
        steps: Sequence[Step] = (),
    ) -> None:
        unknown = [name for name in precursor if name not in PRECURSOR_FIELDS]
        if unknown:
            raise MismatchError(
                f"'{unknown[0]}' is no precursor field.", hint=f"Known: {PRECURSOR_FIELDS}."
            )
        check_steps(steps)
        self.dataset = dataset
        self._steps = tuple(steps)
        self._parts: list[_Columns] = []
        counts: list[Rows] = []
        for part in dataset.parts:
            block = part.block
            if block.encoding != "ragged" or block.components != 1:
                raise MismatchError(
                    f"{part.store.path}: block '{part.block_name}' holds {block.encoding} spectra, "
                    "no peaks.",
                    hint="Give mass spectra.",
                )
            counts.append(np.diff(block.indptr)[part.rows])
            self._parts.append(_Columns(block.indptr[part.rows], block.axis, block.value))
        sizes = [len(part.rows) for part in dataset.parts]
        self._first = np.concatenate([[0], np.cumsum(sizes, dtype=np.int64)]).astype(np.int64)
        self.n_peaks: Rows = np.concatenate([np.empty(0, np.int64), *counts])
        columns = [np.asarray(dataset.meta(name), np.float32) for name in precursor]
        self.precursor = np.stack(columns, axis=1) if columns else np.empty((len(self), 0), "f4")
        self._precursor_mz = np.asarray(dataset.meta("precursor_mz"), np.float64)

    def __len__(self) -> int:
        return int(self._first[-1])

    def peaks(self, rows: Rows) -> PeakLists:
        """Return the peaks of rows, in their order, as they are stored."""
        counts = self.n_peaks[rows]
        indptr = np.concatenate([[0], np.cumsum(counts, dtype=np.int64)]).astype(np.int64)
        mz, intensity = np.empty(indptr[-1]), np.empty(indptr[-1])
        part_of = np.searchsorted(self._first, rows, side="right") - 1
        for number in np.unique(part_of).tolist():
            mine = np.flatnonzero(part_of == number)
            part = self._parts[number]
            start = part.start[rows[mine] - self._first[number]]
            source = expand_ranges(start, counts[mine])
            target = expand_ranges(indptr[:-1][mine], counts[mine])
            mz[target], intensity[target] = part.mz[source], part.intensity[source]
        return PeakLists(indptr, mz, intensity)

    def batch(self, rows: Rows) -> PeakBatch:
        """Return spectra as one padded batch, preprocessed."""
        context = Context(self._precursor_mz[rows])
        peaks = apply_steps(self.peaks(rows), context, self._steps)
        mz, intensity, mask = padded(peaks)
        return PeakBatch(
            torch.from_numpy(rows.astype(np.int64)),
            torch.from_numpy(mz),
            torch.from_numpy(intensity),
            torch.from_numpy(mask),
            torch.from_numpy(self.precursor[rows]),
        )

    def name(self, row: int) -> str:
        """Return what a person calls a row: its file and the identifier that it has there."""
        number = int(np.searchsorted(self._first, row, side="right")) - 1
        own = self.dataset[row]
        path = self.dataset.parts[number].store.path
        return f"{path.name} '{own.native_id or own.name or row - int(self._first[number])}'"


def padded(
    peaks: PeakLists,
) -> tuple[NDArray[np.float64], NDArray[np.float32], NDArray[np.bool_]]:
    """Return m/z, intensity and mask, each (n, longest), at least one column."""
    shape = (len(peaks), max(1, int(peaks.counts.max(initial=0))))
    where = (peaks.owner(), np.arange(len(peaks.mz)) - np.repeat(peaks.indptr[:-1], peaks.counts))
    mz, intensity, mask = np.zeros(shape), np.zeros(shape, np.float32), np.zeros(shape, np.bool_)
    mz[where], intensity[where], mask[where] = peaks.mz, peaks.intensity, True
    return mz, intensity, mask


class PeakBatches:
    """Batches of a source by position, as the training loop asks for them.

    Args:
        source: the peaks.
        batch: spectra of one optimiser step, over all processes.
        accumulate: parts of a step.
        seed: of the order.
        rank: number of this process.
        world: number of processes.
    """

    def __init__(
        self,
        source: PeakSource,
        *,
        batch: int,
        accumulate: int = 1,
        seed: int = 0,
        rank: int = 0,
        world: int = 1,
    ) -> None:
        self.source = source
        self.order = BatchOrder(
            source.n_peaks,
            batch=batch,
            accumulate=accumulate,
            seed=seed,
            rank=rank,
            world=world,
        )

    def __call__(self, position: int) -> PeakBatch:
        """Return the batch of this process at a position."""
        return self.source.batch(self.order.rows(position))

    def names(self, position: int) -> list[str]:
        """Return the spectra of a batch as a person calls them."""
        return [self.source.name(row) for row in self.order.rows(position).tolist()]
