"""The small model: equal to the fitted one at full size, and its graphs equal to it."""

import json

import numpy as np
import pytest
from spectrakit_kernelfp.compact import compact
from spectrakit_kernelfp.features import Measurement, merge
from spectrakit_kernelfp.graphs import molecule_graph, spectrum_graph
from spectrakit_kernelfp.model import fit

from spectrakit.bundle import Bundle
from spectrakit.bundle.predict import inputs_of
from spectrakit.search.learned import standardise
from spectrakit.search.molecular_fingerprints import N_BITS, fingerprints
from spectrakit.spectrum import Axis, Modality, Spectrum

WHOLE = {"rank": 500, "min_molecules": 1, "output_rank": 500}
SMALL = {"rank": 13, "min_molecules": 2, "output_rank": 9}


@pytest.fixture
def model(molecules):
    return fit(*molecules)


def products(small, query, model, smiles):
    vectors = small.molecules(model.candidates(smiles))
    return np.einsum("bd,mbd->mb", small.spectrum(query), vectors)


def cosine(a, b):
    return np.sum(a * b) / np.linalg.norm(a) / np.linalg.norm(b)


def test_at_full_size_the_scores_are_those_of_the_model(molecules, model):
    spectra, smiles = molecules
    query = {p: merge(spectra["N.2.Cl", p]) for p in (1, -1)}
    listed = list(smiles.values())[::7]
    exact = model.score(query, listed)
    found = standardise(products(compact(model, **WHOLE), query, model, listed).astype(float))
    np.testing.assert_allclose(found, exact, atol=1e-3)


def test_a_small_model_still_names_the_molecule(molecules, model):
    spectra, smiles = molecules
    query = {p: merge(spectra["N.2.Cl", p]) for p in (1, -1)}
    listed = [smiles[key] for key in ("N.2.Cl", "OC.3.OC", "c1ccccc1.2.N", "Cl.1.OC")]
    for small in (compact(model, **SMALL), compact(model, **SMALL, whole=True)):
        assert np.argmax(products(small, query, model, listed).sum(axis=1)) == 0


def test_whole_numbers_are_near_what_they_stand_for(model):
    """Rows and outputs bear 8 bits; the directions of bins 4."""
    exact, coarse = compact(model, **SMALL), compact(model, **SMALL, whole=True)
    for polarity, part in exact.parts.items():
        other = coarse.parts[polarity]
        for name, bits in (("rows", 8), ("vectors", 4)):
            for one, table in zip(getattr(part, name), getattr(other, name), strict=True):
                assert table.values.dtype == np.int8
                assert np.abs(table.values).max() < 2 ** (bits - 1)
                assert np.all(np.abs(one.dense - table.dense) <= table.scale * 0.5001)


def run(graph, **feeds):
    import onnxruntime

    session = onnxruntime.InferenceSession(graph, providers=["CPUExecutionProvider"])
    return session.run(["embedding"], feeds)[0]


def padded(queries):
    """Return the graph's inputs for (Measurement, polarity) pairs, near peaks joined before."""
    joined = [merge([one]) or one for one, _ in queries]
    width = max(len(one.mz) for one in joined) + 2
    mz, intensity = np.zeros((len(queries), width)), np.zeros((len(queries), width), np.float32)
    mask = np.zeros((len(queries), width), bool)
    for row, one in enumerate(joined):
        mz[row, : len(one.mz)], mask[row, : len(one.mz)] = one.mz, True
        intensity[row, : len(one.mz)] = one.intensity
    precursor = np.array([[one.precursor_mz, p] for one, p in queries], np.float32)
    return {"mz": mz, "intensity": intensity, "mask": mask, "precursor": precursor}


@pytest.fixture
def queries(molecules):
    """Spectra with some noise: usual ones, without a precursor, one peak, and of many peaks."""
    rng = np.random.default_rng(5)
    found = []
    for (_, polarity), measured in list(molecules[0].items())[::9]:
        mz = np.sort(np.concatenate([measured[0].mz, rng.uniform(20, 140, 3)]))
        precursor = float(np.float32(150.0 + 14.016))
        found.append((Measurement(mz, rng.uniform(5, 99, len(mz)), precursor), polarity))
    found.append((Measurement(found[0][0].mz, found[0][0].intensity), 1))
    found.append((Measurement(np.array([77.039]), np.array([3.0]), 150.0), -1))
    many = np.sort(rng.uniform(20, 140, 60))
    found.append((Measurement(many, rng.uniform(5, 99, 60), 150.0), -1))
    return found


@pytest.mark.parametrize("n", [2, 11])
@pytest.mark.parametrize("whole", [False, True])
def test_the_graph_of_spectra_equals_numpy(model, queries, n, whole):
    small = compact(model, **SMALL, whole=whole)
    asked = queries[-n:]
    feeds = padded(asked)
    found = run(spectrum_graph(small), **feeds)
    expected = np.stack([small.spectrum({p: merge([one])}) for one, p in asked])
    np.testing.assert_allclose(found, expected, atol=1e-4 * np.ptp(expected), rtol=0)


def test_a_polarity_that_is_not_said_is_the_mean_of_both(model, queries):
    small = compact(model, **SMALL)
    feeds = padded(queries)
    expected = [
        np.mean([small.spectrum({p: merge([one])}) for p in (1, -1)], axis=0) for one, _ in queries
    ]
    for unsaid in (0.0, np.nan):
        feeds["precursor"][:, 1] = unsaid
        found = run(spectrum_graph(small), **feeds)
        np.testing.assert_allclose(found, expected, atol=1e-4 * np.ptp(expected), rtol=0)


def test_what_shows_nothing_known_gives_zeros(model):
    feeds = padded([(Measurement(np.zeros(0), np.zeros(0), 150.0), 1)] * 2)
    feeds["mz"][1], feeds["mask"][1], feeds["intensity"][1] = 1900.0, True, 1.0
    feeds["precursor"][1] = (np.inf, -1)
    assert not run(spectrum_graph(compact(model, **SMALL)), **feeds).any()


def test_a_model_of_one_polarity_gives_zeros_for_the_other(molecules, queries):
    spectra, smiles = molecules
    positive = fit({key: value for key, value in spectra.items() if key[1] > 0}, smiles)
    graph = spectrum_graph(compact(positive, **SMALL))
    feeds = padded(queries[:1] * 3)
    feeds["precursor"][:, 1] = (1, -1, 0)
    found = run(graph, **feeds)
    assert found[0].any()
    assert not found[1].any()
    np.testing.assert_array_equal(found[2], found[0])


def test_spectra_without_precursors_make_a_model_without_losses(molecules):
    spectra, smiles = molecules
    bare = {
        key: [Measurement(one.mz, one.intensity) for one in measured]
        for key, measured in spectra.items()
    }
    small = compact(fit(bare, smiles), **SMALL)
    asked = [(measured[0], polarity) for (_, polarity), measured in list(bare.items())[:5]]
    found = run(spectrum_graph(small), **padded(asked))
    expected = np.stack([small.spectrum({p: merge([one])}) for one, p in asked])
    np.testing.assert_allclose(found, expected, atol=1e-4 * np.ptp(expected), rtol=0)


@pytest.mark.parametrize("n", [1, 6])
def test_the_graph_of_molecules_equals_numpy(molecules, model, n):
    small = compact(model, **SMALL, whole=True)
    listed = [*list(molecules[1].values())[: n - 1], "not a structure"]
    bits = fingerprints(listed)[0]
    found = run(molecule_graph(small, N_BITS), fingerprint=bits.toarray())
    expected = small.molecules(model.candidates(listed))
    np.testing.assert_allclose(found, expected, atol=1e-5)
    assert not found[-1].any()


@pytest.fixture
def fitted(store, cli, kernelfp, tmp_path):
    result = cli("pretrain", store, "-m", "kernelfp", "-o", tmp_path / "run")
    assert result.exit_code == 0, result.stderr
    return tmp_path / "run"


def test_distill_writes_a_bundle_that_ranks(store, molecules, cli, fitted, tmp_path):
    """Isomers of the held-out molecules stand in a list beside the store."""
    spectra, smiles = molecules
    isomers = tmp_path / "isomers.csv"
    isomers.write_text("smiles\n" + "\n".join(f"C{text}" for text in smiles.values()) + "\n")
    out = tmp_path / "student"
    result = cli("distill", store, isomers, "-m", fitted, "-s", "name=mine", "-o", out)
    assert result.exit_code == 0, result.stderr
    bundle = Bundle(out / "student" / "mine@1")
    bundle.verify()
    told = bundle.manifest
    assert told.input["fingerprint"] == "spectrakit-1"
    assert len(told.calibration["block_weights"]) == 3
    assert told.licence == "CC0"
    assert told.attributions == ("MassBank, Lab_1 (CC0)", "MassBank, Lab_2 (CC0)")
    assert {one["role"] for one in told.data} == {"pretrain train", "distill train"}
    metrics = {one["name"]: one["value"] for one in told.metrics}
    assert metrics["mrr"] == pytest.approx(metrics["teacher_mrr"], abs=0.1), metrics
    assert metrics["int8_loss"] <= 0.02
    key = "c1ccccc1.3.N"
    one = spectra[key, 1][0]
    asked = Spectrum(Modality.MSMS, Axis(one.mz, "m/z"), one.intensity, polarity=1,
                     precursor_mz=one.precursor_mz)  # fmt: skip
    vectors = bundle.run("encode_spectrum", inputs_of(bundle, [asked]))["embedding"][0]
    listed = [smiles[k] for k in (key, "Cl.3.C(=O)O", "OC.3.OC", "Cl.2.OC")]
    bits = fingerprints(listed)[0].toarray()
    molecules = bundle.run("encode_molecule", {"fingerprint": bits})["embedding"]
    scores = standardise(np.einsum("bd,mbd->mb", vectors, molecules).astype(float))
    assert np.argmax(scores @ np.array(told.calibration["block_weights"])) == 0


def test_distill_names_whom_a_table_names(store, cli, fitted, tmp_path):
    table = tmp_path / "whom.csv"
    table.write_text("contributor,authors,copyright,license\nLab_1,A. Bee,(C) 2020,CC0\n")
    out = tmp_path / "student"
    result = cli("distill", store, "-m", fitted, "-s", f"attributions={table}",
                 "-s", "licence=CC BY 4.0", "-s", "int8=false", "-o", out)  # fmt: skip
    assert result.exit_code == 0, result.stderr
    told = json.loads((out / "student" / "kernelfp@1" / "bundle.json").read_text())
    assert told["attributions"] == ["Lab_1 (CC0): A. Bee. (C) 2020", "MassBank, Lab_2 (CC0)"]
    assert told["licence"] == "CC BY 4.0"
    table.write_text("contributor,authors\nLab_1,A. Bee\n")
    for name, code in ((table, 4), (tmp_path / "none.csv", 3)):
        result = cli("distill", store, "-m", fitted, "-s", f"attributions={name}",
                     "-o", tmp_path / f"other-{code}")  # fmt: skip
        assert result.exit_code == code
        assert name.name in result.stderr


def test_distill_refuses_what_is_no_fitted_run(store, cli, fitted, kernelfp, tmp_path):
    result = cli("distill", store, "-m", "kernelfp", "-o", tmp_path / "a")
    assert result.exit_code == 2
    assert "pretrain" in result.stderr
    (fitted / "checkpoints" / "step-000000001" / "sources.json").write_text("{")
    result = cli("distill", store, "-m", fitted, "-o", tmp_path / "b")
    assert result.exit_code == 3
    assert "sources.json" in result.stderr


def test_distill_refuses_a_bundle_and_a_name_that_is_a_place(store, cli, fitted, tmp_path):
    result = cli("distill", store, "-m", fitted, "-s", "name=../../x", "-o", tmp_path / "a")
    assert result.exit_code == 2
    assert "slash" in result.stderr
    assert not (tmp_path / "x@1").exists()
    assert cli("distill", store, "-m", fitted, "-o", tmp_path / "b").exit_code == 0
    bundle = tmp_path / "b" / "student" / "kernelfp@1"
    for model in (bundle, "msms"):  # the one that ships is known by name
        result = cli("distill", store, "-m", model, "-o", tmp_path / f"c{len(str(model))}")
        assert result.exit_code == 4, result.stderr
        assert "is a bundle" in result.stderr
