"""The index through its one door, ``search``, against a loop over all pairs."""

from dataclasses import replace

import numpy as np
import pytest

from spectrakit.errors import InputError, UsageError
from spectrakit.search.index import SearchMode, SearchSettings, SpectralIndex
from spectrakit.search.prepared import prepare_queries, prepare_spectra
from spectrakit.search.similarity import Similarity, score_pairs
from spectrakit.spectrum import Tolerance

from .spectra import random_spectra, spectrum

LIBRARY = random_spectra(300, 11, polarity=(1, -1, 0))
QUERIES = random_spectra(60, 12, polarity=(1, -1, 0))
ADDUCTS = ["[M+H]+", "[M+Na]+", ""]
WIDE = Tolerance(20.0, "Da")


def build(spectra=LIBRARY, adducts=None, compounds=None):
    n = len(spectra)
    return SpectralIndex.build(
        prepare_spectra(spectra),
        polarity=np.array([s.polarity for s in spectra]),
        adducts=adducts or [ADDUCTS[i % 3] for i in range(n)],
        compounds=compounds or [f"C{i % 40:03d}" for i in range(n)],
    )


def asked(spectra=QUERIES, adducts=None):
    return prepare_queries(
        spectra, adducts=adducts or [ADDUCTS[i % 3] for i in range(len(spectra))]
    )


def as_set(index, matches, digits=6):
    row = index.store_row[matches.row]
    return {
        (int(q), int(r), round(float(s), digits), int(m))
        for q, r, s, m in zip(matches.query, row, matches.score, matches.matched_peaks, strict=True)
    }


def by_loop(settings, method):
    """Every pair that the rules allow, by plain loops."""
    library, queries = prepare_spectra(LIBRARY), asked()
    allowed = []
    for q, query in enumerate(QUERIES):
        for r, held in enumerate(LIBRARY):
            apart = abs(query.precursor_mz - held.precursor_mz)
            limit = settings.precursor_tolerance.half_width(query.precursor_mz)
            adducts = {ADDUCTS[q % 3], ADDUCTS[r % 3]} - {""}
            if (
                (settings.mode is not SearchMode.PRECURSOR or apart <= limit)
                and query.polarity * held.polarity != -1
                and not (settings.match_adducts and len(adducts) == 2)
            ):
                allowed.append((q, r))
    pair = np.array(allowed)
    scores = score_pairs(
        queries.spectra,
        library,
        pair[:, 0],
        pair[:, 1],
        method=method,
        tolerance=settings.fragment_tolerance,
    )
    return {
        (q, r, round(float(s), 6), int(m))
        for (q, r), s, m in zip(allowed, scores.score, scores.matched_peaks, strict=True)
        if m >= settings.min_matched_peaks
    }


@pytest.mark.parametrize("match_adducts", [True, False])
@pytest.mark.parametrize("tolerance", [Tolerance(10.0, "ppm"), WIDE])
def test_precursor_search_finds_what_a_loop_finds(tolerance, match_adducts):
    settings = SearchSettings(
        precursor_tolerance=tolerance, match_adducts=match_adducts, min_matched_peaks=2
    )
    index = build()
    found = as_set(index, index.search(asked(), settings))
    assert found == by_loop(settings, Similarity.ENTROPY)
    assert len(found) > 50


@pytest.mark.parametrize("method", list(Similarity))
@pytest.mark.parametrize("mode", [SearchMode.OPEN, SearchMode.ANALOGUE])
def test_open_search_returns_the_best_of_a_loop(mode, method):
    settings = SearchSettings(mode=mode, method=method, top=5)
    index = build()
    if mode is SearchMode.ANALOGUE and method is Similarity.SQRT_COSINE:
        with pytest.raises(UsageError, match="analogue"):
            index.search(asked(), settings)
        return
    found = as_set(index, index.search(asked(), settings))
    best = set()
    everything = by_loop(settings, settings.effective_method())
    for query in range(len(QUERIES)):
        scores = sorted((-s, s, q, r, m) for q, r, s, m in everything if q == query)
        best |= {(q, r, s, m) for _, s, q, r, m in scores[:5]}
    # equal scores at the cut may be resolved either way
    assert {(q, s) for q, _, s, _ in found} == {(q, s) for q, _, s, _ in best}
    assert found <= everything


@pytest.mark.parametrize("mode", list(SearchMode))
def test_answers_do_not_depend_on_the_batch(mode):
    index, queries = build(), asked()
    settings = SearchSettings(mode=mode, precursor_tolerance=WIDE, top=7)
    together = as_set(index, index.search(queries, settings), digits=15)
    alone = set()
    for number in range(len(queries)):
        one = index.search(queries.take(np.array([number])), settings)
        alone |= {(number, *rest) for _, *rest in as_set(index, one, digits=15)}
    assert alone == together


def test_matches_come_best_first():
    matches = build().search(asked(), SearchSettings(precursor_tolerance=WIDE))
    assert (np.diff(matches.query) >= 0).all()
    same = np.diff(matches.query) == 0
    assert (np.diff(matches.score)[same] <= 0).all()


def test_min_score_and_top_limit_the_answer():
    index = build()
    settings = SearchSettings(precursor_tolerance=WIDE, min_score=0.2, top=3)
    matches = index.search(asked(), settings)
    assert matches.score.min() >= 0.2
    assert np.bincount(matches.query).max() == 3


def test_an_adduct_that_the_library_lacks_meets_only_rows_without_adduct():
    index = build()
    queries = asked(adducts=["[M+K]+"] * len(QUERIES))
    matches = index.search(queries, SearchSettings(precursor_tolerance=WIDE))
    assert set(index.adduct[matches.row].tolist()) == {-1}


def test_spectra_without_precursor_are_found_by_open_search_only():
    """GC-EI libraries have no precursors."""
    library = [replace(s, precursor_mz=float("nan"), polarity=0) for s in LIBRARY]
    queries = [replace(s, precursor_mz=float("nan")) for s in QUERIES]
    index = build(library)
    assert len(index.search(asked(queries), SearchSettings())) == 0
    assert len(index.search(asked(), SearchSettings())) == 0
    found = index.search(asked(queries), SearchSettings(mode=SearchMode.OPEN, top=3))
    assert len(np.unique(found.query)) > 50


def test_an_index_opens_from_mapped_arrays_without_copies(tmp_path):
    index = build()
    mapped = {}
    for name, array in index.arrays().items():
        np.save(tmp_path / f"{name}.npy", array)
        mapped[name] = np.load(tmp_path / f"{name}.npy", mmap_mode="r")
    again = SpectralIndex.from_arrays(mapped, index.attrs())
    assert isinstance(again.spectra.mz, np.memmap)
    assert isinstance(again.fragments.position, np.memmap)
    for mode in SearchMode:
        settings = SearchSettings(mode=mode, precursor_tolerance=WIDE)
        one, two = index.search(asked(), settings), again.search(asked(), settings)
        np.testing.assert_array_equal(one.row, two.row)
        np.testing.assert_array_equal(one.score, two.score)
    assert again.compound_key(3) == index.compound_key(3) == "C003"


def test_a_wider_tolerance_than_built_for_merges_the_library_again():
    """Unit-resolution EI spectra need 0.3 Da; the index was built for 0.02 Da."""
    library = [spectrum([100.0, 100.3, 150.0], [3.0, 3.0, 4.0], 200.0, 1)]
    tolerance = Tolerance(0.3, "Da")
    queries = prepare_queries([spectrum([100.2, 150.2], [6.0, 4.0], 200.0, 1)], tolerance=tolerance)
    matches = build(library).search(queries, SearchSettings(fragment_tolerance=tolerance))
    assert matches.matched_peaks[0] == 2
    assert matches.score[0] == pytest.approx(1.0, abs=1e-6)


def test_queries_cleaned_for_a_narrower_tolerance_are_refused():
    queries = prepare_queries([spectrum([100.0, 100.1], [1.0, 1.0], 200.0)])
    settings = SearchSettings(fragment_tolerance=Tolerance(0.3, "Da"))
    with pytest.raises(UsageError, match="twice the fragment tolerance"):
        build().search(queries, settings)


def test_a_damaged_or_newer_index_is_an_input_error():
    index = build()
    with pytest.raises(InputError, match="version 99"):
        SpectralIndex.from_arrays(index.arrays(), {**index.attrs(), "version": 99})
    arrays = index.arrays()
    del arrays["loss_row"]
    with pytest.raises(InputError, match="loss_row"):
        SpectralIndex.from_arrays(arrays, index.attrs())


def test_an_empty_library_and_an_empty_batch_answer_nothing():
    empty = build([], adducts=[], compounds=[])
    for mode in SearchMode:
        assert len(empty.search(asked(), SearchSettings(mode=mode))) == 0
        assert len(build().search(asked([]), SearchSettings(mode=mode))) == 0


@pytest.mark.parametrize("mode", [SearchMode.OPEN, SearchMode.ANALOGUE])
def test_open_scores_equal_flash_entropy(mode):
    ms_entropy = pytest.importorskip("ms_entropy")
    library = random_spectra(200, 21, polarity=(1,))
    queries = random_spectra(30, 22, polarity=(1,))
    flash = ms_entropy.FlashEntropySearch(max_ms2_tolerance_in_da=0.0199)
    prepared = prepare_spectra(library)

    def strong(spectra, i):
        own = slice(spectra.indptr[i], spectra.indptr[i + 1])
        keep = spectra.weighted[own] > 0
        peaks = np.column_stack([spectra.mz[own] * 1e-5, spectra.intensity[own]])[keep]
        peaks[:, 1] /= peaks[:, 1].sum()
        return peaks.astype(np.float32)

    kept = flash.build_index(
        [
            {"precursor_mz": s.precursor_mz, "peaks": strong(prepared, i), "row": i}
            for i, s in enumerate(library)
        ],
        clean_spectra=False,
    )
    place = {entry["row"]: number for number, entry in enumerate(kept)}
    index = build(library, adducts=[""] * 200)
    tolerance = Tolerance(0.0199, "Da")
    batch = asked(queries, adducts=[""] * 30)
    matches = index.search(batch, SearchSettings(mode=mode, fragment_tolerance=tolerance, top=20))
    name = "open_search" if mode is SearchMode.OPEN else "hybrid_search"
    for number, query in enumerate(queries):
        scores = getattr(flash, name)(
            precursor_mz=query.precursor_mz,
            peaks=strong(batch.spectra, number),
            ms2_tolerance_in_da=0.0199,
        )
        own = matches.query == number
        expected = scores[[place[r] for r in index.store_row[matches.row[own]].tolist()]]
        np.testing.assert_allclose(matches.score[own], expected, atol=1e-4)
