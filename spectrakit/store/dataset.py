"""Several stores together: chosen rows of their blocks and of their molecules."""

from bisect import bisect_right
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import accumulate
from typing import Any, overload

import numpy as np
from numpy.typing import NDArray

from spectrakit.spectrum import Molecule, Spectrum
from spectrakit.store.block import Block
from spectrakit.store.reader import Store

Rows = NDArray[np.int64]


@dataclass(frozen=True, eq=False)
class BlockRows:
    """Some spectra of one block. ``rows`` (n,) int64, ascending."""

    store: Store
    block_name: str
    rows: Rows

    @property
    def block(self) -> Block:
        """The block itself, for work on whole columns."""
        return self.store.blocks[self.block_name]


@dataclass(frozen=True, eq=False)
class MoleculeRows:
    """Some molecules of one store. ``rows`` (n,) int64, ascending."""

    store: Store
    rows: Rows

    def __iter__(self) -> Iterator[Molecule]:
        for row in self.rows.tolist():
            yield self.store.molecule(row)


@dataclass(frozen=True, eq=False)
class Dataset(Sequence[Spectrum]):
    """Spectra of several stores in one fixed order, and the molecules of structure lists.

    As a sequence it gives ``Spectrum`` objects; ``parts`` gives what whole-column code needs.
    Opening is lazy and per process, so that a dataset can be pickled.

    Attributes:
        parts: rows of blocks, in the order of the inputs.
        structures: molecules of stores that hold no spectra.
    """

    parts: tuple[BlockRows, ...] = ()
    structures: tuple[MoleculeRows, ...] = ()

    @cached_property
    def _ends(self) -> list[int]:
        return list(accumulate(len(part.rows) for part in self.parts))

    def __len__(self) -> int:
        return self._ends[-1] if self._ends else 0

    @property
    def n_structures(self) -> int:
        """Number of molecules in ``structures``."""
        return sum(len(part.rows) for part in self.structures)

    @overload
    def __getitem__(self, index: int) -> Spectrum: ...
    @overload
    def __getitem__(self, index: slice) -> list[Spectrum]: ...
    def __getitem__(self, index: int | slice) -> Spectrum | list[Spectrum]:
        if isinstance(index, slice):
            return [self[k] for k in range(*index.indices(len(self)))]
        number = index + len(self) if index < 0 else index
        if not 0 <= number < len(self):
            raise IndexError(f"spectrum {index} of {len(self)}")
        which = bisect_right(self._ends, number)
        part = self.parts[which]
        row = number - (self._ends[which] - len(part.rows))
        return part.block.spectrum(int(part.rows[row]))

    def __iter__(self) -> Iterator[Spectrum]:
        for part in self.parts:
            wanted = part.rows
            for batch in part.block.batches():
                first, stop = np.searchsorted(wanted, [batch.start, batch.stop])
                for row in wanted[first:stop].tolist():
                    yield batch[row - batch.start]

    def meta(self, name: str) -> NDArray[Any]:
        """Return one metadata column over all spectra, in order (rows of tables: per store)."""
        columns = [part.block.meta(name)[part.rows] for part in self.parts]
        return np.concatenate(columns) if columns else np.empty(0)
