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
_GROUPS = 512  # of rows, or
_GROUPS_PER_ROW = 8  # for each row wanted, where that is more


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
    n_rows = len(index.spectra)
    n_groups = max(min(max(_GROUPS, _GROUPS_PER_ROW * top), n_rows), 1)
    width = -(-n_rows // n_groups) * n_groups  # rows that are not there score 0
    library = WholeLibrary(index, queries, method, tolerance)
    agreeing: dict[int, NDArray[np.bool_]] = {}
    for first, stop in library.chunks():
        score = library.scores(first, stop, width, min_matched_peaks)
        for own, code in zip(score, query_adduct[first:stop].tolist(), strict=True):
            if code != -1:
                if code not in agreeing:
                    agreeing[code] = adducts_agree(code, index.adduct)
                own[:n_rows] *= agreeing[code]
        query, row = best_rows(score, top, n_groups)
        query += first
        if method is Similarity.MODIFIED_COSINE:
            query, row = _that_may_win(index, queries, score, first, query, row, tolerance, top)
        asked.append(query)
        found.append(row)
    empty = np.empty(0, dtype=np.int64)
    return np.concatenate([empty, *asked]), np.concatenate([empty, *found])


def best_rows(score: Singles, top: int, n_groups: int) -> tuple[IntArray, IntArray]:
    """Return (query, row) of the ``top`` highest positive scores, ties and rounding included.

    The rows lie in ``n_groups`` groups, row r in group r mod n_groups; the ``top``-th highest
    maximum of a group is a lower limit of the ``top``-th highest score, and only groups that
    reach it are looked into. A few rows too many may come back.

    Args:
        score: (n_queries, n_rows) float32, n_rows a multiple of ``n_groups``.
        top: scores wanted for each query.
        n_groups: should be several times ``top``.
    """
    in_groups = score.reshape(len(score), -1, n_groups)
    highest = in_groups.max(axis=1, initial=0.0)  # (n_queries, n_groups)
    limit = np.full(len(score), _TINY)
    if top < n_groups:
        last = np.partition(highest, n_groups - top, axis=1)[:, n_groups - top]
        np.maximum(limit, last - SLACK, out=limit)
    query, group = (highest >= limit[:, None]).nonzero()
    chosen, member = (in_groups[query, :, group] >= limit[query, None]).nonzero()
    return query[chosen], member * n_groups + group[chosen]


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
    limit = np.full(len(bound), _TINY)
    for number in range(len(bound)):
        of_query = exact[query == number + first]
        if len(of_query) >= top:
            place = len(of_query) - top
            limit[number] = max(float(np.partition(of_query, place)[place]) - SLACK, _TINY)
    number, row = (bound >= limit[:, None]).nonzero()
    return number + first, row
