"""`spectrakit identify -m RUN` with the fitted model itself."""

import csv

import pytest


@pytest.fixture
def fitted(store, cli, kernelfp, tmp_path):
    result = cli("pretrain", store, "-m", "kernelfp", "-o", tmp_path / "run")
    assert result.exit_code == 0, result.stderr
    return tmp_path / "run"


@pytest.fixture
def asked(tmp_path):
    """Write an MGF of 4-chlorobutan-1-amine by its parts, and one of a mass nobody has."""
    path = tmp_path / "asked.mgf"
    path.write_text(
        "BEGIN IONS\nTITLE=one\nPEPMASS=108.05745\nCHARGE=1+\n"
        "34.969 50\n36.976 80\n72.08 20\n91.03 60\n93.04 40\nEND IONS\n"
        "BEGIN IONS\nTITLE=two\nPEPMASS=999.9\nCHARGE=1+\n50.0 1\nEND IONS\n"
    )
    return path


def test_candidates_of_a_list_are_ranked_and_every_spectrum_is_told(fitted, asked, cli, tmp_path):
    listed = tmp_path / "isomers.csv"
    listed.write_text("smiles\nNCCCCCl\nCC(N)CCCl\nCCNCCCl\nCCCCNCl\nCCO\n")
    result = cli("identify", asked, "-m", fitted, "--structures", listed)
    assert result.exit_code == 0, result.stderr
    rows = list(csv.DictReader(result.stdout.splitlines(), delimiter="\t"))
    first = [row for row in rows if row["spectrum"].endswith("one")] or rows[:-1]
    assert [int(row["rank"]) for row in first] == [1, 2, 3, 4]
    assert all(row["formula"] == "C4H10ClN" for row in first)
    shares = [float(row["probability"]) for row in first]
    assert shares == sorted(shares, reverse=True)
    assert 0 < sum(shares) < 1
    assert all(row["method"] == "kernelfp" and row["fingerprint"] for row in first)
    assert abs(sum(float(row["fingerprint"]) for row in first)) < 1e-3  # standardised in the list
    assert [row["rank"] for row in rows if row not in first] == ["0"]


def test_top_cuts_the_list_and_no_list_is_an_error(fitted, asked, cli, tmp_path):
    listed = tmp_path / "isomers.csv"
    listed.write_text("smiles\nNCCCCCl\nCC(N)CCCl\nCCNCCCl\n")
    result = cli("identify", asked, "-m", fitted, "--structures", listed, "-s", "top=1")
    assert result.exit_code == 0, result.stderr
    rows = list(csv.DictReader(result.stdout.splitlines(), delimiter="\t"))
    assert [row["rank"] for row in rows] == ["1", "0"]
    result = cli("identify", asked, "-m", fitted, "--structures", "none")
    assert result.exit_code == 2
    assert "--structures" in result.stderr


def test_options_of_identify_reach_the_run_or_are_said_to_be_idle(fitted, asked, cli, tmp_path):
    listed = tmp_path / "isomers.csv"
    listed.write_text("smiles\nNCCCCCl\nCC(N)CCCl\nCCNCCCl\n")
    base = ("identify", asked, "-m", fitted, "--structures", listed)
    result = cli(*base, "--top", "1")
    rows = list(csv.DictReader(result.stdout.splitlines(), delimiter="\t"))
    assert [row["rank"] for row in rows] == ["1", "0"]
    result = cli(*base, "--fdr", "0")
    rows = list(csv.DictReader(result.stdout.splitlines(), delimiter="\t"))
    assert [row["rank"] for row in rows] == ["0", "0"]
    assert rows[0]["note"] == "no hit within --fdr"
    result = cli(*base, "--precursor-tolerance", "0.001ppm")
    rows = list(csv.DictReader(result.stdout.splitlines(), delimiter="\t"))
    assert [row["rank"] for row in rows] == ["0", "0"]
    result = cli(*base, "--method", "cosine", "--search", "open")
    assert "--method, --search: left aside" in result.stderr
