"""A searchable spectral library as flat arrays, and the search over them.

Everything is an array that can be memory-mapped, so opening an index costs the same for ten
spectra and for ten million. Rows are sorted by polarity, then precursor m/z.
"""

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from spectrakit.errors import InputError, UsageError
from spectrakit.preprocess.peaks import IntArray, clean_peaks
from spectrakit.search.matching import grid_width
from spectrakit.search.open_search import open_pairs
from spectrakit.search.peak_index import PeakIndex
from spectrakit.search.precursor_search import BLOCK_POLARITY, adducts_agree, precursor_pairs
from spectrakit.search.prepared import DEFAULT_TOLERANCE, PreparedSpectra, Queries, concatenate
from spectrakit.search.settings import OPEN_TOP, SearchMode, SearchSettings
from spectrakit.search.similarity import Similarity, norms, score_pairs
from spectrakit.spectrum import FloatArray, Tolerance

INDEX_VERSION = 1


@dataclass(frozen=True, slots=True)
class Matches:
    """Library spectra found, best first within each query; all arrays are (k,).

    ``query`` int64, ``row`` int64 (index row), ``score`` float64 in [0, 1], ``matched_peaks``
    int32.
    """

    query: IntArray
    row: IntArray
    score: FloatArray
    matched_peaks: NDArray[np.int32]

    def __len__(self) -> int:
        return len(self.query)

    def where(self, keep: NDArray[Any] | slice) -> "Matches":
        """Return the matches selected by a mask, by positions or by a slice."""
        return Matches(self.query[keep], self.row[keep], self.score[keep], self.matched_peaks[keep])


@dataclass(frozen=True, eq=False)
class SpectralIndex:
    """A library ready to be searched.

    Attributes:
        spectra: the cleaned spectra, n rows.
        block_start: (4,) int64, rows where the blocks of positive, negative and unknown
            polarity begin, and n.
        adduct: (n,) int16 codes into ``adducts``; -1 not said.
        compound: (n,) int32 codes into ``compounds``.
        store_row: (n,) int64, row of each spectrum in the store it came from.
        compounds: (n_compounds,) bytes, key of each compound (InChIKey14, or what the caller
            takes for identity).
        adducts: canonical spellings.
        tolerance: widest fragment tolerance for which matches are unique.
        fragments: all peaks by m/z.
        losses: all peaks by neutral loss.
    """

    spectra: PreparedSpectra
    block_start: IntArray
    adduct: IntArray
    compound: IntArray
    store_row: IntArray
    compounds: NDArray[np.bytes_]
    adducts: Sequence[str]
    tolerance: Tolerance
    fragments: PeakIndex
    losses: PeakIndex

    @classmethod
    def build(
        cls,
        spectra: PreparedSpectra | Iterable[PreparedSpectra],
        *,
        polarity: IntArray,
        adducts: Sequence[str],
        compounds: Sequence[str],
        store_row: IntArray | None = None,
        tolerance: Tolerance = DEFAULT_TOLERANCE,
    ) -> Self:
        """Sort spectra and their peaks.

        Args:
            spectra: cleaned with ``tolerance``; in parts, so that a large library need not be
                held uncleaned. A precursor m/z that the record lacks but mass and adduct give
                should be filled in before (``PreparedSpectra.precursor_mz``).
            polarity: (n,) +1, -1 or 0.
            adducts: n canonical spellings, "" not said.
            compounds: n keys; equal keys are one compound.
            store_row: (n,) rows in the caller's store; default 0 … n - 1.
            tolerance: the widest fragment tolerance of the searches to come.
        """
        if not isinstance(spectra, PreparedSpectra):
            spectra = concatenate(spectra)
        n = len(spectra)
        block = np.select([polarity == 1, polarity == -1], [0, 1], default=2)
        order = np.lexsort((spectra.precursor_mz, block))
        spelling, adduct = _coded(adducts)
        keys, compound = _coded(compounds)
        if "" in spelling:  # sorts first: code 0 becomes -1
            spelling, adduct = spelling[1:], adduct - 1
        sorted_spectra = spectra.take(order)
        block_start = np.searchsorted(block[order], np.arange(len(BLOCK_POLARITY) + 1))
        return cls(
            spectra=sorted_spectra,
            block_start=block_start.astype(np.int64),
            adduct=adduct[order].astype(np.int16),
            compound=compound[order].astype(np.int32),
            store_row=(np.arange(n) if store_row is None else store_row)[order].astype(np.int64),
            compounds=np.array([key.encode() for key in keys], dtype=np.bytes_),
            adducts=spelling,
            tolerance=tolerance,
            fragments=PeakIndex.build(sorted_spectra, block_start, losses=False),
            losses=PeakIndex.build(sorted_spectra, block_start, losses=True),
        )

    def __len__(self) -> int:
        return len(self.spectra)

    def norm(self, method: Similarity) -> FloatArray:
        """(n,) float64 norm of each row's intensities, computed when a cosine first asks."""
        if method not in self._norms:
            self._norms[method] = norms(self.spectra, method)
        return self._norms[method]

    @cached_property
    def _norms(self) -> dict[Similarity, FloatArray]:
        return {}

    @cached_property
    def polarity(self) -> NDArray[np.int8]:
        """(n,) int8 polarity of each row."""
        return np.repeat(np.array(BLOCK_POLARITY, dtype=np.int8), np.diff(self.block_start))

    def compound_key(self, code: int) -> str:
        """Return the key of a compound."""
        return bytes(self.compounds[code]).decode()

    def arrays(self) -> dict[str, NDArray[Any]]:
        """Return every array of the index by name, for storing."""
        return {
            "indptr": self.spectra.indptr,
            "mz": self.spectra.mz,
            "intensity": self.spectra.intensity,
            "weighted": self.spectra.weighted,
            "precursor_mz": self.spectra.precursor_mz,
            "block_start": self.block_start,
            "adduct": self.adduct,
            "compound": self.compound,
            "store_row": self.store_row,
            "compounds": self.compounds,
            **self.fragments.arrays("fragment"),
            **self.losses.arrays("loss"),
        }

    def attrs(self) -> dict[str, Any]:
        """Return the small values that go with ``arrays``: numbers and text only."""
        return {
            "version": INDEX_VERSION,
            "tolerance": str(self.tolerance),
            "adducts": json.dumps(list(self.adducts)),
        }

    @classmethod
    def from_arrays(cls, arrays: Mapping[str, NDArray[Any]], attrs: Mapping[str, Any]) -> Self:
        """Open what ``arrays`` and ``attrs`` gave; memory-mapped arrays stay on disk.

        Raises:
            InputError: an array is missing, or a newer spectrakit wrote the index.
        """
        version = int(attrs.get("version", 0))
        if version != INDEX_VERSION:
            raise InputError(
                f"spectral index: version {version}, this spectrakit reads {INDEX_VERSION}.",
                hint="Build the library again with `spectrakit library add`.",
            )
        held = dict(arrays)
        try:
            spectra = PreparedSpectra(
                *(held[k] for k in ("indptr", "mz", "intensity", "weighted", "precursor_mz"))
            )
            return cls(
                spectra=spectra,
                block_start=held["block_start"],
                adduct=held["adduct"],
                compound=held["compound"],
                store_row=held["store_row"],
                compounds=held["compounds"],
                adducts=json.loads(str(attrs["adducts"])),
                tolerance=Tolerance.parse(str(attrs["tolerance"])),
                fragments=PeakIndex.from_arrays(held, "fragment"),
                losses=PeakIndex.from_arrays(held, "loss"),
            )
        except KeyError as error:
            raise InputError(
                f"spectral index: {error} is missing.",
                hint="Build the library again with `spectrakit library add`.",
            ) from error

    def adduct_codes(self, adducts: Sequence[str]) -> IntArray:
        """(n,) int64 codes of canonical spellings; -1 for "", -2 for one the library lacks."""
        return np.array([self._codes.get(adduct, -2) for adduct in adducts], dtype=np.int64)

    @cached_property
    def _codes(self) -> dict[str, int]:
        return {spelling: number for number, spelling in enumerate(self.adducts)} | {"": -1}

    def search(self, queries: Queries, settings: SearchSettings) -> Matches:
        """Return the library spectra that match, for each query best first.

        A query's answer does not depend on the other queries of the batch.

        Args:
            queries: cleaned for at least ``settings.fragment_tolerance``.
            settings: mode, similarity, tolerances and limits.

        Raises:
            UsageError: the queries were cleaned for a narrower tolerance.
        """
        _check_separated(queries.spectra, settings.fragment_tolerance)
        if _wider(settings.fragment_tolerance, self.tolerance):
            return self.merged_for(settings.fragment_tolerance).search(queries, settings)
        method = settings.effective_method()
        adduct = self.adduct_codes(queries.adduct)
        if not settings.match_adducts:
            adduct[:] = -1
        top = settings.top
        if settings.mode is SearchMode.PRECURSOR:
            query, row = precursor_pairs(self, queries, settings.precursor_tolerance)
            agree = adducts_agree(adduct[query], self.adduct[row])
            query, row = query[agree], row[agree]
            scores = score_pairs(
                queries.spectra,
                self.spectra,
                query,
                row,
                method=method,
                tolerance=settings.fragment_tolerance,
            )
        else:
            top = top or OPEN_TOP
            query, row, scores = open_pairs(
                self,
                queries,
                adduct,
                method=method,
                tolerance=settings.fragment_tolerance,
                top=top,
                min_matched_peaks=settings.min_matched_peaks,
            )
        found = Matches(query, row, scores.score, scores.matched_peaks)
        return _best_first(found, settings, top)

    def merged_for(self, tolerance: Tolerance) -> "SpectralIndex":
        """Return this index, or one in memory whose peaks are merged for a wider ``tolerance``.

        Row numbers stay the same; an index is built once and kept.
        """
        if not _wider(tolerance, self.tolerance):
            return self
        if str(tolerance) not in self._rebuilt:
            self._rebuilt[str(tolerance)] = self._rebuild(tolerance)
        return self._rebuilt[str(tolerance)]

    @cached_property
    def _rebuilt(self) -> "dict[str, SpectralIndex]":
        return {}

    def _rebuild(self, tolerance: Tolerance) -> "SpectralIndex":
        merged = clean_peaks(
            self.spectra.as_peak_lists(), tolerance=tolerance, min_relative_intensity=0.0
        )
        spectra = PreparedSpectra.from_cleaned(merged, self.spectra.precursor_mz)
        return replace(
            self,
            spectra=spectra,
            tolerance=tolerance,
            fragments=PeakIndex.build(spectra, self.block_start, losses=False),
            losses=PeakIndex.build(spectra, self.block_start, losses=True),
        )


def _coded(words: Sequence[str]) -> tuple[list[str], IntArray]:
    known = sorted(set(words))
    code = {word: number for number, word in enumerate(known)}
    return known, np.array([code[word] for word in words], dtype=np.int64)


def _best_first(found: Matches, settings: SearchSettings, top: int) -> Matches:
    keep = found.matched_peaks >= settings.min_matched_peaks
    if settings.min_score > 0:
        keep &= found.score >= settings.min_score
    if not keep.all():
        found = found.where(keep)
    order = np.lexsort((found.row, -found.score, found.query))
    if top and len(found) > top:
        first = found.query.searchsorted(found.query)  # queries ascend before and after
        order = order[np.arange(len(found)) - first < top]
    return found.where(order)


def _wider(one: Tolerance, other: Tolerance) -> bool:
    """Whether ``one`` exceeds ``other`` anywhere between m/z 10 and 2000."""
    return any(one.half_width(mz) > other.half_width(mz) * (1 + 1e-9) for mz in (10.0, 2000.0))


def _check_separated(spectra: PreparedSpectra, tolerance: Tolerance) -> None:
    gap = spectra.key[1:-1] - spectra.key[:-2]
    if (gap < 2 * grid_width(spectra.mz[1:], tolerance) - 1).any():
        raise UsageError(
            f"the queries have peaks closer than twice the fragment tolerance {tolerance}.",
            hint="Prepare them with the tolerance of the search.",
        )
