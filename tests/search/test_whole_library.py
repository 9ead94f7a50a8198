"""Open, analogue and neutral-loss search against plain loops, over spectra that hypothesis draws.

The oracle knows peaks on the grid and their weights, nothing of indices: it compares every pair
of peaks. m/z are drawn from few values a tolerance or so apart, so that peaks coincide, lie at
the tolerance's edge and just beyond.
"""

import math

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from spectrakit.search import whole_library
from spectrakit.search.best_rows import group_number, lower_limits
from spectrakit.search.index import SearchMode, SearchSettings, SpectralIndex
from spectrakit.search.prepared import prepare_queries, prepare_spectra
from spectrakit.search.similarity import Similarity
from spectrakit.spectrum import Tolerance

from .spectra import random_spectra, spectrum

TOLERANCES = [Tolerance(0.02, "Da"), Tolerance(0.00937, "Da"), Tolerance(20.0, "ppm")]
STEPS = [0.0, 0.00999, 0.01, 0.02, 0.02001, 0.03, 0.04, 0.04001, 0.05]
PEAK = st.tuples(
    st.sampled_from([100.0, 100.5, 114.0, 250.0, 264.0, 900.0]),
    st.sampled_from(STEPS),
    st.sampled_from([0.002, 0.5, 1.0, 1.0, 7.0]),
)
PRECURSOR = st.sampled_from([math.nan, 250.0, 264.0, 264.02, 901.0])
SPECTRUM = st.builds(
    lambda peaks, precursor, polarity: spectrum(
        [base + step for base, step, _ in peaks], [i for _, _, i in peaks], precursor, polarity
    ),
    st.lists(PEAK, max_size=8),
    PRECURSOR,
    st.sampled_from([1, -1, 0]),
)
MODES = [
    (SearchMode.OPEN, Similarity.ENTROPY),
    (SearchMode.OPEN, Similarity.COSINE),
    (SearchMode.OPEN, Similarity.NEUTRAL_LOSS),
    (SearchMode.ANALOGUE, Similarity.ENTROPY),
]


def by_loops(a, b, i, j, method, tolerance):
    """Score and number of matched peaks of spectrum i of ``a`` and j of ``b``, peak by peak."""
    peaks = []
    for spectra, number in ((a, i), (b, j)):
        own = range(spectra.indptr[number], spectra.indptr[number + 1])
        values = spectra.intensity if method is Similarity.COSINE else spectra.weighted
        peaks.append([(int(spectra.mz[p]), float(values[p])) for p in own if spectra.weighted[p]])
    precursors = [a.precursor_mz[i], b.precursor_mz[j]]
    if method in (Similarity.NEUTRAL_LOSS, Similarity.HYBRID) and np.isnan(precursors).any():
        return 0.0, 0
    asked, held = [round(p * 1e5) if p == p else 0 for p in precursors]

    def width(mz):
        if tolerance.unit == "Da":
            return round(tolerance.value * 1e5)
        return round(mz * tolerance.value * 1e-6)

    direct, shifted = [], []
    for x, (mz_a, _) in enumerate(peaks[0]):
        for y, (mz_b, _) in enumerate(peaks[1]):
            if abs(mz_a - mz_b) <= width(mz_b):
                direct.append((x, y))
            if abs((asked - mz_a) - (held - mz_b)) <= width(mz_b) and (
                method is Similarity.NEUTRAL_LOSS or asked - mz_a >= 160_000
            ):
                shifted.append((x, y))
    for pairs in (direct, shifted):  # a peak at the edge of two, which cleaning leaves apart
        assume(all(len({pair[side] for pair in pairs}) == len(pairs) for side in (0, 1)))
    taken = shifted if method is Similarity.NEUTRAL_LOSS else direct
    if method is Similarity.HYBRID:
        used_a, used_b = {x for x, _ in direct}, {y for _, y in direct}
        taken = direct + [(x, y) for x, y in shifted if x not in used_a and y not in used_b]
    total = 0.0
    for x, y in taken:
        v, w = peaks[0][x][1], peaks[1][y][1]
        if method is Similarity.COSINE:
            lengths = (math.sqrt(sum(p * p for _, p in side)) for side in peaks)
            total += v * w / math.prod(lengths)
        else:
            total += ((v + w) * math.log2(v + w) - v * math.log2(v) - w * math.log2(w)) / 2
    return min(total, 1.0), len(taken)


def built(spectra, tolerance):
    prepared = prepare_spectra(spectra, tolerance=tolerance)
    return SpectralIndex.build(
        prepared,
        polarity=np.array([s.polarity for s in spectra]),
        adducts=[""] * len(spectra),
        compounds=[f"C{i}" for i in range(len(spectra))],
        tolerance=tolerance,
    ), prepared


@settings(max_examples=60, deadline=None)
@given(
    st.lists(SPECTRUM, min_size=1, max_size=8),
    st.lists(SPECTRUM, min_size=1, max_size=4),
    st.sampled_from(TOLERANCES),
    st.sampled_from(MODES),
    st.sampled_from([1, 2]),
    st.sampled_from([1, 2, 8]),
)
def test_all_scores_equal_those_of_loops(library, asked, tolerance, mode, min_matched_peaks, top):
    index, held = built(library, tolerance)
    queries = prepare_queries(asked, tolerance=tolerance)
    search = SearchSettings(
        mode=mode[0],
        method=mode[1],
        fragment_tolerance=tolerance,
        top=top,
        min_matched_peaks=min_matched_peaks,
    )
    found = index.search(queries, search)
    row = index.store_row[found.row]
    scores = {
        key: value
        for *key, value in zip(found.query.tolist(), row.tolist(), found.score, strict=True)
        for key in [tuple(key)]
    }
    counts = dict(
        zip(
            zip(found.query.tolist(), row.tolist(), strict=True),
            found.matched_peaks.tolist(),
            strict=True,
        )
    )
    method = search.effective_method()
    for q, one in enumerate(asked):
        best = []
        for r, other in enumerate(library):
            expected, matched = by_loops(queries.spectra, held, q, r, method, tolerance)
            if one.polarity * other.polarity == -1 or matched < min_matched_peaks:
                assert (q, r) not in scores
                continue
            best.append(expected)
            if (q, r) in scores:
                assert scores[q, r] == pytest.approx(expected, abs=1e-6)
                assert counts[q, r] == matched
        of_query = [score for (number, _), score in scores.items() if number == q]
        assert of_query == pytest.approx(sorted(best, reverse=True)[:top], abs=1e-6)


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("top", [3, 40])
@pytest.mark.parametrize("limits", [(1, 1), (1 << 12, 1 << 11), (1 << 30, 1 << 30)])
def test_answers_have_the_same_bits_however_the_batch_is_cut(mode, top, limits, monkeypatch):
    library, asked = random_spectra(700, 31), random_spectra(40, 32)
    index, _ = built(library, Tolerance(0.02, "Da"))
    queries = prepare_queries(asked)
    search = SearchSettings(mode=mode[0], method=mode[1], top=top)
    alone = [index.search(queries.take(np.array([i])), search) for i in range(len(asked))]
    monkeypatch.setattr(whole_library, "CHUNK_PEAKS", limits[0])
    monkeypatch.setattr(whole_library, "CHUNK_SCORES", limits[1])
    together = index.search(queries, search)
    np.testing.assert_array_equal(together.query, np.repeat(range(40), [len(a) for a in alone]))
    for name in ("row", "score", "matched_peaks"):
        np.testing.assert_array_equal(
            getattr(together, name), np.concatenate([getattr(a, name) for a in alone])
        )


@settings(max_examples=100, deadline=None)
@given(
    st.lists(st.sampled_from([0.0, 0.1, 0.2, 0.3, 0.30001, 0.9]), min_size=1, max_size=60),
    st.integers(1, 70),
)
def test_rows_above_the_limit_hold_the_best(values, top):
    n_groups = group_number(len(values), top)
    score = np.array([values, values[::-1]], np.float32)
    query, row = (score >= lower_limits(score, top, n_groups)[:, None]).nonzero()
    for number, of_query in enumerate(score):
        mine = row[query == number]
        assert len(np.unique(mine)) == len(mine)
        best = np.sort(of_query[of_query > 0])[::-1][:top]
        np.testing.assert_array_equal(np.sort(of_query[mine])[::-1][: len(best)], best)


def test_the_limit_lets_few_others_through():
    random = np.random.default_rng(5)
    score = random.random((3, 5120), dtype=np.float32)
    query, row = (score >= lower_limits(score, 10, group_number(5120, 10))[:, None]).nonzero()
    for number in range(3):
        mine = set(row[query == number].tolist())
        assert set(np.argsort(-score[number])[:10].tolist()) <= mine
        assert len(mine) < 20


@pytest.mark.parametrize("method", [Similarity.ENTROPY, Similarity.COSINE])
def test_rows_without_a_precursor_take_no_place_among_the_analogues(method):
    """They score 0, though all their fragments match."""
    mz = [100.0, 150.0, 200.0]
    library = [spectrum(mz, [1.0, 2.0, 3.0], math.nan, 1), spectrum(mz[:2], [1.0, 2.0], 314.0, 1)]
    index, _ = built(library, Tolerance(0.02, "Da"))
    queries = prepare_queries([spectrum(mz, [1.0, 2.0, 3.0], 300.0, 1)])
    search = SearchSettings(mode=SearchMode.ANALOGUE, method=method, top=1)
    found = index.search(queries, search)
    assert index.store_row[found.row].tolist() == [1]
