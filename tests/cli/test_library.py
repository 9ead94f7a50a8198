"""``spectrakit library``: built whole, found by name, checked, removed."""

import gzip
import json
import os
import signal
import subprocess
import sys
import time

import pytest

RECORD = """NAME: {name}
ACCESSION: {accession}
SMILES: {smiles}
PRECURSORMZ: {mz}
PRECURSORTYPE: [M+H]+
IONMODE: POSITIVE
LICENSE: {licence}
Num Peaks: 2
{peak} 50
{mz} 999

"""
COMPOUNDS = [
    ("Caffeine", "CN1C=NC2=C1C(=O)N(C(=O)N2C)C", 195.0877, 138.0662),
    ("Theobromine", "CN1C=NC2=C1C(=O)NC(=O)N2C", 181.0720, 138.0662),
    ("Caffeine", "CN1C=NC2=C1C(=O)N(C(=O)N2C)C", 195.0877, 110.0713),
]


@pytest.fixture
def msp(tmp_path):
    path = tmp_path / "records.msp"
    path.write_text(
        "".join(
            RECORD.format(
                name=name, smiles=smiles, mz=mz, peak=peak, accession=f"A{n}",
                licence="CC BY" if n else "CC0",
            )
            for n, (name, smiles, mz, peak) in enumerate(COMPOUNDS)
        )
    )  # fmt: skip
    return path


def rows(text):
    header, *lines = (line.split("\t") for line in text.splitlines())
    return [dict(zip(header, line, strict=True)) for line in lines]


def test_a_library_is_built_listed_described_checked_and_removed(cli, msp, tmp_path, home):
    summary = tmp_path / "summary.json"
    added = cli("library", "add", "mine", msp, "--attribution", "Lab 7", "--summary", summary)
    assert added.exit_code == 0
    assert added.stdout == ""
    account = json.loads(summary.read_text())
    assert account["totals"] == {"read": 3, "kept": 3, "dropped": 0}
    assert account["outputs"] == [str(home / "libraries" / "mine.h5")]

    listed = {row["name"]: row for row in rows(cli("library", "list").stdout)}
    assert listed["mine"]["spectra"] == "3"
    assert listed["mine"]["compounds"] == "2"
    assert "hmdb" in listed

    described = json.loads(cli("library", "info", "mine").stdout)
    assert described["licences"] == {"CC BY": 2, "CC0": 1}
    assert described["attribution"] == "Lab 7"
    assert described["sources"]["path"] == [str(msp)]

    assert json.loads(cli("library", "check", "mine").stdout)["whole"] is True
    assert cli("library", "remove", "mine").exit_code == 0
    assert "mine" not in {row["name"] for row in rows(cli("library", "list").stdout)}


def test_an_installed_library_is_searched_unasked(cli, msp):
    assert cli("library", "add", "mine", msp).exit_code == 0
    hits = rows(cli("identify", msp, "--structures", "none").stdout)
    first = [hit for hit in hits if hit["rank"] == "1"]
    assert [hit["name"] for hit in first] == [name for name, *_ in COMPOUNDS]
    assert {hit["source"] for hit in first} == {"mine"}
    assert first[0]["inchikey"] == "RYYVLZVUVIJVGH-UHFFFAOYSA-N"  # computed from the SMILES


def test_a_library_by_name_and_the_file_it_was_made_of_answer_alike(cli, msp):
    assert cli("library", "add", "records", msp).exit_code == 0
    argv = ("identify", msp, "--structures", "none", "--library")
    assert cli(*argv, "records").stdout == cli(*argv, msp).stdout


def test_a_structure_list_is_a_library_of_candidates(cli, tmp_path):
    path = tmp_path / "ours.csv"
    path.write_text(
        "smiles,name\nCN1C=NC2=C1C(=O)N(C(=O)N2C)C,House caffeine\nnot a smiles,Nonsense\n"
    )
    added = cli("library", "add", "ours", path)
    assert added.exit_code == 0
    assert "read 2, kept 1, dropped 1" in added.stderr
    query = tmp_path / "query.mgf"
    query.write_text("BEGIN IONS\nPEPMASS=195.0877\nCHARGE=1+\n138.0662 9\n110.0713 3\nEND IONS\n")
    hits = rows(cli("identify", query, "--structures", "ours", "--library", "none").stdout)
    assert hits[0]["name"] == "House caffeine"
    assert hits[0]["source"] == "ours"
    assert cli("library", "check", "ours").exit_code == 0
    info = json.loads(cli("library", "info", "ours").stdout)
    assert (info["kind"], info["compounds"]) == ("structures", 1)


def test_a_taken_name_is_refused_and_replaced_when_told(cli, msp, home):
    assert cli("library", "add", "mine", msp).exit_code == 0
    before = (home / "libraries" / "mine.h5").read_bytes()
    refused = cli("library", "add", "mine", msp)
    assert refused.exit_code == 2
    assert "--replace" in refused.stderr
    assert cli("library", "add", "mine", msp, "--replace").exit_code == 0
    assert (home / "libraries" / "mine.h5").read_bytes() == before


@pytest.mark.parametrize(
    "name", ["../evil", "a/b", "", "none", "hmdb", ".hidden", "x" * 200, "a\nb"]
)
def test_names_that_could_leave_the_folder_are_refused(cli, msp, home, name):
    assert cli("library", "add", name, msp).exit_code == 2
    assert not list(home.rglob("*.h5"))


@pytest.mark.parametrize("verb", ["info", "check", "remove"])
def test_an_unknown_library_is_answered_with_the_nearest(cli, msp, verb):
    assert cli("library", "add", "massbank", msp).exit_code == 0
    result = cli("library", verb, "masbank")
    assert result.exit_code == 2
    assert "Did you mean 'massbank'?" in result.stderr


def test_a_bad_file_leaves_no_library(cli, msp, tmp_path, home):
    bad = tmp_path / "bad.msp"
    bad.write_bytes(b"\x00\x01garbage")
    result = cli("library", "add", "mine", msp, bad)
    assert result.exit_code == 3
    assert "bad.msp" in result.stderr
    assert not list(home.rglob("mine*"))


def test_a_changed_byte_is_noticed(cli, msp, home):
    assert cli("library", "add", "mine", msp).exit_code == 0
    path = home / "libraries" / "mine.h5"
    data = bytearray(path.read_bytes())
    at = data.find(b"Theobromine")
    data[at] ^= 1
    path.write_bytes(data)
    assert cli("library", "check", "mine").exit_code == 3


def kill_while_building(msp, home, delay: float) -> bool:
    """Kill ``library add`` after a delay; return whether the library is there."""
    environment = {**os.environ, "SPECTRAKIT_HOME": str(home)}
    argv = [sys.executable, "-m", "spectrakit", "library", "add", "mine", str(msp), "-q"]
    process = subprocess.Popen(argv, env=environment, stderr=subprocess.DEVNULL)
    time.sleep(delay)
    process.send_signal(signal.SIGKILL)
    process.wait()
    return (home / "libraries" / "mine.h5").exists()


@pytest.mark.parametrize("kills", [10, pytest.param(100, marks=pytest.mark.slow)])
def test_a_killed_build_leaves_a_whole_library_or_none(cli, msp, home, kills):
    big = msp.with_name("big.msp")
    big.write_text(msp.read_text() * 300)
    start = time.perf_counter()
    assert cli("library", "add", "mine", big).exit_code == 0
    whole = time.perf_counter() - start + 0.7  # and the interpreter's own start
    cli("library", "remove", "mine")
    for number in range(kills):
        if kill_while_building(big, home, whole * (number + 1) / kills):
            assert cli("library", "check", "mine").exit_code == 0
            cli("library", "remove", "mine")


def test_one_spectrum_that_a_store_cannot_hold_costs_no_library(cli, msp, tmp_path):
    """A number without bounds in one record was an error for all the others."""
    good = msp.read_text()
    msp.write_text(good + good.replace("LICENSE:", "REPLICATE: 99999999999999999999\nLICENSE:", 1))
    summary = tmp_path / "summary.json"
    added = cli("library", "add", "mine", msp, "--summary", summary)
    assert added.exit_code == 0, added.stderr
    (account,) = json.loads(summary.read_text())["inputs"]
    assert (account["read"], account["kept"]) == (6, 5)
    assert account["dropped"] == {"a field that a store cannot hold": 1}
    assert json.loads(cli("library", "check", "mine").stdout)["whole"] is True


def test_records_read_as_tables_build_the_same_library(cli, msp, tmp_path, home, monkeypatch):
    """``library add`` reads what is written alike at once, as ``convert`` does."""
    from spectrakit.io import read_spectra

    msp.write_text(msp.read_text() * 40)
    assert cli("library", "add", "mine", msp).exit_code == 0
    fast = (home / "libraries" / "mine.h5").read_bytes()
    monkeypatch.setattr("spectrakit.verbs.library_add.read_parts", read_spectra)
    assert cli("library", "add", "mine", msp, "--replace").exit_code == 0
    assert (home / "libraries" / "mine.h5").read_bytes() == fast


def test_a_file_that_breaks_off_late_leaves_nothing_kept_in_the_summary(cli, msp, tmp_path, home):
    late = tmp_path / "late.msp.gz"
    text = "".join(f"Name: a{i}\nNum Peaks: 1\n{100 + i}.5 {i}\n\n" for i in range(200))
    late.write_bytes(gzip.compress(text.encode())[:-90])
    result = cli("library", "add", "mine", msp, late, "--summary", tmp_path / "s.json")
    assert result.exit_code == 3
    told = json.loads((tmp_path / "s.json").read_text())
    assert told["totals"]["kept"] == 0
    first, _ = told["inputs"]
    assert first["read"] == first["dropped"]["nothing was written"] > 0
    assert not list(home.rglob("mine*"))
