"""Which rows make up which batch: a pure function of seed and position, for every process.

Nothing is remembered between batches, so that going on at position k needs the number k only.
"""

from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from spectrakit.errors import MismatchError
from spectrakit.log import say

POOL = 32  # batches: rows are sorted by length within a pool, so that little is padded

Rows = NDArray[np.int64]


class BatchOrder:
    """Batches of one size, shuffled anew in each epoch, of rows of similar length.

    A *batch* is what one optimiser step sees over all processes. It is divided into
    ``accumulate`` parts, one after the other, and each part among the processes; position
    ``step * accumulate + part`` names such a part. Neither batches nor
    parts depend on ``world``.

    Args:
        lengths: (n,) of each row, such as its number of peaks; equal ones switch bucketing off.
        batch: rows of one optimiser step.
        accumulate: parts of a batch.
        seed: of the order.
        rank: number of this process.
        world: number of processes.

    Raises:
        MismatchError: there are fewer rows than parts.
    """

    def __init__(
        self,
        lengths: NDArray[np.integer],
        *,
        batch: int,
        accumulate: int = 1,
        seed: int = 0,
        rank: int = 0,
        world: int = 1,
    ) -> None:
        parts = accumulate * world
        self.n = len(lengths)
        self.batch = min(batch, self.n) // parts * parts
        self.accumulate = accumulate
        self._lengths = np.asarray(lengths, np.int64)
        self._seed, self._rank, self._world = seed, rank, world
        if not self.batch:
            raise MismatchError(
                f"a batch of {min(batch, self.n)} (of {self.n} rows) cannot be divided into "
                f"{accumulate} parts for {world} processes.",
                hint="Give more data, a larger batch, or fewer parts or devices.",
            )
        if self.batch != batch and rank == 0:
            say(f"batches of {self.batch} rows instead of {batch}: there are {self.n} to learn from"
                f" and {parts} equal parts of a batch")  # fmt: skip
        self._epoch_rows = lru_cache(maxsize=2)(self._shuffled)

    @property
    def steps_per_epoch(self) -> int:
        """Batches of one epoch; the rest of the rows, fewer than a batch, waits for the next."""
        return self.n // self.batch

    def _shuffled(self, epoch: int) -> Rows:
        """Return (steps_per_epoch, batch) rows of an epoch."""
        random = np.random.default_rng([self._seed, epoch])
        count = self.steps_per_epoch
        rows = random.permutation(self.n)[: count * self.batch].astype(np.int64)
        for start in range(0, len(rows), POOL * self.batch):
            pool = rows[start : start + POOL * self.batch]
            pool[:] = pool[np.argsort(self._lengths[pool], kind="stable")]
        return rows.reshape(count, self.batch)[random.permutation(count)]

    def rows(self, position: int) -> Rows:
        """Return the rows of this process at a position."""
        step, part = divmod(position, self.accumulate)
        epoch, number = divmod(step, self.steps_per_epoch)
        whole = self._epoch_rows(epoch)[number]
        # dealt out like cards: parts and processes all get rows of all lengths of the batch
        return whole[part :: self.accumulate][self._rank :: self._world]
