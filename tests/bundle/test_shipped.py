"""What ships in spectrakit/assets: whole, small enough, openly licensed, and used."""

import csv
from pathlib import Path

import pytest

from spectrakit.bundle import Bundle
from spectrakit.bundle.models import shipped_bundles
from spectrakit.search.learned import LearnedScorer
from spectrakit.search.ranker import FEATURES, Ranker
from spectrakit.search.references import open_references

ASSETS = Path(next(iter(shipped_bundles().values()))).parent
LARGEST = 12e6  # bytes, of everything


@pytest.fixture(scope="module")
def msms():
    return Bundle(shipped_bundles()["msms@1"])


def test_everything_is_whole_and_small(cli):
    for label, path in shipped_bundles().items():
        Bundle(path).verify()
        assert cli("models", "check", label).exit_code == 0
    assert sum(one.stat().st_size for one in ASSETS.rglob("*") if one.is_file()) < LARGEST


def test_the_model_names_its_licence_and_whom_to_thank(msms):
    told = msms.manifest
    assert told.licence == "CC BY 4.0"
    assert len(told.attributions) > 50
    closed = ("-NC", "-SA", "NC-", "GFDL")
    assert not [who for who in told.attributions if any(word in who for word in closed)]
    assert {row["split"] for row in told.metrics} == {"valid"}
    card = (ASSETS / "README.md").read_text(encoding="utf-8")
    for word in ("Intended use", "Data", "Splits", "Results", "Limits", "CC BY 4.0"):
        assert word in card


def test_the_ranker_weighs_chemistry_only():
    ranker = Ranker(Bundle(shipped_bundles()["ranker@1"]))
    assert set(ranker.names) == set(FEATURES)
    popularity = ("count", "member", "popular", "energy", "n_spectra")
    assert not [name for name in ranker.names if any(word in name for word in popularity)]


def test_known_compounds_are_where_their_own_vectors_are(msms):
    """Every reference is nearest to itself, whatever else has its mass."""
    references = open_references(msms)
    assert references is not None
    assert len(references.table) > 3000
    assert (references.table.exact_mass[1:] >= references.table.exact_mass[:-1]).all()
    for row in range(0, len(references.table), 400):
        own = int(references.first[row])
        vector = references.vectors[own] * references.scale[own]
        (cosine,) = references.cosines(vector, int(references.polarity[own]), [row])
        assert cosine == pytest.approx(1.0, abs=0.02)
    assert LearnedScorer(msms).label == "msms@1"


def test_the_first_identify_already_reads_spectra_with_it(cli, sample_mzml):
    found = cli("identify", sample_mzml)
    rows = list(csv.DictReader(found.stdout.splitlines(), delimiter="\t"))
    by_vector = [row for row in rows if row["method"] == "embedding"]
    assert by_vector
    assert {row["source"] for row in by_vector} == {"msms@1"}
    assert {row["level"] for row in by_vector} == {"3"}
    assert any(row["fingerprint"] for row in rows)
    plain = cli("identify", sample_mzml, "-m", "none")
    assert "embedding\t" not in plain.stdout.partition("\n")[2]
