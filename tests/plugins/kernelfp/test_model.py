"""The model from spectra to candidates, on disk and through `spectrakit pretrain`."""

import json
from collections import Counter

import numpy as np
import pytest
from spectrakit_kernelfp.data import measurement, training_set
from spectrakit_kernelfp.features import Measurement, merge
from spectrakit_kernelfp.model import fit, held_out_weights, load, save
from spectrakit_kernelfp.scoring import block_scores, merit

from spectrakit.errors import InputError, MismatchError
from spectrakit.search.known_mass import neutral_mass
from spectrakit.search.molecular_fingerprints import N_BITS, clusters, fingerprints
from spectrakit.spectrum import Axis, Modality, Molecule, Spectrum


def test_an_unseen_molecule_is_named_from_its_parts(molecules):
    """Molecules held out one cluster at a time stand before those of other parts."""
    spectra, smiles = molecules
    unknown = "c1ccccc1.3.N"
    rest = {key: value for key, value in spectra.items() if key[0] != unknown}
    model = fit(rest, smiles)
    listed = [unknown, "Cl.3.C(=O)O", "OC.3.OC", "Cl.2.OC"]
    query = {1: merge(spectra[unknown, 1]), -1: merge(spectra[unknown, -1])}
    values = merit(model.score(query, [smiles[key] for key in listed]))
    assert np.argmax(values) == 0


def test_held_out_answers_equal_a_fit_without_the_molecule(molecules):
    """Roughly: weights of bins, directions and mean have seen its cluster (exact: kernel tests)."""
    spectra, smiles = molecules
    model = fit(spectra, smiles)
    row = 17
    weights = held_out_weights(model, 1)[row]
    labels = clusters(model.bits[:, : model.bounds[1]])[model.halves[1].molecule]
    assert not weights[labels == labels[row]].any()
    held_out = model.mix(model.halves[1], weights[None])[0]
    key = model.keys[model.halves[1].molecule[row]]
    twins = {model.keys[i] for i in model.halves[1].molecule[labels == labels[row]]}
    rest = fit({k: v for k, v in spectra.items() if k[0] not in twins}, smiles)
    shared, own, other = np.intersect1d(model.kept, rest.kept, return_indices=True)
    refitted = rest.surplus(1, [merge(spectra[key, 1])])[0]
    assert len(shared) > 100
    assert np.corrcoef(held_out[own], refitted[other])[0, 1] > 0.9


def test_a_saved_model_answers_the_same(molecules, tmp_path):
    spectra, smiles = molecules
    model = fit(spectra, smiles)
    save(model, tmp_path / "model.npz")
    again = load(tmp_path / "model.npz")
    query = [merge(spectra["N.2.Cl", 1])]
    np.testing.assert_allclose(again.surplus(1, query), model.surplus(1, query), atol=1e-6)
    assert again.keys == model.keys
    save(again, tmp_path / "again.npz")
    assert (tmp_path / "again.npz").read_bytes() == (tmp_path / "model.npz").read_bytes()


def test_order_of_candidates_changes_nothing(molecules):
    spectra, smiles = molecules
    model = fit(spectra, smiles)
    query = {1: merge(spectra["N.2.Cl", 1])}
    listed = list(smiles.values())[:9]
    forward, backward = model.score(query, listed), model.score(query, listed[::-1])
    np.testing.assert_allclose(forward, backward[::-1], atol=1e-6)


def test_a_spectrum_without_a_known_feature_prefers_no_one(molecules):
    spectra, smiles = molecules
    model = fit(spectra, smiles)
    strange = merge([Measurement(np.array([1234.5]), np.array([1.0]))])
    assert not model.surplus(1, [strange]).any()
    assert not model.score({1: strange}, ["CCO", "CCN"]).any()
    assert not model.score({}, ["CCO", "CCN"]).any()


def test_what_cannot_be_learned_is_an_error(molecules, tmp_path):
    spectra, smiles = molecules
    with pytest.raises(MismatchError, match="readable structure"):
        fit(spectra, dict.fromkeys(smiles, "not a structure"))
    positive = fit({key: value for key, value in spectra.items() if key[1] > 0}, smiles)
    with pytest.raises(MismatchError, match="polarity -1"):
        positive.surplus(-1, [merge(spectra["N.2.Cl", 1])])
    (tmp_path / "broken.npz").write_bytes(b"PK\x03\x04 no")
    np.savez(tmp_path / "other.npz", a=np.zeros(3))
    for name in ("broken.npz", "other.npz", "missing.npz"):
        with pytest.raises(InputError, match=name):
            load(tmp_path / name)


def test_refused_structures_have_no_bits():
    bits, rejected = fingerprints(["CCO", "", "C1CC", "c1ccccc1"])
    assert rejected == [1, 2]
    assert bits.shape == (4, N_BITS)
    assert bits[[1, 2]].nnz == 0
    surplus = np.ones(N_BITS, np.float32)
    assert block_scores(surplus, bits, (0, N_BITS))[1, 0] == 0


def spectrum(precursor, *, adduct="[M+H]+", smiles="CCO", licence="CC0"):
    return Spectrum(
        Modality.MSMS, Axis(np.array([29.0, 31.0]), "m/z"), np.array([1.0, 2.0]), polarity=1,
        precursor_mz=precursor, adduct=adduct, molecule=Molecule(smiles=smiles),
        extra={"LICENSE": licence},
    )  # fmt: skip


def test_a_missing_or_nominal_precursor_is_that_of_the_molecule():
    expected = 46.04186 + 1.007276
    mass = neutral_mass("CCO")
    for stated in (np.nan, 47.0):
        assert measurement(spectrum(stated), mass).precursor_mz == pytest.approx(expected, abs=1e-4)
    assert measurement(spectrum(47.0493), mass).precursor_mz == 47.0493
    assert measurement(spectrum(47.0), np.nan).precursor_mz == 47.0
    assert np.isnan(neutral_mass("C1CC"))


def test_only_spectra_of_the_asked_licences_are_learned_from():
    given = [spectrum(47.05), spectrum(47.05, licence="CC BY-NC"), spectrum(47.05, smiles="")]
    assert training_set(given)[2] == 2
    assert training_set(given, ("CC0",))[2] == 1


def test_pretrain_writes_a_run_that_can_be_loaded(store, cli, kernelfp, tmp_path):
    out = tmp_path / "run"
    result = cli("pretrain", store, "-m", "kernelfp", "-o", out)
    assert result.exit_code == 0, result.stderr
    checkpoint = out / "checkpoints" / "step-000000001"
    assert set(load(checkpoint / "model.npz").halves) == {1, -1}
    told = json.loads((checkpoint / "sources.json").read_text())
    assert {(one["who"], one["licence"]) for one in told} == {
        ("MassBank, Lab_1", "CC0"),
        ("MassBank, Lab_2", "CC0"),
    }
    result = cli("pretrain", store, "-m", "kernelfp", "-s", "rigde=1", "-o", out)
    assert result.exit_code == 2
    assert "ridge" in result.stderr


def test_structures_that_rdkit_rejects_are_counted(molecules):
    spectra, smiles = molecules
    left_out = Counter()
    fit(spectra, {**smiles, "N.1.N": "C(C(C"}, leave_out=left_out.update)
    assert left_out == {"no structure that RDKit reads": 2}
