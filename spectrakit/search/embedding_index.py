"""The vectors of a library's spectra, searched by likeness.

Vectors are sorted by polarity, and in large libraries by cell (``cells``), so that a search of
memory-mapped arrays reads little of them.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from spectrakit.errors import InputError, MismatchError
from spectrakit.search.cells import REACH, Cells, Rows
from spectrakit.search.nearest_vectors import (
    Found,
    best_of,
    compare_all,
    join,
    look_in_cells,
    places_of,
)
from spectrakit.search.precursor_search import BLOCK_POLARITY, block_meets
from spectrakit.search.unit_vectors import (
    FINE,
    Held,
    Singles,
    held,
    leading_directions,
    listed_products,
    pair_products,
    scale_of,
    turned,
)

CELLS_ABOVE = 100_000  # vectors of one polarity; with fewer all are compared
ROUGH = 128  # directions that cells are searched by
ROUGH_TIMES, ROUGH_MORE = 2, 30  # vectors kept for the exact comparison: 2 top + 30
WHOLE_MORE = 5  # top + 5 where the directions are as many as the numbers
ARRAYS = ("vectors", "row", "place", "block_start", "directions", "rough")
CELL_ARRAYS = ("start", "mean", "spread")
_PAIRS = 1 << 12  # pairs of vectors multiplied at once


@dataclass(frozen=True, slots=True)
class Neighbours:
    """Library rows near to queries: ``query`` and ``row`` (k,) int64, ``cosine`` (k,) float32.

    Sorted by query, then cosine falling.
    """

    query: Rows
    row: Rows
    cosine: Singles

    def __len__(self) -> int:
        return len(self.query)


@dataclass(frozen=True, eq=False)
class EmbeddingIndex:
    """The vectors of one library by one model.

    Attributes:
        vectors: (n, d) int16, fine unit vectors, sorted by polarity block and cell.
        row: (n,) int32, library row of each vector.
        place: (n,) int32, where the vector of each library row lies.
        block_start: (4,) int64, where the vectors of each polarity begin, and n.
        cells: of each block; None where all vectors are compared.
        directions: (r, d) int16, coarse: what cells are searched by first; r = 0 without cells.
        rough: (n, r) int16, the vectors along these, coarse.
        about: digests of library and model, and counts.
    """

    vectors: Held
    row: NDArray[np.int32]
    place: NDArray[np.int32]
    block_start: Rows
    cells: tuple[Cells | None, ...]
    directions: Held
    rough: Held
    about: Mapping[str, Any]

    def __len__(self) -> int:
        return len(self.row)

    @classmethod
    def build(
        cls,
        vectors: Held | NDArray[np.floating[Any]],
        block_start: Rows,
        about: Mapping[str, Any],
        *,
        cells_above: int = CELLS_ABOVE,
    ) -> Self:
        """Sort vectors for searching.

        Args:
            vectors: (n, d), one for each library row, of any length, or fine already; rows of
                zeros are near to nothing.
            block_start: (4,) first row of each polarity block, and n.
            about: what ``open`` compares and ``library info`` shows.
            cells_above: blocks with more vectors get cells.
        """
        whole: Held = vectors if vectors.dtype == np.int16 else held(vectors, FINE)  # type: ignore[assignment]
        n, dimension = whole.shape
        order = np.arange(n)
        large = (np.diff(block_start) > cells_above).any()
        n_rough = min(ROUGH, dimension) if large else 0
        directions = leading_directions(whole, n_rough)
        rough = turned(whole, directions)
        cells: list[Cells | None] = []
        for block in range(len(BLOCK_POLARITY)):
            first, stop = int(block_start[block]), int(block_start[block + 1])
            if stop - first <= cells_above:
                cells.append(None)
                continue
            made, inside = Cells.fit(rough[first:stop])
            order[first:stop] = first + inside
            cells.append(made)
        counted = {"dimension": dimension, "vectors": n}
        empty = int((~whole.any(axis=1)).sum())
        return cls(
            vectors=whole[order],
            row=order.astype(np.int32),
            place=places_of(order).astype(np.int32),
            block_start=np.asarray(block_start, np.int64),
            cells=tuple(cells),
            directions=directions,
            rough=rough[order],
            about={**about, **counted, "empty": empty},
        )

    def search(
        self,
        vectors: NDArray[np.floating[Any]],
        polarity: NDArray[np.int8],
        top: int,
        *,
        exact: bool = False,
        reach: float = REACH,
    ) -> Neighbours:
        """Return the ``top`` library spectra whose vectors are nearest to each query.

        A query meets its own polarity and the spectra whose polarity is not said. Its answer
        does not depend on the other queries. Vectors of zeros have no neighbours.

        Args:
            vectors: (m, d) of the queries.
            polarity: (m,) +1, -1, or 0 for any.
            top: neighbours wanted; fewer come back where there are fewer.
            exact: compare all, also in a library with cells.
            reach: how far cells may promise less than the best and still be looked into.

        Raises:
            MismatchError: the queries have another dimension.
        """
        asked = self._held(vectors)
        parts: list[Found] = []
        for block, cells in enumerate(self.cells):
            first, stop = int(self.block_start[block]), int(self.block_start[block + 1])
            mine = np.flatnonzero(block_meets(block, polarity) & asked.any(axis=1))
            if first == stop or not len(mine):
                continue
            inside = slice(first, stop)
            if cells is None or exact:
                found = compare_all(self.vectors[inside], asked[mine], top)
            else:
                found = self._twice(cells, inside, asked[mine], top, reach)
            rows = self._rows(found.place + first)
            parts.append(Found(mine[found.query], rows, found.product))
        best = best_of(parts, top) if len(parts) > 1 else join(parts)
        return Neighbours(best.query, best.place, self._cosine(best.product))

    def _twice(self, cells: Cells, inside: slice, asked: Held, top: int, reach: float) -> Found:
        """Look along the leading directions, then compare the best few in all."""
        vectors = self.vectors[inside]
        turned_only = vectors.shape[1] == len(self.directions)  # coarse, and nothing left out
        kept = top + WHOLE_MORE if turned_only else ROUGH_TIMES * top + ROUGH_MORE
        kept = min(kept, len(vectors))
        first = look_in_cells(
            cells, self.rough[inside], turned(asked, self.directions), kept, reach
        )
        place = first.place.reshape(len(asked), kept)
        product = listed_products(asked, vectors, place).ravel()
        return best_of([Found(first.query, first.place, product)], top)

    def cosines(self, vectors: NDArray[np.floating[Any]], query: Rows, row: Rows) -> Singles:
        """Return (k,) cosines of pairs of a query's vector and a library row's.

        Raises:
            MismatchError: the queries have another dimension.
        """
        asked = self._held(vectors)
        found = np.empty(len(query), np.int32)
        for start in range(0, len(query), _PAIRS):
            part = slice(start, start + _PAIRS)
            place = self.place[row[part]]
            if len(place) and (place.min() < 0 or place.max() >= len(self)):
                raise self._damaged()
            found[part] = pair_products(asked[query[part]], self.vectors[place])
        return self._cosine(found)

    def _cosine(self, product: NDArray[Any]) -> Singles:
        return (product / scale_of(self.vectors.shape[1], FINE) ** 2).astype(np.float32)

    def _held(self, vectors: NDArray[np.floating[Any]]) -> Held:
        if vectors.shape[1] != self.vectors.shape[1]:
            raise MismatchError(
                f"embeddings of '{self.about.get('model', '')}' have {self.vectors.shape[1]} "
                f"numbers, the spectra's {vectors.shape[1]}.",
                hint="Embed the library again with `spectrakit library embed`.",
            )
        return held(vectors, FINE)

    def _rows(self, place: Rows) -> Rows:
        row = self.row[place].astype(np.int64)
        if len(row) and (row.min() < 0 or row.max() >= len(self)):
            raise self._damaged()
        return row

    def _damaged(self) -> InputError:
        return InputError(
            f"embeddings of '{self.about.get('model', '')}': a row lies outside the library.",
            hint="The file was changed; embed the library again with `spectrakit library embed`.",
        )

    def arrays(self) -> dict[str, NDArray[Any]]:
        """Return every array by name."""
        found: dict[str, NDArray[Any]] = {name: getattr(self, name) for name in ARRAYS}
        for block, cells in enumerate(self.cells):
            if cells is not None:
                for name in CELL_ARRAYS:
                    found[f"cells{block}.{name}"] = getattr(cells, name)
        return found
