"""Search without a precursor window: the best rows of the whole library for each query.

The inverted index gives every row's score to about 1e-6, or an upper bound of it (modified
cosine). Rows that can be among the best are then scored exactly by the caller.
"""

import numpy as np

from spectrakit.preprocess.peaks import IntArray
from spectrakit.search.best_rows import SLACK, TINY, best_rows
from spectrakit.search.prepared import Queries
from spectrakit.search.similarity import Similarity, score_pairs
from spectrakit.search.whole_library import Indexed, Singles, WholeLibrary
from spectrakit.spectrum import Tolerance


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
    asked: list[IntArray] = []
    found: list[IntArray] = []
    library = WholeLibrary(
        index,
        queries,
        query_adduct,
        method=method,
        tolerance=tolerance,
        top=top,
        min_matched_peaks=min_matched_peaks,
    )
    for first, stop in library.chunks():
        score = library.scores(first, stop)
        query, row = best_rows(score, top, library.n_groups)
        query += first
        if method is Similarity.MODIFIED_COSINE:
            query, row = _that_may_win(index, queries, score, first, query, row, tolerance, top)
        asked.append(query)
        found.append(row)
    empty = np.empty(0, dtype=np.int64)
    return np.concatenate([empty, *asked]), np.concatenate([empty, *found])


def _that_may_win(
    index: Indexed,
    queries: Queries,
    bound: Singles,
    first: int,
    query: IntArray,
    row: IntArray,
    tolerance: Tolerance,
    top: int,
) -> tuple[IntArray, IntArray]:
    """Return all (query, row) whose bound reaches the query's ``top``-th best exact score so far.

    ``bound`` (n, n_rows) is of the queries from ``first``; ``query`` and ``row`` of its best.
    """
    exact = score_pairs(
        queries.spectra,
        index.spectra,
        query,
        row,
        method=Similarity.MODIFIED_COSINE,
        tolerance=tolerance,
    ).score
    limit = np.full(len(bound), TINY)
    for number in range(len(bound)):
        of_query = exact[query == number + first]
        if len(of_query) >= top:
            place = len(of_query) - top
            limit[number] = max(float(np.partition(of_query, place)[place]) - SLACK, TINY)
    number, row = (bound >= limit[:, None]).nonzero()
    return number + first, row
