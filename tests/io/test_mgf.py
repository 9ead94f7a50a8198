"""MGF: headers for all spectra, lists of charges, ids, third columns, bad lines."""

from math import isnan

import pytest
from builders import read_text

GLOBAL = """COM=A run
CHARGE=2+ and 3+
# a comment = no field

BEGIN IONS
TITLE=Spectrum 1
CHARGE=2+
PEPMASS=983.6
846.60 73
847.60 67
END IONS

BEGIN IONS
TITLE=Spectrum 2
PEPMASS=1084.9 1234
SCANS=3
RTINSECONDS=25
345.10 237 3
370.20 128 2
END IONS
"""


def test_headers_above_hold_for_spectra_that_say_nothing_else(tmp_path):
    (one, two), account = read_text(tmp_path, GLOBAL)
    assert account.format == "mgf"
    assert (one.native_id, one.charge, one.precursor_mz) == ("Spectrum 1", 2, 983.6)
    assert one.extra == {"COM": "A run"}
    assert (two.charge, two.precursor_intensity, two.rt_seconds) == (0, 1234.0, 25.0)
    assert two.extra == {"COM": "A run", "CHARGE": "2+ and 3+", "SCANS": "3"}
    assert two.columns["charge"].tolist() == [3, 2]
    assert {one.ms_level, two.ms_level} == {2}


def test_gnps_fields(tmp_path):
    (s,), _ = read_text(
        tmp_path,
        "BEGIN IONS\nPEPMASS=183.057\nCHARGE=1\nIONMODE=negative\nNAME=Fuberidazole M-H\n"
        "SMILES=N/A\nINCHIKEY=ABC\nSPECTRUMID=CCMSLIB1\nSCANS=675\nMSLEVEL=2\nTAGS=\n"
        "LIBRARYQUALITY=1\n70.7\t213.6\nEND IONS\n",
    )
    assert (s.native_id, s.name, s.charge, s.polarity) == ("CCMSLIB1", "Fuberidazole M-H", -1, -1)
    assert (s.molecule.smiles, s.molecule.inchikey) == ("", "ABC")
    assert s.extra == {"SMILES": "N/A", "TAGS": "", "LIBRARYQUALITY": "1", "SCANS": "675"}


def test_a_peptide_list_is_not_a_molecule(tmp_path):
    (one, _), _ = read_text(tmp_path, GLOBAL)
    assert one.molecule is None


@pytest.mark.parametrize("ends", ["\n", "\r\n", "\r"])
def test_line_ends(tmp_path, ends):
    spectra, _ = read_text(tmp_path, GLOBAL.replace("\n", ends))
    assert [len(s) for s in spectra] == [2, 2]


def test_a_malformed_line_costs_one_spectrum_and_is_named(tmp_path, caplog):
    text = GLOBAL.replace("847.60 67", "847.60]7 67")
    (s,), account = read_text(tmp_path, text)
    assert s.native_id == "Spectrum 2"
    assert dict(account.dropped) == {"malformed peak line": 1}
    assert "entry 1, line 10 ('847.60]7 67')" in caplog.text


def test_spectra_cut_off_are_counted(tmp_path):
    text = "BEGIN IONS\nPEPMASS=1\n1 1\n" + GLOBAL + "BEGIN IONS\nPEPMASS=5\n1 1\n"
    spectra, account = read_text(tmp_path, text)
    assert len(spectra) == 2
    assert dict(account.dropped) == {"cut off before END IONS": 2}


def test_missing_and_odd_precursors(tmp_path):
    block = "BEGIN IONS\nTITLE=t\nPEPMASS={}\n1 1\nEND IONS\n"
    for text in ("0", "NA", "", "x"):
        (s,), _ = read_text(tmp_path, block.format(text))
        assert isnan(s.precursor_mz)
    (s,), _ = read_text(tmp_path, block.format("5.5 10 2-"))
    assert (s.precursor_mz, s.precursor_intensity, s.charge) == (5.5, 10.0, -2)


def test_no_peaks_and_no_header_are_kept(tmp_path):
    spectra, _ = read_text(tmp_path, "BEGIN IONS\nEND IONS\nBEGIN IONS\n1 1\nEND IONS\n")
    assert [(s.native_id, len(s)) for s in spectra] == [("0", 0), ("1", 1)]


def test_a_range_of_times_gives_its_middle_and_stays(tmp_path):
    (s,), _ = read_text(tmp_path, "BEGIN IONS\nRTINSECONDS=50-60\n1 1\nEND IONS\n")
    assert (s.rt_seconds, s.extra["RTINSECONDS"]) == (55.0, "50-60")
