"""The kernel model as a teacher: its answers are those of a fit without the molecule asked for."""

import numpy as np
import pytest
import scipy.sparse as sp
from spectrakit_kernelfp.features import merge
from spectrakit_kernelfp.model import fit

from spectrakit.bundle import Bundle
from spectrakit.search.molecular_fingerprints import N_BITS
from spectrakit.spectrum import Axis, Modality, Molecule, Spectrum

pytest.importorskip("torch", reason="torch is not installed: pip install 'spectrakit[train]'")

from spectrakit_kernelfp.network_student import KernelTeacher


def asked(measured, polarity, smiles, name=""):
    """One spectrum of what was measured, with its molecule."""
    merged = merge(measured)
    return Spectrum(
        Modality.MSMS, Axis(merged.mz, "m/z"), merged.intensity, polarity=polarity,
        precursor_mz=measured[0].precursor_mz, adduct="[M+?]+",
        molecule=Molecule(inchikey=name, smiles=smiles),
    )  # fmt: skip


@pytest.fixture
def model(molecules):
    spectra, smiles = molecules
    return fit(
        {(smiles[k], p): m for (k, p), m in spectra.items()}, {s: s for s in smiles.values()}
    )


def test_molecules_of_the_fit_are_answered_as_if_unknown(molecules, model):
    """By the mixing weights that a regression without the rows of its cluster would give."""
    from spectrakit_kernelfp import kernel

    from spectrakit.search.molecular_fingerprints import clusters

    spectra, smiles = molecules
    key, polarity = "N.2.Cl", 1
    found = KernelTeacher(model).bits([asked(spectra[key, polarity], polarity, smiles[key])])
    half = model.halves[polarity]
    row = [model.keys[m] for m in half.molecule].index(smiles[key])
    group = clusters(model.bits[:, : model.bounds[1]])[half.molecule]
    rest = np.flatnonzero(group != group[row])
    whole = kernel.gram(half.rows, half.rows)
    ridge = whole[np.ix_(rest, rest)] + kernel.RIDGE * np.eye(len(rest))
    weights = np.zeros((1, len(group)), np.float32)
    weights[0, rest] = np.linalg.solve(ridge, whole[row, rest])
    expected = np.zeros((1, N_BITS), np.float32)
    expected[:, model.kept] = model.mix(half, weights)
    np.testing.assert_allclose(found, expected, atol=2e-3)
    plain = KernelTeacher(model, held_out=False).bits(
        [asked(spectra[key, polarity], polarity, smiles[key])]
    )
    assert np.abs(plain - expected).max() > 0.05


def test_unknown_molecules_are_answered_from_their_peaks(molecules, model):
    spectra, _ = molecules
    one = asked(spectra["N.2.Cl", 1], 1, "CCCCCCCCCC", "NONE")
    found = KernelTeacher(model).bits([one])[:, model.kept]
    merged = merge(spectra["N.2.Cl", 1])
    np.testing.assert_allclose(found, model.surplus(1, [merged]), atol=1e-3)


def test_polarity_that_was_not_learned_has_no_answer(molecules, model):
    spectra, smiles = molecules
    teacher = KernelTeacher(model)
    none = asked(spectra["N.2.Cl", 1], 0, smiles["N.2.Cl"])
    assert np.isnan(teacher.bits([none])).all()
    assert np.isnan(teacher.features([none])).any()
    assert teacher.digest != KernelTeacher(model, held_out=False).digest


def test_network_is_distilled_through_the_command_line(cli, store, tmp_path, kernelfp):
    fitted = cli("pretrain", "-m", "kernelfp", store, "-o", tmp_path / "run")
    assert fitted.exit_code == 0, fitted.stderr
    words = {"student": "bag", "bag_width": 12, "width": 24, "dimension": 8, "bits": 40,
             "steps": 30, "batch": 32, "every": 10, "rate": 0.01, "average": 0.9}  # fmt: skip
    said = [word for key, value in words.items() for word in ("-s", f"{key}={value}")]
    out = tmp_path / "out"
    result = cli("distill", "-m", tmp_path / "run", store, "-o", out, "--device", "cpu", *said)
    assert result.exit_code == 0, result.stderr
    bundle = Bundle(out / "student" / "kernelfp@1")
    (told,) = [one for one in bundle.manifest.data if one["role"] == "teacher"]
    assert told["name"] == "kernelfp"
    assert bundle.manifest.plugin["name"] == "kernelfp"


def test_features_are_the_surplus_in_leading_directions(molecules, model):
    spectra, smiles = molecules
    teacher = KernelTeacher(model)
    some = [asked(m, p, smiles[k]) for (k, p), m in list(spectra.items())[:30]]
    features, surplus = teacher.features(some), teacher.bits(some)
    exact = sp.csr_matrix(surplus) @ sp.csr_matrix(surplus).T
    np.testing.assert_allclose(features @ features.T, exact.toarray(), rtol=0.05, atol=0.5)
