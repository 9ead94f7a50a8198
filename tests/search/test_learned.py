"""Learned evidence: products of vectors, standardised over the candidates of a spectrum."""

import numpy as np
import pytest

from spectrakit.bundle import Bundle
from spectrakit.errors import InputError, MismatchError
from spectrakit.search import learned
from spectrakit.search.learned import LearnedScorer, unit_vectors
from spectrakit.search.molecular_fingerprints import fingerprints
from spectrakit.search.references import build_references, open_references, with_references
from spectrakit.spectrum import Molecule

from .small_bundles import write_model
from .spectra import spectrum

CAFFEINE, THEOPHYLLINE = "CN1C=NC2=C1C(=O)N(C(=O)N2C)C", "Cn1c(=O)[nH]c2nc[nH]c2c1=O"
BENZENE = "c1ccccc1"


@pytest.fixture
def query():
    return spectrum([83.06, 138.066], [8.0, 100.0], 195.0877, 1)


def test_evidence_is_the_weighted_standard_score_of_the_products(tmp_path, query):
    scorer = LearnedScorer(Bundle(write_model(tmp_path / "m@1", CAFFEINE, weight=2.0, blocks=2)))
    names = [BENZENE, CAFFEINE, THEOPHYLLINE]
    (vector,) = scorer.spectra([query])
    found = scorer.evidence(vector, scorer.molecules(names))
    bits = fingerprints(names)[0].toarray()
    product = bits @ bits[1]
    expected = 2 * 2.0 * (product - product.mean()) / product.std()
    np.testing.assert_allclose(found, expected, rtol=1e-5)
    assert scorer.evidence(vector, scorer.molecules([CAFFEINE])).tolist() == [0.0]
    assert scorer.evidence(vector, scorer.molecules([])).tolist() == []


def test_batches_and_what_was_asked_before_change_nothing(tmp_path, query, monkeypatch):
    path = write_model(tmp_path / "m@1", CAFFEINE)
    names = [BENZENE, "CCO", CAFFEINE, "no SMILES", "CCO", THEOPHYLLINE]
    whole = LearnedScorer(Bundle(path)).molecules(names)
    monkeypatch.setattr(learned, "BATCH", 2)
    monkeypatch.setattr(learned, "KEPT_MOLECULES", 3)
    scorer = LearnedScorer(Bundle(path))
    np.testing.assert_array_equal(scorer.molecules(names), whole)
    np.testing.assert_array_equal(scorer.molecules(names[::-1]), whole[::-1])
    assert not whole[3].any()
    assert len(scorer.spectra([query] * 5)) == 5


def test_vectors_for_searching_have_length_one():
    vectors = unit_vectors(
        np.array([[[3.0, 0.0], [0.0, 4.0]], [[0.0, 0.0], [0.0, 0.0]]], np.float32)
    )
    np.testing.assert_allclose(vectors, [[0.6, 0, 0, 0.8], [0, 0, 0, 0]], rtol=1e-6)


def test_a_model_of_other_fingerprints_is_refused(tmp_path):
    path = write_model(tmp_path / "m@1", CAFFEINE, fingerprint="theirs-2")
    with pytest.raises(MismatchError, match="theirs-2"):
        LearnedScorer(Bundle(path))


def known(name, smiles, formula, key, polarity=1, **fields):
    molecule = Molecule(name=name, smiles=smiles, formula=formula, inchikey=key)
    return spectrum([83.06, 138.066], [8.0, 100.0], 195.0877, polarity, molecule=molecule, **fields)


def test_references_come_back_as_they_went_in(tmp_path):
    scorer = LearnedScorer(Bundle(write_model(tmp_path / "m@1", CAFFEINE)))
    spectra = [
        known("caffeine", CAFFEINE, "C8H10N4O2", "RYYVLZVUVIJVGH-UHFFFAOYSA-N"),
        known("caffeine", CAFFEINE, "C8H10N4O2", "RYYVLZVUVIJVGH-UHFFFAOYSA-N", -1),
        known("benzene", BENZENE, "C6H6", "UHOVQNZJYSORNB-UHFFFAOYSA-N"),
        known("no formula", "CCO", "", "LFQSCWFLJHTTHZ-UHFFFAOYSA-N"),
        known("no key", "CCO", "C2H6O", ""),
    ]
    data = build_references(spectra, scorer)
    assert data == build_references(spectra, scorer)
    path = with_references(scorer.bundle, tmp_path / "n@2", data, summary="with compounds")
    bundle = Bundle(path)
    assert bundle.manifest.summary == "with compounds"
    found = open_references(bundle)
    assert found.table.text["name"].take([0, 1]) == ["benzene", "caffeine"]
    assert found.table.exact_mass == pytest.approx([78.04695, 194.080376], abs=1e-5)
    (own,) = unit_vectors(scorer.spectra(spectra[:1]))
    rows = np.array([0, 1])
    assert found.cosines(own, 1, rows) == pytest.approx([1.0, 1.0], abs=1e-4)
    assert np.isnan(found.cosines(own, -1, rows)).tolist() == [True, False]
    assert found.cosines(np.zeros_like(own), 0, rows).tolist() == [0.0, 0.0]
    assert open_references(scorer.bundle) is None


def test_references_that_are_none_are_refused(tmp_path):
    scorer = LearnedScorer(Bundle(write_model(tmp_path / "m@1", CAFFEINE)))
    path = with_references(scorer.bundle, tmp_path / "n@2", b"no archive")
    with pytest.raises(InputError, match="references"):
        open_references(Bundle(path))
