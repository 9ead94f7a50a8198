"""``identify -m``: a model that ranks, one that predicts, and a run that its plugin reads."""

import csv
import json
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from bundle.small_models import OFFSET, trace_bundle
from bundle.small_models import WEIGHTS as WEIGHTS_OF_LINE
from search.small_bundles import WEIGHTS, write_model, write_small_ranker

from spectrakit.bundle import Bundle
from spectrakit.search.learned import LearnedScorer
from spectrakit.search.references import build_references, with_references
from spectrakit.spectrum import Axis, Modality, Molecule, Spectrum
from spectrakit.store import StoreWriter

QUERY = """BEGIN IONS
TITLE=a query
PEPMASS=195.08765
CHARGE=1+
138.06619 100
110.07127 30
83.06037 8
69.04472 6
END IONS
"""
CAFFEINE = "CN1C=NC2=C1C(=O)N(C(=O)N2C)C"
ISOMER = "CCN1C=NC2=C1C(=O)NC(=O)N2C"
LIBRARY = """NAME: {name}
SMILES: {smiles}
PRECURSORMZ: 195.0877
PRECURSORTYPE: [M+H]+
IONMODE: POSITIVE
Num Peaks: 2
{mz} 999
110.0713 350

"""


def table(text: str) -> list[dict[str, str]]:
    return list(csv.DictReader(text.splitlines(), delimiter="\t", quoting=csv.QUOTE_NONE))


@pytest.fixture
def query(tmp_path):
    (tmp_path / "query.mgf").write_text(QUERY)
    return tmp_path / "query.mgf"


@pytest.fixture
def structures(tmp_path):
    (tmp_path / "s.csv").write_text(f"name,smiles\ncaffeine,{CAFFEINE}\nisomer,{ISOMER}\n")
    return tmp_path / "s.csv"


@pytest.fixture
def ranker(home):
    return write_small_ranker(home / "models" / "ranker@99")


@pytest.mark.parametrize(("smiles", "name"), [(CAFFEINE, "caffeine"), (ISOMER, "isomer")])
def test_the_model_decides_between_structures(
    cli, tmp_path, query, structures, ranker, smiles, name
):
    model = write_model(tmp_path / "m@1", smiles, weight=1.0)
    found = cli("identify", query, "--library", "none", "--structures", structures, "-m", model)
    assert found.exit_code == 0, found.stderr
    first, second = table(found.stdout)
    assert first["name"] == name
    assert float(first["fingerprint"]) == pytest.approx(1.0, abs=1e-3)  # two candidates: +1 sd
    assert float(second["fingerprint"]) == pytest.approx(-1.0, abs=1e-3)
    evidence = [
        WEIGHTS["structure.fragmenter"] * float(row["fragmenter"]) + float(row["fingerprint"])
        for row in (first, second)
    ]
    odds = float(first["probability"]) / float(second["probability"])
    assert np.log(odds) == pytest.approx(evidence[0] - evidence[1], rel=0.2)


def test_without_a_model_there_is_no_learned_evidence(cli, query, structures):
    found = cli("identify", query, "--library", "none", "--structures", structures, "-m", "none")
    first = table(found.stdout)[0]
    assert (first["name"], first["fingerprint"]) == ("caffeine", "")


def test_auto_ranks_library_compounds_by_fragments_too(cli, tmp_path, query, ranker):
    """Both library spectra are as alike to the query; only one structure explains the peaks."""
    text = LIBRARY.format(name="wrong", smiles="CCCCCCCCCCCC(=O)N", mz=138.0662)
    text += LIBRARY.format(name="right", smiles=CAFFEINE, mz=138.0662)
    (tmp_path / "l.msp").write_text(text)
    model = write_model(tmp_path / "m@1", CAFFEINE)
    common = ("identify", query, "--library", tmp_path / "l.msp", "--structures", "none")
    first, second = table(cli(*common, "-m", model).stdout)
    assert (first["name"], second["name"]) == ("right", "wrong")
    assert float(first["similarity"]) == float(second["similarity"])
    assert float(first["fragmenter"]) > float(second["fragmenter"])
    assert float(first["probability"]) > float(second["probability"])
    plain = table(cli(*common, "-m", model, "--method", "entropy").stdout)
    assert plain[0]["probability"] == plain[1]["probability"]


def test_a_regression_appends_its_columns(cli, tmp_path):
    model = trace_bundle(tmp_path, calibration={"half_width": [0.5, None]})
    axis = np.array([1000.0, 1010.0, 1020.0])
    values = np.array([[1.0, 2.0, 3.0], [0.0, 1.0, 0.0]])
    with StoreWriter(tmp_path / "nir.h5") as writer:
        for number, value in enumerate(values):
            made = Spectrum(Modality.NIR, Axis(axis, "nm"), value, is_trace=True)
            writer.add(replace(made, sample=f"s{number}", native_id=f"scan {number}"))
    found = cli("identify", tmp_path / "nir.h5", "-m", model)
    assert found.exit_code == 0, found.stderr
    rows = table(found.stdout)
    assert list(rows[0])[-5:] == ["property", "value", "unit", "lower", "upper"]
    expected = values @ WEIGHTS_OF_LINE + OFFSET
    said = [float(row["value"]) for row in rows]
    np.testing.assert_allclose(said, expected.ravel(), rtol=1e-5)
    assert [row["spectrum"] for row in rows] == ["scan 0", "scan 0", "scan 1", "scan 1"]
    assert (rows[0]["lower"], rows[1]["lower"]) == (f"{said[0] - 0.5:g}", "")


def test_spectra_of_another_kind_are_refused(cli, tmp_path):
    model = trace_bundle(tmp_path)
    (tmp_path / "notes.mgf").write_text(QUERY)
    refused = cli("identify", tmp_path / "notes.mgf", "-m", model)
    assert refused.exit_code == 4
    assert "1 msms, not nir" in refused.stderr


@pytest.mark.parametrize(
    ("model", "code", "word"),
    [("no-such", 2, "no-such"), ("msmss", 2, "msmss")],
)
def test_a_wrong_name_is_said(cli, query, model, code, word):
    found = cli("identify", query, "-m", model)
    assert (found.exit_code, found.stdout) == (code, "")
    assert word in found.stderr


def test_options_need_a_run(cli, query):
    found = cli("identify", query, "-m", "none", "-s", "beams=3")
    assert found.exit_code == 2
    assert "--set" in found.stderr


def test_a_changed_model_is_refused(cli, tmp_path, query, structures, ranker):
    model = write_model(tmp_path / "m@1", CAFFEINE)
    with (model / "encode_molecule.onnx").open("ab") as handle:
        handle.write(b"x")
    found = cli("identify", query, "--library", "none", "--structures", structures, "-m", model)
    assert (found.exit_code, found.stdout) == (3, "")
    assert "encode_molecule.onnx" in found.stderr
    assert "inputs could not be read" not in found.stderr  # the inputs are not to blame


def test_a_bundle_is_computed_on_the_cpu_and_a_missing_device_is_said(
    cli, tmp_path, query, structures, ranker
):
    for device, code in (("cuda:99", 5), ("gpu", 2), ("cpu", 0)):
        found = cli("identify", query, "--structures", structures, "--device", device)
        assert found.exit_code == code, found.stderr


def test_a_plugin_is_no_trained_model(cli, toy, query):
    found = cli("identify", query, "-m", "toy")
    assert found.exit_code == 2
    assert "'toy' is a plugin" in found.stderr
    assert "pretrain -m toy" in found.stderr


@pytest.mark.filterwarnings("error")
def test_a_precursor_beyond_single_precision_is_searched_in_vain(cli, tmp_path, query, structures):
    query.write_text(QUERY.replace("195.08765", "1e300"))
    found = cli("identify", query, "--structures", structures)
    assert found.exit_code == 0, found.stderr
    assert [row["rank"] for row in table(found.stdout)] == ["0"]
    assert "Warning" not in found.stderr


def test_the_summary_names_the_model(cli, tmp_path, query, structures, ranker):
    model = write_model(tmp_path / "m@1", CAFFEINE)
    summary = tmp_path / "s.json"
    cli("identify", query, "--structures", structures, "-m", model, "--summary", summary)
    told = json.loads(summary.read_text())["model"]
    assert told["name"] == "m@1"
    assert told["digest"].startswith("sha256:")


def test_a_model_recognises_compounds_without_a_library(cli, tmp_path, query, ranker):
    plain = write_model(tmp_path / "m@1", CAFFEINE)
    scorer = LearnedScorer(Bundle(plain))
    molecule = Molecule(
        name="Caffeine",
        smiles=CAFFEINE,
        formula="C8H10N4O2",
        inchikey="RYYVLZVUVIJVGH-UHFFFAOYSA-N",
    )
    axis = Axis(np.array([110.0713, 138.0662]), "m/z")
    seen = Spectrum(Modality.MSMS, axis, np.array([30.0, 100.0]), polarity=1, molecule=molecule)
    data = build_references([seen], scorer)
    model = with_references(scorer.bundle, tmp_path / "known@1", data)
    (row,) = table(cli("identify", query, "--structures", "none", "-m", model).stdout)
    assert (row["name"], row["method"], row["source"]) == ("Caffeine", "embedding", "known@1")
    assert (row["level"], row["adduct"]) == ("3", "[M+H]+")
    assert float(row["embedding"]) == pytest.approx(1.0, abs=1e-3)
    off = cli("identify", query, "--library", "none", "--structures", "none", "-m", model)
    assert off.exit_code == 4
