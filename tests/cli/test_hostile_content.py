"""Odd content of good files, through the command line."""

import subprocess
import sys
import time

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
