"""Odd content of good files, through the command line."""

import subprocess
import sys
import time

import h5py
import numpy as np
import pytest

MGF = "BEGIN IONS\nTITLE=a\nPEPMASS=195.0877\nCHARGE=1+\n{peaks}\nEND IONS\n"


@pytest.fixture
def query(tmp_path):
    def write(peaks):
        path = tmp_path / "q.mgf"
        path.write_text(MGF.format(peaks=peaks))
        return path

    return write


@pytest.mark.parametrize("peaks", ["83.06 1e308\n138.066 1e308", "83.06 1e-320\n138.066 1e-320"])
def test_extreme_intensities_are_compared_as_any_other(query, tmp_path, peaks):
    """Their sum overflowed: warnings on stderr and scores that were no numbers."""
    library = tmp_path / "lib.msp"
    library.write_text(
        "NAME: x\nPRECURSORMZ: 195.0877\nPRECURSORTYPE: [M+H]+\nNum Peaks: 2\n83.06 1\n138.066 1\n"
    )
    command = [sys.executable, "-W", "error", "-m", "spectrakit", "identify", query(peaks)]
    result = subprocess.run(
        [*command, "--library", library], capture_output=True, timeout=60, check=False, text=True
    )
    assert result.returncode == 0, result.stderr
    header, first = (line.split("\t") for line in result.stdout.splitlines()[:2])
    row = dict(zip(header, first, strict=True))
    assert row["name"] == "x"
    assert float(row["score"]) == pytest.approx(1)


@pytest.mark.parametrize("line", ["100 1;", '100 1 "a;b";'])
def test_a_line_of_many_peaks_takes_linear_time(cli, query, tmp_path, line):
    """A megabyte of peaks between semicolons on one line took minutes."""
    start = time.process_time()
    result = cli("convert", query(line * 100_000), "-o", tmp_path / "o.h5")
    assert result.exit_code == 0
    assert "read 1, kept 1" in result.stderr
    assert time.process_time() - start < 15


@pytest.mark.parametrize("text", ["<?" * 32_000, "<!--" * 16_000])
def test_an_unclosed_xml_prolog_takes_linear_time(cli, tmp_path, text):
    """64 kB of it took 15 s."""
    path = tmp_path / "p.mzML"
    path.write_text(text)
    start = time.process_time()
    assert cli("convert", path, "-o", tmp_path / "o.h5").exit_code == 3
    assert time.process_time() - start < 3


def test_a_library_spectrum_without_a_name_is_called_by_its_id(cli, query, tmp_path):
    """Its hits were rows that named nothing."""
    path = query("83.06 5\n138.066 100")
    result = cli("identify", path, "--library", path, "--structures", "none")
    header, first = (line.split("\t") for line in result.stdout.splitlines()[:2])
    assert dict(zip(header, first, strict=True))["name"] == "a"


def hits(result):
    header, *rows = (line.split("\t") for line in result.stdout.splitlines())
    return [dict(zip(header, row, strict=True)) for row in rows]


@pytest.mark.parametrize(
    ("polarity", "adduct"), [("Negative", "[M+H]+"), ("Positive", "[M-CO2-H]-")]
)
def test_an_adduct_against_the_polarity_is_not_believed(cli, tmp_path, polarity, adduct):
    """Hits of a negative spectrum were protonated molecules."""
    path = tmp_path / "q.msp"
    path.write_text(
        f"NAME: q\nPRECURSORMZ: 195.0877\nIONMODE: {polarity}\nPRECURSORTYPE: {adduct}\n"
        "Num Peaks: 2\n83.06 5\n138.066 100\n"
    )
    rows = hits(cli("identify", path))
    assert {row["polarity"] for row in rows} == {polarity.lower()}
    sign = "+" if polarity == "Positive" else "-"
    assert all(row["adduct"].endswith(sign) for row in rows if row["rank"] != "0")


@pytest.mark.parametrize("option", ["--precursor-tolerance", "--fragment-tolerance"])
@pytest.mark.parametrize("tolerance", ["1e9ppm", "1e308Da", "0ppm", "-5ppm", "nanppm", "10"])
def test_a_tolerance_beyond_reason_is_a_usage_error(cli, query, option, tolerance):
    """A window of everything compared every structure of HMDB, for hours."""
    result = cli("identify", query("83.06 5"), option, tolerance)
    assert result.exit_code == 2
    assert tolerance in result.stderr


@pytest.fixture
def store(cli, query, tmp_path):
    """Write a store and change it by hand: ``store(edit)``."""

    def write(edit):
        path = tmp_path / "s.h5"
        assert cli("convert", query("83.06 5\n110.07 7\n138.066 100"), "-o", path).exit_code == 0
        with h5py.File(path, "r+") as handle:
            edit(handle["blocks/msms"])
        return path

    return write


@pytest.mark.parametrize(
    ("column", "value", "reason"),
    [
        ("value", np.nan, "not-a-number"),
        ("value", np.inf, "not-a-number"),
        ("axis", -1, "negative"),
    ],
)
def test_peaks_that_no_file_may_hold_are_dropped_from_a_store_too(
    cli, store, tmp_path, column, value, reason
):
    def edit(block):
        block[column][0] = value

    path = store(edit)
    result = cli("convert", path, "-o", tmp_path / "o.mgf")
    assert "kept 0, dropped 1" in result.stderr
    assert reason in result.stderr


def test_peaks_of_a_store_are_sorted(cli, store, tmp_path):
    def edit(block):
        block["axis"][:] = block["axis"][:][::-1]

    assert cli("convert", store(edit), "-o", tmp_path / "o.mgf").exit_code == 0
    lines = [w for w in (tmp_path / "o.mgf").read_text().split("\n") if w[:1].isdigit()]
    assert lines == ["83.06 100", "110.07 7", "138.066 5"]


def test_a_polarity_that_is_none_is_bad_input(cli, store):
    def edit(block):
        block["meta/polarity"][:] = 77

    result = cli("identify", store(edit))
    assert result.exit_code == 3
    assert "meta/polarity" in result.stderr


def test_an_error_is_one_line_without_control_codes(cli, tmp_path):
    """A name with a line break or an escape reached the terminal as it was."""
    result = cli("library", "remove", "x\n\x1b[31my")
    assert result.exit_code == 2
    assert "'x  [31my' is not installed" in result.stderr
    result = cli("identify", tmp_path / "a\n\x1b[31mb.mgf")
    assert "\x1b" not in result.stderr


def test_structures_are_not_a_spectral_library(cli, query, tmp_path):
    """The built-in list was said to be not installed, with advice that is refused."""
    result = cli("identify", query("83.06 5"), "--library", "hmdb")
    assert result.exit_code == 2
    assert "holds structures" in result.stderr
    table = tmp_path / "list.csv"
    table.write_text("smiles,name\nCCO,ethanol\n")
    assert cli("library", "add", "mine", table).exit_code == 0
    result = cli("identify", query("83.06 5"), "--library", "mine")
    assert result.exit_code == 2
    assert "holds structures" in result.stderr
    assert cli("library", "check", "hmdb").exit_code == 0


def test_a_precursor_beyond_all_masses_is_searched_without_a_warning(query, tmp_path):
    """Warnings of numpy were written to the terminal, with the path of its files."""
    library = tmp_path / "lib.msp"
    record = "NAME: {0}\nPRECURSORMZ: {0}\nNum Peaks: 2\n83.06 1\n138.066 1\n\n"
    library.write_text(record.format("1e300") + record.format("195.0877"))
    path = query("83.06 1\n138.066 1")
    path.write_text(path.read_text() + path.read_text().replace("195.0877", "1e300"))
    for search in ("precursor", "open", "analogue"):
        command = [sys.executable, "-W", "error", "-m", "spectrakit", "identify", path]
        options = ["--library", library, "--structures", "none", "--search", search]
        result = subprocess.run(
            [*command, *options], capture_output=True, timeout=60, check=False, text=True
        )
        assert result.returncode == 0, result.stderr
