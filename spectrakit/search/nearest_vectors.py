"""The nearest of many held vectors: all compared, or those in promising cells.

Both take the same steps: a first look at part of the vectors gives each query a limit that its
``top``-th best cannot be below; what reaches the limit elsewhere is collected and sorted.
"""

from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import numpy as np
from numpy.typing import NDArray

from spectrakit.search.cells import Cells, Rows
from spectrakit.search.unit_vectors import FINE, Held, Singles, products

QUERIES = 16384  # searched together in cells: the larger, the fuller the matrix products
_TILE = 16384  # vectors compared at once when all are
_TILE_QUERIES = 256


@dataclass(frozen=True, slots=True)
class Found:
    """Vectors found: ``query`` and ``place`` (k,) int64, ``product`` (k,) whole numbers."""

    query: Rows
    place: Rows
    product: NDArray[Any]


def compare_all(vectors: Held, queries: Held, top: int) -> Found:
    """Return the ``top`` nearest of all ``vectors`` (n, d) for each of ``queries`` (m, d).

    Both coarse or both fine. Sorted by query, then product falling, then place.
    """
    parts: list[Found] = []
    for first in range(0, len(queries), _TILE_QUERIES):
        asked = queries[first : first + _TILE_QUERIES].astype(np.float64)
        everyone = np.arange(len(asked))
        limit = np.full(len(asked), -np.inf)
        best = join([])
        for start in range(0, len(vectors), _TILE):
            scores = products(asked, vectors[start : start + _TILE])
            limit = np.maximum(limit, kth_best(scores, top))
            reached = _Reached()
            reached.add(scores, limit, 0, start)
            best = best_of([best, reached.found(everyone)], top)
        parts.append(Found(best.query + first, best.place, best.product))
    return join(parts)


def look_in_cells(cells: Cells, vectors: Held, queries: Held, top: int, reach: float) -> Found:
    """Return the ``top`` nearest in the cells that each query looks into, sorted as above.

    ``vectors`` (n, d) are coarse and sorted by cell; so are ``queries`` (m, d) coarse.
    """
    parts: list[Found] = []
    for first in range(0, len(queries), QUERIES):
        asked = queries[first : first + QUERIES].astype(np.float32)
        found = _look(cells, vectors, asked, top, reach)
        parts.append(Found(found.query + first, found.place, found.product))
    return join(parts)


def _look(cells: Cells, vectors: Held, asked: Singles, top: int, reach: float) -> Found:
    seen, home = cells.visits(asked, top, reach)
    limit = np.full(len(asked), -np.inf, np.float32)
    parts: list[Found] = []
    for at_home in (True, False):  # home gives the limit, with which the rest is mostly refused
        if at_home:
            query = np.argsort(home, kind="stable")
            cell = home[query]
        else:
            seen[home, np.arange(len(asked))] = False
            cell, query = np.divmod(np.flatnonzero(seen), len(asked))
        reached = _Reached()
        edges = np.searchsorted(cell, np.arange(len(cells) + 1)).tolist()
        starts = cells.start.tolist()
        for number, (first, stop) in enumerate(pairwise(edges)):
            if first == stop:
                continue
            mine = query[first:stop]
            scores = products(asked[mine], vectors[starts[number] : starts[number + 1]])
            if at_home:
                limit[mine] = kth_best(scores, top)
            reached.add(scores, limit[mine], first, starts[number])
        parts.append(reached.found(query))
    return best_of(parts, top)


class _Reached:
    """Scores that reach their limits, gathered from many small tables."""

    def __init__(self) -> None:
        self._at: list[Rows] = []
        self._score: list[NDArray[Any]] = []
        self._about: list[tuple[int, int, int, int]] = []  # how many, width, first row, first place

    def add(self, scores: NDArray[Any], limit: NDArray[Any], first: int, place: int) -> None:
        """Take the (m, n) scores that are not below the (m,) limits of their rows."""
        at = (scores >= limit[:, None]).ravel().nonzero()[0]
        self._at.append(at)
        self._score.append(scores.ravel()[at])
        self._about.append((len(at), scores.shape[1], first, place))

    def found(self, query: Rows) -> Found:
        """Return what was gathered; ``query`` names the rows of all tables, one after another."""
        if not self._about:
            return join([])
        count, width, first, place = np.array(self._about, np.int64).T
        row, column = np.divmod(np.concatenate(self._at), np.repeat(width, count))
        return Found(
            query[row + np.repeat(first, count)],
            column + np.repeat(place, count),
            np.concatenate(self._score),
        )


def kth_best(scores: NDArray[Any], k: int) -> NDArray[Any]:
    """Return (m,) the k-th largest of each row of (m, n) scores; -inf where there are fewer."""
    n = scores.shape[1]
    if n < k:
        return np.full(len(scores), -np.inf, scores.dtype)
    if n >= 128 * k:  # the k-th largest maximum of groups is a limit too, and cheaper
        groups = scores[:, : n // 64 * 64].reshape(len(scores), -1, 64).max(axis=2)
        return kth_best(groups, k)
    return np.partition(scores, n - k, axis=1)[:, n - k]


def join(parts: list[Found]) -> Found:
    """Lay results end to end."""
    if not parts:
        empty = np.empty(0, np.int64)
        return Found(empty, empty, np.empty(0, np.float32))
    return Found(
        np.concatenate([part.query for part in parts]),
        np.concatenate([part.place for part in parts]),
        np.concatenate([part.product for part in parts]),
    )


def best_of(parts: list[Found], top: int) -> Found:
    """Return the ``top`` best of each query, sorted by query, product falling, place."""
    found = join(parts)
    key = (found.query << 32) + (FINE**2 - found.product.astype(np.int64))  # 0 to 2^31
    order = np.argsort(key)
    ordered = key[order]
    tied = np.zeros(len(key) + 1, np.bool_)
    tied[1:-1] = ordered[1:] == ordered[:-1]
    slots = np.flatnonzero(tied[1:] | tied[:-1])  # by place; sorting all by it takes thrice as long
    those = order[slots]
    order[slots] = those[np.lexsort((found.place[those], ordered[slots]))]
    query = found.query[order]
    count = np.bincount(query)
    first = (np.cumsum(count) - count)[query]
    order = order[np.arange(len(query)) - first < top]
    return Found(found.query[order], found.place[order], found.product[order])


def places_of(order: Rows) -> Rows:
    """Return the inverse of an order: where each of the things sorted now lies."""
    place = np.empty(len(order), np.int64)
    place[order] = np.arange(len(order))
    return place
