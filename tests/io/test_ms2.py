"""MS1 and MS2 text; pyteomics reads the same. AMDIS .msl is an MSP dialect."""

import numpy as np
import pytest
from builders import read, read_text

MS2 = """H\tCreationDate\t2026-01-01
H\tExtractor\tMakeMS2
S\t000002\t000002\t576.54
I\tRTime\t1.5
I\tActivationType\tHCD
Z\t2\t1152.07
Z\t3\t1727.60
D\tseq\tPEPTIDEK
217.2 13.7
218.0 2.4
S\t3\t4\t445.12
Z\t1\t445.12
121.9724 572 0 18100
121.9795 2377.6 2 18400
S   5  5  300.1
I   RetTime 0.5
"""


def test_ms2_is_read_with_all_its_lines(tmp_path):
    (a, b, c), account = read_text(tmp_path, MS2)
    assert (account.format, account.dropped.total()) == ("ms2", 0)
    assert (a.native_id, a.ms_level, a.precursor_mz, a.charge) == ("000002", 2, 576.54, 0)
    assert (a.rt_seconds, a.activation) == (90.0, "HCD")
    assert a.extra == {
        "H": ["CreationDate 2026-01-01", "Extractor MakeMS2"],
        "Z": ["2 1152.07", "3 1727.60"],
        "D": "seq PEPTIDEK",
    }
    assert a.mz.tolist() == [217.2, 218.0]
    assert (b.native_id, b.charge, b.extra["last scan"]) == ("3", 1, "4")
    assert b.columns["charge"].tolist() == [0, 2]
    assert b.columns["resolution"].tolist() == [18100, 18400]
    assert (c.rt_seconds, len(c)) == (30.0, 0)


def test_ms1_has_no_precursor(tmp_path):
    (a,), account = read_text(tmp_path, "H\tx\ty\nS\t1\t1\nI\tRTime\t0.1\n100.5 3\n", "x.ms1")
    assert (account.format, a.ms_level, a.mz.tolist()) == ("ms2", 1, [100.5])


def test_bad_spectra_cost_only_themselves(tmp_path, caplog):
    text = MS2.replace("218.0 2.4", "218.0 x").replace("S\t3\t4\t445.12", "S\t3")
    spectra, account = read_text(tmp_path, text)
    assert [s.native_id for s in spectra] == ["5"]
    assert dict(account.dropped) == {"malformed peak line": 1, "S line without two scan numbers": 1}
    assert "entry 1, line 10 ('218.0 x')" in caplog.text


def test_real_files_equal_pyteomics(shared_data):
    ms2 = pytest.importorskip("pyteomics.ms2")
    compared = 0
    for path in sorted((shared_data / "ms" / "files" / "ms2").glob("*.ms2")):
        ours, account = read(path)
        assert not account.dropped
        with ms2.read(str(path), use_index=False) as theirs:
            for a, b in zip(ours, theirs, strict=True):
                np.testing.assert_array_equal(a.mz, b["m/z array"])
                np.testing.assert_array_equal(a.intensity, b["intensity array"])
                assert a.precursor_mz == b["params"]["precursor m/z"]
                charges = b["params"].get("charge", [])
                assert a.charge == (charges[0] if len(charges) == 1 else 0)
                compared += 1
    assert compared == 16


MSL = """NAME:Alanine (2TMS)
CONTRIB:Lab
FORM:C9H23NO2Si2
CASNO:27844-07-1
RI:1104.5
RT:7.25
SOURCE:standard
NUM PEAKS:  4
(  73  999) ( 116  750)
(117 80) (147 100)

NAME:Empty
RT:8
NUM PEAKS: 0

"""


def test_amdis_msl_is_read(tmp_path):
    (a, b), account = read_text(tmp_path, MSL, "x.msl")
    assert (account.format, account.dropped.total()) == ("msp", 0)
    assert (a.name, a.molecule.formula, a.rt_seconds) == ("Alanine (2TMS)", "C9H23NO2Si2", 435.0)
    assert a.mz.tolist() == [73.0, 116.0, 117.0, 147.0]
    assert a.intensity.tolist() == [999.0, 750.0, 80.0, 100.0]
    assert (a.extra["CASNO"], a.extra["RI"], a.extra["SOURCE"]) == (
        "27844-07-1", "1104.5", "standard",
    )  # fmt: skip
    assert (b.name, len(b)) == ("Empty", 0)
