"""The evidence of replicates, against its formula written as loops, and its promises."""

import math

import numpy as np
import pytest

from spectrakit.search.evidence import DEFAULT_WEIGHTS, rank_compounds
from spectrakit.search.index import SearchSettings, SpectralIndex
from spectrakit.search.prepared import DEFAULT_TOLERANCE, prepare_queries, prepare_spectra
from spectrakit.spectrum import Tolerance

from .spectra import random_spectra, spectrum

SETTINGS = SearchSettings(precursor_tolerance=Tolerance(50.0, "Da"), min_matched_peaks=0)
LIBRARY = random_spectra(60, 31, polarity=(1,))
QUERIES = random_spectra(12, 32, polarity=(1,))


def ranked(library, compounds, queries, **options):
    index = SpectralIndex.build(
        prepare_spectra(library),
        polarity=np.array([s.polarity for s in library]),
        adducts=[""] * len(library),
        compounds=compounds,
    )
    asked = prepare_queries(queries)
    matches = index.search(asked, SETTINGS)
    found = rank_compounds(index, asked.spectra, matches, tolerance=DEFAULT_TOLERANCE, **options)
    return index, matches, found


def weights_of(one, above):
    """Entropy-weighted peaks of a spectrum up to precursor + above: {m/z on the grid: weight}."""
    prepared = prepare_spectra([one])
    mz, intensity = prepared.mz.tolist(), prepared.intensity.tolist()
    kept = {
        m: i for m, i in zip(mz, intensity, strict=True) if m * 1e-5 <= one.precursor_mz + above
    }
    total = sum(kept.values())
    kept = {m: i / total for m, i in kept.items()}
    entropy = -sum(p * math.log(p) for p in kept.values())
    power = 0.25 + 0.25 * entropy if entropy < 3 else 1.0
    scale = sum(p**power for p in kept.values())
    return {m: p**power / scale for m, p in kept.items()}


def term(a, b):
    def f(x):
        return x * math.log2(x) if x else 0.0

    return 0.5 * (f(a + b) - f(a) - f(b))


def evidence_by_loop(query, replicates):
    total = 0.0
    for above, weight in DEFAULT_WEIGHTS.views:
        q = weights_of(query, above)
        spectra = [weights_of(one, above) for one in replicates]

        def matches(library, q=q):
            for x, a in q.items():
                for y, b in library.items():
                    if abs(x - y) <= 2000:
                        yield x, a, b, math.exp(-0.5 * ((x - y) / (0.35 * 2000)) ** 2)

        single = [sum(c * term(a, b) for _, a, b, c in matches(s)) for s in spectra]
        share = [math.exp(20 * (s - max(single))) for s in single]
        mixed = dict.fromkeys(q, 0.0)
        for s, w in zip(spectra, share, strict=True):
            for x, _, b, c in matches(s):
                mixed[x] += w / sum(share) * b * c
        mixture = sum(term(q[x], b) for x, b in mixed.items())
        total += weight * (max(single) + mixture)
    return total


def test_evidence_equals_its_formula():
    compounds = [f"C{i % 15:02d}" for i in range(60)]
    index, _, found = ranked(LIBRARY, compounds, QUERIES)
    assert len(found) == 12 * 15
    for number in range(0, len(found), 7):
        key = index.compound_key(int(found.compound[number]))
        replicates = [s for s, c in zip(LIBRARY, compounds, strict=True) if c == key]
        expected = evidence_by_loop(QUERIES[found.query[number]], replicates)
        assert found.evidence[number] == pytest.approx(expected, abs=2e-5)


def test_compounds_are_ranked_once_each_with_their_best_spectrum():
    compounds = [f"C{i % 15:02d}" for i in range(60)]
    index, matches, found = ranked(LIBRARY, compounds, QUERIES)
    for query in range(len(QUERIES)):
        own = found.query == query
        assert len(set(found.compound[own].tolist())) == own.sum()
        assert (np.diff(found.evidence[own]) <= 0).all()
    for number in range(len(found)):
        mine = (matches.query == found.query[number]) & (
            index.compound[matches.row] == found.compound[number]
        )
        assert matches.score[found.match[number]] == matches.score[mine].max()


def test_repeating_a_library_spectrum_changes_nothing():
    """How often a compound was measured is no evidence for it."""
    compounds = [f"C{i:02d}" for i in range(60)]
    _, _, once = ranked(LIBRARY, compounds, QUERIES)
    _, _, often = ranked(LIBRARY + LIBRARY[:20] * 3, compounds + compounds[:20] * 3, QUERIES)
    np.testing.assert_array_equal(once.compound, often.compound)
    np.testing.assert_allclose(once.evidence, often.evidence, atol=1e-6)


def test_the_answer_does_not_depend_on_the_batch(monkeypatch):
    compounds = [f"C{i % 15:02d}" for i in range(60)]
    _, _, together = ranked(LIBRARY, compounds, QUERIES)
    for number, query in enumerate(QUERIES):
        _, _, alone = ranked(LIBRARY, compounds, [query])
        own = together.query == number
        np.testing.assert_array_equal(together.compound[own], alone.compound)
        np.testing.assert_array_equal(together.evidence[own], alone.evidence)


def test_an_energy_between_two_measured_ones_is_recognised():
    """Half-way between two energies neither replicate fits well, but their mixture does."""
    low, high = [9.0, 3.0, 1.5], [1.5, 3.0, 9.0]
    mz = [80.0, 120.0, 200.0]
    library = [
        spectrum(mz, low, 250.0, 1),
        spectrum(mz, high, 250.0, 1),
        spectrum(mz, [5.0, 5.0, 2.2], 250.0, 1),
    ]
    query = spectrum(mz, [5.0, 3.0, 5.0], 250.0, 1)
    index, matches, found = ranked(library, ["right", "right", "wrong"], [query])
    assert index.compound_key(int(found.compound[0])) == "right"
    assert index.compound_key(int(index.compound[matches.row[0]])) == "wrong"


def test_no_matches_give_no_compounds():
    _, _, found = ranked(LIBRARY, ["C"] * 60, [])
    assert len(found) == 0


def test_fragments_above_a_multiply_charged_precursor_count():
    """A doubly charged peptide breaks into ions of up to twice its m/z; they were thrown away."""
    intensity = [10.0, 20.0, 100.0, 90.0]
    query = spectrum([150.0, 250.0, 620.0, 730.0], intensity, 500.0, 1)
    right = spectrum([150.0, 250.0, 620.0, 730.0], intensity, 500.0, 1)
    wrong = spectrum([150.0, 250.0, 640.0, 750.0], intensity, 500.0, 1)
    index = SpectralIndex.build(
        prepare_spectra([right, wrong]),
        polarity=np.array([1, 1]),
        adducts=["[M+2H]2+", "[M+2H]2+"],
        compounds=["right", "wrong"],
    )
    asked = prepare_queries([query])
    matches = index.search(asked, SETTINGS)
    options = {"tolerance": DEFAULT_TOLERANCE}
    blind = rank_compounds(index, asked.spectra, matches, **options)
    assert blind.evidence[0] == pytest.approx(blind.evidence[1])  # as if singly charged
    seeing = rank_compounds(index, asked.spectra, matches, charges=np.array([2]), **options)
    assert index.compound_key(int(seeing.compound[0])) == "right"
    assert seeing.evidence[0] == pytest.approx(3.0)  # identical: 1 * (1 + 1) + 0.5 * (1 + 1)
    assert seeing.evidence[1] < 1.0
