"""Candidate pairs by precursor m/z: which library rows each query may meet.

Library rows lie in three blocks of polarity (+1, -1, not said), each ascending in precursor
m/z, so the rows of a window are neighbours, on disk and in memory.
"""

from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from spectrakit.preprocess.peaks import IntArray, expand_ranges
from spectrakit.search.prepared import PreparedSpectra, Queries
from spectrakit.spectrum import Tolerance

BLOCK_POLARITY = (1, -1, 0)  # order of the blocks in an index


class Blocked(Protocol):
    """What the search needs of an index."""

    @property
    def spectra(self) -> PreparedSpectra:
        """Rows sorted by polarity block, then precursor m/z."""
        ...

    @property
    def block_start(self) -> IntArray:
        """(4,) first row of each block, and the number of rows."""
        ...

    @property
    def adduct(self) -> IntArray:
        """(n,) codes, -1 not said."""
        ...


def meets_all(block: int, polarity: NDArray[np.int8]) -> bool:
    """Whether queries of every ``polarity`` may match rows of ``block``."""
    own = BLOCK_POLARITY[block]
    return own == 0 or all(other in (0, own) for other in polarity.tolist())


def block_meets(block: int, polarity: NDArray[np.int8]) -> NDArray[np.bool_]:
    """(n,) bool: queries of ``polarity`` that rows of ``block`` may match; 0 matches any."""
    own = BLOCK_POLARITY[block]
    if own == 0:
        return np.ones(len(polarity), dtype=np.bool_)
    return (polarity == own) | (polarity == 0)


def precursor_pairs(
    index: Blocked, queries: Queries, tolerance: Tolerance
) -> tuple[IntArray, IntArray]:
    """Return (k,) int64 queries and (k,) int64 library rows within the precursor tolerance.

    Sorted by query, then row. Ppm are of the query's precursor. Queries and rows without a
    precursor appear in no pair.
    """
    wanted = queries.spectra.precursor_mz
    width = tolerance.half_width(wanted)
    known = np.isfinite(wanted)
    lowest, highest = wanted - width, wanted + width
    pair_query: list[IntArray] = []
    pair_row: list[IntArray] = []
    for block in range(len(BLOCK_POLARITY)):
        first, stop = int(index.block_start[block]), int(index.block_start[block + 1])
        if first == stop:
            continue
        meets = (
            known
            if meets_all(block, queries.polarity)
            else (known & block_meets(block, queries.polarity))
        )
        here = meets.nonzero()[0]
        precursors = np.asarray(index.spectra.precursor_mz)[first:stop]  # NaN sort last
        low = precursors.searchsorted(lowest[here], side="left")
        counts = precursors.searchsorted(highest[here], side="right") - low
        pair_query.append(here.repeat(counts))
        pair_row.append(expand_ranges(low + first, counts))
    if not pair_query:
        return np.empty(0, dtype=np.int64), np.empty(0, dtype=np.int64)
    if len(pair_query) == 1:
        return pair_query[0], pair_row[0]
    query, row = np.concatenate(pair_query), np.concatenate(pair_row)
    order = np.argsort(query, kind="stable")
    return query[order], row[order]


def adducts_agree(query_code: IntArray, row_code: IntArray) -> NDArray[np.bool_]:
    """Whether a query may meet a row: the same adduct, or one of the two says none (-1)."""
    return (query_code == row_code) | (query_code == -1) | (row_code == -1)
