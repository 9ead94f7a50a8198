"""A peptide library is a library like any other; what a query claims to be changes nothing."""

import csv
import io
import json

import pytest
from pyteomics import mass

PEPTIDES = {  # ProForma -> precursor m/z at 2+, computed by pyteomics
    "PEPTIDEK": mass.calculate_mass("PEPTIDEK", charge=2),
    "PEPTLDEK": mass.calculate_mass("PEPTLDEK", charge=2),
    "AC[Carbamidomethyl]DEFK": mass.calculate_mass("ACDEFK", charge=2) + 57.021464 / 2,
}


def mgf(entries):
    blocks = []
    for title, peptide, precursor, peaks in entries:
        seq = f"SEQ={peptide}\n" if peptide else ""
        lines = "\n".join(f"{mz:.3f} {i}" for mz, i in peaks)
        blocks.append(
            f"BEGIN IONS\nTITLE={title}\nPEPMASS={precursor:.5f}\nCHARGE=2+\n"
            f"{seq}{lines}\nEND IONS\n"
        )
    return "\n".join(blocks)


def peaks_of(n):
    return [(100.0 + 31.7 * n + 17.3 * k, 100 - 7 * k) for k in range(8)]


def library_of(changes=()):
    entries = [
        (f"ref{n}", peptide, precursor, peaks_of(n))
        for n, (peptide, precursor) in enumerate(PEPTIDES.items())
    ]
    return mgf([*entries, *changes])


@pytest.fixture
def home(tmp_path, monkeypatch):
    monkeypatch.setenv("SPECTRAKIT_HOME", str(tmp_path / "home"))
    return tmp_path


def rows(text):
    return list(csv.DictReader(io.StringIO(text), delimiter="\t", quoting=csv.QUOTE_NONE))


ALONE = ("--library", "pep", "--structures", "none", "-m", "none")


def test_peptides_are_added_searched_and_named(home, cli):
    (home / "lib.mgf").write_text(library_of())
    added = cli("library", "add", "pep", home / "lib.mgf")
    assert added.exit_code == 0, added.stderr
    assert "3 precursors compared with their sequences" in added.stderr
    assert "0 differ by more than 20 ppm" in added.stderr
    third = PEPTIDES["AC[Carbamidomethyl]DEFK"]
    queries = [("q1", "", PEPTIDES["PEPTIDEK"], peaks_of(0)), ("q2", "", third, peaks_of(2))]
    (home / "q.mgf").write_text(mgf(queries))
    found = cli("identify", home / "q.mgf", *ALONE)
    assert found.exit_code == 0, found.stderr
    best = {r["spectrum"]: r for r in rows(found.stdout) if r["rank"] == "1"}
    assert best["q1"]["name"] == "PEPTIDEK"  # and not its isomer with L
    assert best["q2"]["name"] == "AC[Carbamidomethyl]DEFK"
    assert best["q1"]["inchikey"] == ""
    assert best["q1"]["source_id"] == "ref0"
    both = [r["name"] for r in rows(found.stdout) if r["spectrum"] == "q1"]
    assert both in (["PEPTIDEK"], ["PEPTIDEK", "PEPTLDEK"])  # the isomer shares no peak


def test_what_a_query_claims_to_be_changes_nothing(home, cli):
    (home / "lib.mgf").write_text(library_of())
    assert cli("library", "add", "pep", home / "lib.mgf").exit_code == 0
    answers = []
    for claim in ("", "PEPTIDEK", "PEPTLDEK/3", "WWWWW/5", "AC[Carbamidomethyl]DEFK"):
        text = mgf([("q1", claim, PEPTIDES["PEPTIDEK"], peaks_of(0))])
        (home / "q.mgf").write_text(text.replace("CHARGE=2+\n", ""))
        answers.append(cli("identify", home / "q.mgf", *ALONE).stdout)
    assert len(set(answers)) == 1
    assert "PEPTIDEK" in answers[0]


def test_spectra_of_one_peptidoform_are_one_compound_however_it_is_spelt(home, cli):
    third = PEPTIDES["AC[Carbamidomethyl]DEFK"]
    twin = ("twin", "AC[+57.021]DEFK", third, peaks_of(2))
    (home / "lib.mgf").write_text(library_of([twin]))
    assert cli("library", "add", "pep", home / "lib.mgf").exit_code == 0
    info = json.loads(cli("library", "info", "pep").stdout)
    assert (info["spectra"], info["compounds"]) == (4, 3)


def test_precursors_that_disagree_are_counted_and_kept(home, cli):
    isotope = PEPTIDES["PEPTIDEK"] + 1.00335 / 2
    wrong = [
        ("isotope", "PEPTIDEK", isotope, peaks_of(3)),
        ("far", "PEPTIDEK", PEPTIDES["PEPTIDEK"] + 10, peaks_of(4)),
        ("unknown", "PEPC[Unheardof]K", 500.0, peaks_of(5)),
    ]
    (home / "lib.mgf").write_text(library_of(wrong))
    added = cli("library", "add", "pep", home / "lib.mgf")
    assert "2 differ by more than 20 ppm, at most +20.0000 Da (PEPTIDEK in 'far')" in added.stderr
    assert "1 of them by whole isotopes" in added.stderr
    assert "1 not compared: a modification without a known mass" in added.stderr
    info = json.loads(cli("library", "info", "pep").stdout)
    assert info["spectra"] == 6
    assert info["peptides"]["precursors_disagree"] == 2
    assert info["peptides"]["off_by_isotopes"] == 1
    assert cli("library", "check", "pep").exit_code == 0


@pytest.mark.parametrize("suffix", ["h5", "mgf", "msp", "txt", "mzML"])
def test_the_peptide_survives_every_format_that_is_written(home, cli, suffix):
    (home / "lib.mgf").write_text(library_of())
    assert cli("convert", home / "lib.mgf", "-o", home / f"out.{suffix}").exit_code == 0
    assert cli("library", "add", "pep", home / f"out.{suffix}").exit_code == 0
    dump = cli("convert", home / f"out.{suffix}", "-o", home / "back.mgf")
    assert dump.exit_code == 0
    text = (home / "back.mgf").read_text()
    assert [line for line in text.splitlines() if line.startswith("SEQ=")] == [
        f"SEQ={peptide}" for peptide in PEPTIDES
    ]


def test_the_real_peptides_can_be_added_and_searched(home, cli, shared_data):
    folder = shared_data / "ms" / "peptides"
    added = cli("library", "add", "pep", folder / "peptides_train.mgf.gz")
    assert added.exit_code == 0
    assert "888 precursors compared with their sequences" in added.stderr
    assert "0 differ by more than 20 ppm" in added.stderr
    found = cli("identify", folder / "peptides_valid.mgf.gz", *ALONE)
    assert found.exit_code == 0
    assert len({r["spectrum"] for r in rows(found.stdout)}) == 135


def test_a_charge_that_only_the_name_says_does_not_change_the_answer(home, cli):
    """NIST writes ``Name: PEPTIDEK/2``: a library takes the charge from it, a query does not."""
    peaks = "\n".join(f"{mz:.3f}\t{i}" for mz, i in peaks_of(0))
    answers = []
    for name in ("PEPTIDEK/2", "WWWWWW/4"):
        text = f"Name: {name}\nComment: Mods=0 Parent={PEPTIDES['PEPTIDEK']:.5f}\nDB#: 1\n"
        (home / "q.msp").write_text(f"{text}Num peaks: 8\n{peaks}\n\n")
        if not answers:
            added = cli("library", "add", "pep", home / "q.msp")
            assert "1 precursors compared" in added.stderr
        answers.append(cli("identify", home / "q.msp", *ALONE).stdout)
    assert answers[0] == answers[1]
