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
from spectrakit.search.unit_vectors import Held, Singles, held, pair_cosines, scale_of

CELLS_ABOVE = 100_000  # vectors of one polarity; with fewer all are compared
CELL_ARRAYS = ("start", "mean", "spread")
_PAIRS = 1 << 16  # pairs of vectors multiplied at once


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
        vectors: (n, d) int16, held unit vectors, sorted by polarity block and cell.
        row: (n,) int32, library row of each vector.
        place: (n,) int32, where the vector of each library row lies.
        block_start: (4,) int64, where the vectors of each polarity begin, and n.
        cells: of each block; None where all vectors are compared.
        about: digests of library and model, and counts.
    """

    vectors: Held
    row: NDArray[np.int32]
    place: NDArray[np.int32]
    block_start: Rows
    cells: tuple[Cells | None, ...]
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
            vectors: (n, d), one for each library row, of any length or held already; rows of
                zeros are near to nothing.
            block_start: (4,) first row of each polarity block, and n.
            about: what ``open`` compares and ``library info`` shows.
            cells_above: blocks with more vectors get cells.
        """
        whole: Held = vectors if vectors.dtype == np.int16 else held(vectors)  # type: ignore[assignment]
        order = np.arange(len(whole))
        cells: list[Cells | None] = []
        for block in range(len(BLOCK_POLARITY)):
            first, stop = int(block_start[block]), int(block_start[block + 1])
            if stop - first <= cells_above:
                cells.append(None)
                continue
            made, inside = Cells.fit(whole[first:stop])
            order[first:stop] = first + inside
            cells.append(made)
        counted = {"dimension": whole.shape[1], "vectors": len(whole)}
        empty = int((~whole.any(axis=1)).sum())
        return cls(
            vectors=whole[order],
            row=order.astype(np.int32),
            place=places_of(order).astype(np.int32),
            block_start=np.asarray(block_start, np.int64),
            cells=tuple(cells),
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
            inside = self.vectors[first:stop]
            if cells is None or exact:
                found = compare_all(inside, asked[mine], top)
            else:
                found = look_in_cells(cells, inside, asked[mine], top, reach)
            rows = self._rows(found.place + first)
            parts.append(Found(mine[found.query], rows, found.product))
        best = best_of(parts, top) if len(parts) > 1 else join(parts)
        cosine = best.product / np.float32(scale_of(self.vectors.shape[1]) ** 2)
        return Neighbours(best.query, best.place, cosine)

    def cosines(self, vectors: NDArray[np.floating[Any]], query: Rows, row: Rows) -> Singles:
        """Return (k,) cosines of pairs of a query's vector and a library row's.

        Raises:
            MismatchError: the queries have another dimension.
        """
        asked = self._held(vectors)
        found = np.empty(len(query), np.float32)
        for start in range(0, len(query), _PAIRS):
            part = slice(start, start + _PAIRS)
            place = self.place[row[part]]
            if len(place) and (place.min() < 0 or place.max() >= len(self)):
                raise self._damaged()
            found[part] = pair_cosines(asked[query[part]], self.vectors[place])
        return found

    def _held(self, vectors: NDArray[np.floating[Any]]) -> Held:
        if vectors.shape[1] != self.vectors.shape[1]:
            raise MismatchError(
                f"embeddings of '{self.about.get('model', '')}' have {self.vectors.shape[1]} "
                f"numbers, the spectra's {vectors.shape[1]}.",
                hint="Embed the library again with `spectrakit library embed`.",
            )
        return held(vectors)

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
        found: dict[str, NDArray[Any]] = {
            name: getattr(self, name) for name in ("vectors", "row", "place", "block_start")
        }
        for block, cells in enumerate(self.cells):
            if cells is not None:
                for name in CELL_ARRAYS:
                    found[f"cells{block}.{name}"] = getattr(cells, name)
        return found
