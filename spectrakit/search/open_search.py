"""Search without a precursor window: the best rows of the whole library for each query.

The inverted index gives every row's score to about 1e-6, or an upper bound of it (modified
cosine). Rows that can be among the best are then scored exactly.
"""

import numpy as np

from spectrakit.preprocess.peaks import IntArray
from spectrakit.search.best_rows import SLACK, TINY, lower_limits
from spectrakit.search.prepared import Queries
from spectrakit.search.similarity import PairScores, Similarity, score_pairs
from spectrakit.search.whole_library import Indexed, WholeLibrary
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
) -> tuple[IntArray, IntArray, PairScores]:
    """Return (query, library row) pairs that hold the ``top`` best rows of every query.

    More pairs than ``top`` may come back for a query; the caller cuts. Queries ascend.

    Args:
        index: an index with its inverted peaks.
        queries: cleaned queries.
        query_adduct: (n,) int codes of the index's adducts, -1 unknown.
        method: the similarity.
        tolerance: of fragments.
        top: rows wanted for each query.
        min_matched_peaks: rows with fewer matching peaks are left out before the best are
            taken.

    Returns:
        (k,) queries, (k,) rows and their exact scores.
    """
    library = WholeLibrary(
        index,
        queries,
        query_adduct,
        method=method,
        tolerance=tolerance,
        top=top,
        min_matched_peaks=min_matched_peaks,
    )
    found = [
        _best_by_bounds(index, queries, library, first, stop, tolerance, top)
        if method is Similarity.MODIFIED_COSINE
        else library.best(first, stop)
        for first, stop in library.chunks()
    ]
    if len(found) == 1:
        return found[0]
    query, row, scores = zip(*found, strict=True) if found else ([], [], [])
    empty = np.empty(0, np.int64)
    return (
        np.concatenate([empty, *query]),
        np.concatenate([empty, *row]),
        PairScores.joined(scores),
    )


def _best_by_bounds(
    index: Indexed,
    queries: Queries,
    library: WholeLibrary,
    first: int,
    stop: int,
    tolerance: Tolerance,
    top: int,
) -> tuple[IntArray, IntArray, PairScores]:
    """Return what ``WholeLibrary.best`` does, for modified cosine.

    The rows of the best bounds are scored; all rows follow whose bound reaches the ``top``-th
    best of these scores.
    """

    def scored(query: IntArray, row: IntArray) -> PairScores:
        return score_pairs(
            queries.spectra,
            index.spectra,
            query,
            row,
            method=Similarity.MODIFIED_COSINE,
            tolerance=tolerance,
        )

    bound = library.bounds(first, stop)
    limit = lower_limits(bound, top, library.n_groups)
    number, row = (bound >= limit[:, None]).nonzero()
    exact = scored(number + first, row).score
    limit[:] = TINY  # float32, or the comparison with all bounds would take six times as long
    for query in range(len(bound)):
        of_query = exact[number == query]
        if len(of_query) >= top:
            place = len(of_query) - top
            limit[query] = max(float(np.partition(of_query, place)[place]) - SLACK, TINY)
    number, row = (bound >= limit[:, None]).nonzero()
    return number + first, row, scored(number + first, row)
