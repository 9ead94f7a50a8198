"""What ``tests/benchmarks/fuzz_readers.py`` has found, through the command line.

The files are authored here; each test says what must hold whatever the reader does.
"""

import sys
import time
from pathlib import Path

import h5py
import numpy as np
import pytest

from spectrakit.spectrum import Axis, Modality, Spectrum
from spectrakit.store import Store, StoreWriter

sys.path.insert(0, str(Path(__file__).parents[1] / "io"))
sys.path.insert(0, str(Path(__file__).parents[1] / "benchmarks"))
from _fuzz_seeds import seeds
from builders import cv, mzml, peaks, spectrum


def test_a_record_in_two_encodings_and_no_end_is_read_in_a_moment(tmp_path, cli):
    """Each paragraph was decoded again with all before it: twice the text, every time."""
    first = "Name: Café\n\n".encode()
    odd = b"Comments: na\xefve\n\n"  # not UTF-8: Latin-1
    path = tmp_path / "a.msp"
    path.write_bytes(first + odd * 60 + b"Num Peaks: 1\n100 1\n")
    start = time.process_time()
    assert cli("convert", path, "-o", tmp_path / "out.h5").exit_code == 0
    assert time.process_time() - start < 10
    with Store(tmp_path / "out.h5") as store:
        (one,) = store
    assert one.molecule.name == "Café"
    assert "naïve" in str(one.extra)


def test_a_stray_ampersand_in_an_array_is_bad_xml_for_every_way_of_reading(tmp_path, cli):
    """Base64 passes over letters that are none, XML does not."""
    text = mzml(*(spectrum(peaks(), f"scan={i}") for i in range(6)))
    at = text.rindex("</binary>") - 6
    path = tmp_path / "a.mzML"
    path.write_text(text[:at] + "&" + text[at:])
    result = cli("convert", path, "-o", tmp_path / "out.h5")
    assert result.exit_code == 3
    assert "XML breaks" in result.stderr
    assert not (tmp_path / "out.h5").exists()


@pytest.mark.parametrize("value", ["-1", "1e308", "-inf", "nan"])
@pytest.mark.parametrize("after", [0, 4], ids=["first", "after spectra of one template"])
def test_a_time_that_cannot_be_is_kept_as_text(tmp_path, cli, value, after):
    def at(time, native_id):
        start = cv("MS:1000016", "scan start time", time, "UO:0000031")
        return spectrum(f"<scanList><scan>{start}</scan></scanList>" + peaks(), native_id)

    good = [at(f"{i + 1}", f"scan={i}") for i in range(after)]
    path = tmp_path / "a.mzML"
    path.write_text(mzml(*good, at(value, "odd")))
    assert cli("convert", path, "-o", tmp_path / "out.h5").exit_code == 0
    with Store(tmp_path / "out.h5") as store:
        found = list(store)
    assert [one.rt_seconds for one in found[:-1]] == [60.0 * (i + 1) for i in range(after)]
    assert np.isnan(found[-1].rt_seconds)
    assert value in found[-1].extra["scan start time"]


def test_a_time_that_cannot_be_is_kept_as_text_in_mzdata(tmp_path, cli):
    (name, content), *_ = seeds()["mzdata"][0].items()
    at = content.index(b'name="TimeInMinutes" value="') + 28
    path = tmp_path / name
    path.write_bytes(content[:at] + b"-" + content[at:])
    assert cli("convert", path, "-o", tmp_path / "out.h5").exit_code == 0
    with Store(tmp_path / "out.h5") as store:
        first = next(iter(store))
    assert np.isnan(first.rt_seconds)
    assert first.extra["TimeInMinutes"].startswith("-")


def test_a_peak_count_without_a_record_is_a_record_of_its_own(tmp_path, cli):
    path = tmp_path / "a.msp"
    path.write_text("Num Peaks: 9\nNum Peaks: 1\n100 1\n")
    result = cli("convert", path, "-o", tmp_path / "out.h5")
    assert result.exit_code == 0
    assert "read 2, kept 1, dropped 1 (1 the declared peaks are missing)" in result.stderr


def test_half_a_surrogate_pair_in_a_peak_list_costs_one_spectrum(tmp_path, cli):
    record = '{"id": "A%d", "spectrum": "%s", "compound": [], "metaData": []}'
    path = tmp_path / "a.json"
    path.write_text("[" + record % (1, "100:1 \\ud8001:2") + "," + record % (2, "100:1") + "]")
    result = cli("convert", path, "-o", tmp_path / "out.h5")
    assert result.exit_code == 0
    assert "read 2, kept 1, dropped 1" in result.stderr


def test_a_text_that_is_no_library_is_not_read_again_with_each_paragraph(tmp_path, cli):
    path = tmp_path / "a.msp"
    path.write_text("Name: a\n\n" + "a line: of a report\n\n" * 20_000)
    start = time.process_time()
    result = cli("convert", path, "-o", tmp_path / "out.h5")
    assert "read 1, kept 0, dropped 1 (1 no peak list)" in result.stderr
    assert time.process_time() - start < 10


def test_a_tab_before_a_colon_is_no_other_field(tmp_path, cli):
    path = tmp_path / "a.msp"
    path.write_text("Name: a\nNUM PEAKS\t: 1\n100 1\n\nName\t: b\nNum Peaks: 1\n100 1\n")
    assert cli("convert", path, "-o", tmp_path / "out.h5").exit_code == 0
    with Store(tmp_path / "out.h5") as store:
        found = list(store)
    assert [(one.molecule.name, one.mz.tolist()) for one in found] == [
        ("a", [100.0]),
        ("b", [100.0]),
    ]


@pytest.mark.parametrize(
    ("field", "value", "words"),
    [
        ("precursor_mz", np.inf, "inf is not finite"),
        ("rt_seconds", -np.inf, "-inf is not finite"),
        ("ms_level", -1, "-1 is no MS level"),
        ("polarity", 3, "3 is neither -1, 0 nor 1"),
    ],
)
def test_a_store_with_a_value_that_cannot_be_is_refused_by_row(tmp_path, cli, field, value, words):
    path = tmp_path / "a.mgf"
    path.write_text(
        "".join(
            f"BEGIN IONS\nTITLE={i}\nPEPMASS=100\nMSLEVEL=2\nCHARGE=1+\nRTINSECONDS=9\n50 1\n"
            "END IONS\n\n"
            for i in range(3)
        )
    )
    assert cli("convert", path, "-o", tmp_path / "a.h5").exit_code == 0
    with h5py.File(tmp_path / "a.h5", "r+") as file:
        file[f"blocks/msms/meta/{field}"][1] = value
    result = cli("convert", tmp_path / "a.h5", "-o", tmp_path / "out.mgf")
    assert result.exit_code == 3
    assert f"a.h5: /blocks/msms/meta/{field}: row 1: {words}" in result.stderr
    assert not (tmp_path / "out.mgf").exists()
    assert cli("store", "check", tmp_path / "a.h5").exit_code == 3


@pytest.mark.parametrize(
    ("first", "entries"),
    [
        ("Name: a\n  40  147;  41   57;\nNum Peaks: 3\n12 0; 24 0; 49<x>\n", ["a", "b"]),
        ("Name: a\n .5  147;  41   57;\nNum Peaks: 1\n12 0\n", ["a", "1", "b"]),
        ("Name: a\nNum  Peaks: 1\n12 0\nNum Peaks: 1\n13 0\n", ["a", "1", "b"]),
        ("\u2028Num Peaks: 9\n//\nNum Peaks: 2\n12 0\n13 0\n", ["0", "b"]),
    ],
    ids=["indented peaks above a count", "a point first", "two spaces", "a line separator"],
)
def test_the_quick_and_the_plain_way_cut_the_same_records(
    tmp_path, cli, monkeypatch, first, entries
):
    path = tmp_path / "a.msp"
    path.write_text(f"{first}\nName: b\nNum Peaks: 1\n100 1\n", encoding="utf-8")
    made = []
    for name in ("quick", "plain"):
        if name == "plain":
            monkeypatch.setattr("spectrakit.io.msp._plain_entry", lambda *args: None)
        result = cli("convert", path, "-o", tmp_path / f"{name}.h5", "--quiet")
        assert result.exit_code == 0
        with Store(tmp_path / f"{name}.h5") as store:
            made.append([(one.native_id, one.mz.tolist()) for one in store])
    assert made[0] == made[1]
    assert [native_id for native_id, _ in made[0]] == entries


def test_one_encoding_holds_for_all_of_a_record(tmp_path, cli, monkeypatch):
    """A Latin-1 name above a digit in UTF-8: no digit is one in Latin-1, whichever way is taken."""
    path = tmp_path / "a.msp"
    digit = "\uff11".encode()
    path.write_bytes(
        b"Name: Wat\xe9r\nNum Peaks: 1\n" + digit + b" 1000\n\nName: b\nNum Peaks: 1\n1 1\n"
    )
    for name in ("quick", "plain"):
        if name == "plain":
            monkeypatch.setattr("spectrakit.io.msp._plain_entry", lambda *args: None)
        result = cli("convert", path, "-o", tmp_path / f"{name}.h5")
        assert result.exit_code == 0
        assert "read 2, kept 1, dropped 1 (1 malformed peak line)" in result.stderr


def test_mgf_keywords_in_small_letters_or_indented_are_read(tmp_path, cli):
    path = tmp_path / "a.mgf"
    path.write_text(
        "begin ions\ntitle=a\npepmass=100\n50 1\nend ions\n\n"
        "BEGIN IONS\nTITLE=b\n60 1\nEND IONS\n"
        "\t Begin Ions\n\t TITLE=c\n\t 70 1\n\t End Ions \n"
    )
    assert cli("convert", path, "-o", tmp_path / "out.h5").exit_code == 0
    with Store(tmp_path / "out.h5") as store:
        found = [(one.native_id, one.mz.tolist()) for one in store]
    assert found == [("a", [50.0]), ("b", [60.0]), ("c", [70.0])]


@pytest.mark.parametrize("suffix", ["mgf", "msp"])
def test_extras_named_like_fields_stay_extras(tmp_path, cli, suffix):
    extra = {
        "charge": "3+", "pepmass": "99", "formula": "C2", "Name": "x", "x-charge": "1", "x-y": "z",
        "SCANS": "7", "RTINSECONDS": "1:23", "7th": "a", "ADDUCT": ["[M+H]+", "[M]+"],
    }  # fmt: skip
    one = Spectrum(
        Modality.MSMS, Axis(np.array([50.0]), "m/z"), np.array([1.0]), native_id="n", extra=extra
    )
    with StoreWriter(tmp_path / "a.h5") as writer:
        writer.add(one)
    again = tmp_path / f"a.{suffix}"
    assert cli("convert", tmp_path / "a.h5", "-o", again).exit_code == 0
    assert cli("convert", again, "-o", tmp_path / "b.h5").exit_code == 0
    with Store(tmp_path / "b.h5") as store:
        (back,) = store
    assert back.extra == extra
    assert (back.charge, back.adduct, back.native_id) == (0, "", "n")
    assert np.isnan(back.precursor_mz) and np.isnan(back.rt_seconds)


def test_a_level_that_nobody_counts_to_is_none(tmp_path, cli):
    level = cv("MS:1000511", "ms level", "1e300")
    path = tmp_path / "a.mzML"
    path.write_text(mzml(*(spectrum(level + peaks(), f"scan={i}") for i in range(6))))
    result = cli("convert", path, "-o", tmp_path / "out.h5")
    assert result.exit_code == 0, result.stderr
    assert "read 6, kept 6" in result.stderr


def test_mzml_spectra_without_an_id_are_counted(tmp_path, cli):
    """Those after the first, read by its pattern, had an empty id."""
    path, out = tmp_path / "a.mzML", tmp_path / "a.h5"
    path.write_text(
        mzml(*(spectrum(cv("MS:1000511", "ms level", "1") + peaks(), "") for _ in range(5)))
    )
    result = cli("convert", path, "-o", out)
    assert result.exit_code == 0, result.stderr
    with Store(out) as store:
        assert [one.native_id for one in store] == ["0", "1", "2", "3", "4"]
