"""Search without a precursor window: the best rows of the whole library for each query.

The inverted index gives every row's score to about 1e-6, or an upper bound of it (modified
cosine). Rows that can be among the best are then scored exactly by the caller.
"""

import numpy as np
from numpy.typing import NDArray

from spectrakit.preprocess.peaks import IntArray
from spectrakit.search.precursor_search import adducts_agree
from spectrakit.search.prepared import Queries
from spectrakit.search.similarity import Similarity, score_pairs
from spectrakit.search.whole_library import Indexed, Singles, WholeLibrary
from spectrakit.spectrum import Tolerance

SLACK = 1e-5  # float32 sums may be this much below the exact score
_TINY = float(np.finfo(np.float32).tiny)
_GROUPS = 8  # groups of rows for each row wanted


def open_pairs(
    index: Indexed,
    queries: Queries,
    query_adduct: IntArray,
    *,
    method: Similarity,
    tolerance: Tolerance,
    top: int,
    min_matched_peaks: int,
) -> tuple[IntArray, IntArray]:
    """Return (query, library row) pairs that hold the ``top`` best rows of every query.

    More pairs than ``top`` may come back for a query; the caller scores them exactly and cuts.

    Args:
        index: an index with its inverted peaks.
        queries: cleaned queries.
        query_adduct: (n,) int codes of the index's adducts, -1 unknown.
        method: the similarity.
        tolerance: of fragments.
        top: rows wanted for each query.
        min_matched_peaks: rows with fewer matching peaks are left out before the best are
            taken.
    """
    found: list[IntArray] = []
    library = WholeLibrary(index, queries, method, tolerance)
    agreeing: dict[int, NDArray[np.bool_]] = {}
    for number, code in enumerate(query_adduct.tolist()):
        score = library.scores(number, min_matched_peaks)
        if code != -1:
            if code not in agreeing:
                agreeing[code] = adducts_agree(code, index.adduct)
            score *= agreeing[code]
        rows = rows_above(score, top)
        if method is Similarity.MODIFIED_COSINE and len(rows) >= top:
            rows = _rows_that_may_win(index, queries, number, score, rows, tolerance, top)
        found.append(rows)
    if not found:
        return np.empty(0, dtype=np.int64), np.empty(0, dtype=np.int64)
    query = np.repeat(np.arange(len(found)), [len(rows) for rows in found])
    return query, np.concatenate(found)


def _rows_that_may_win(
    index: Indexed,
    queries: Queries,
    number: int,
    bound: Singles,
    rows: IntArray,
    tolerance: Tolerance,
    top: int,
) -> IntArray:
    """Return all rows whose bound reaches the ``top``-th best exact score of ``rows``."""
    pairs = np.full(len(rows), number, dtype=np.int64)
    exact = score_pairs(
        queries.spectra,
        index.spectra,
        pairs,
        rows,
        method=Similarity.MODIFIED_COSINE,
        tolerance=tolerance,
    ).score
    certain = float(np.partition(exact, len(exact) - top)[len(exact) - top])
    return np.flatnonzero(bound >= max(certain - SLACK, _TINY))


def rows_above(score: Singles, top: int) -> IntArray:
    """Return the rows of the ``top`` highest positive scores, ties and rounding included.

    A full sort is avoided: the ``top``-th highest maximum over groups of rows is a lower limit
    of the ``top``-th highest score.
    """
    size = len(score) // (_GROUPS * top)
    limit = _TINY
    if size > 1:
        whole = len(score) // size * size  # the few rows beyond only make the limit lower
        highest = score[:whole].reshape(size, -1).max(axis=0)
        place = len(highest) - top
        limit = max(limit, float(np.partition(highest, place)[place]) - SLACK)
    rows = np.flatnonzero(score >= limit)
    if len(rows) > top:
        values = score[rows]
        place = len(values) - top
        rows = rows[values >= float(np.partition(values, place)[place]) - SLACK]
    return rows
