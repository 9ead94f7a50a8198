"""MSP in its dialects: nothing lost, nothing keyed by name, nothing guessed."""

from math import isnan

import numpy as np
import pytest
from builders import read_text

MASSBANK = """NAME: Altenuene
ACCESSION: MSBNK-AAFC-AC000055
INCHIKEY: MMHTXEATDNFMMY-WBIUFABUSA-N
SMILES: CC1
FORMULA: C15H16O6
EXACTMASS: 292.09468
PRECURSORMZ: 293.1014
PRECURSORTYPE: [M+H]+
IONMODE: POSITIVE
COLLISIONENERGY: 10(NCE)
INSTRUMENTTYPE: LC-ESI-ITFT
LICENSE: CC BY-SA
Num Peaks: 2
213.091 40
229.0859 90

"""


def test_every_field_of_a_massbank_record_has_its_place(tmp_path):
    (s,), account = read_text(tmp_path, MASSBANK)
    assert account.format == "msp"
    assert (s.native_id, s.name, s.adduct, s.polarity) == (
        "MSBNK-AAFC-AC000055", "Altenuene", "[M+H]+", 1,
    )  # fmt: skip
    assert (s.precursor_mz, s.ms_level) == (293.1014, 2)
    assert (s.collision_energy, s.collision_energy_value, s.collision_energy_unit) == (
        "10(NCE)", 10.0, "NCE",
    )  # fmt: skip
    assert s.instrument == "LC-ESI-ITFT"
    assert s.molecule.inchikey == "MMHTXEATDNFMMY-WBIUFABUSA-N"
    assert (s.molecule.name, s.molecule.smiles, s.molecule.formula, s.molecule.exact_mass) == (
        "Altenuene", "CC1", "C15H16O6", 292.09468,
    )  # fmt: skip
    assert s.extra == {"LICENSE": "CC BY-SA"}
    assert s.mz.tolist() == [213.091, 229.0859]
    assert s.intensity.tolist() == [40.0, 90.0]


def test_equal_names_are_different_spectra(tmp_path):
    spectra, _ = read_text(tmp_path, MASSBANK + MASSBANK.replace("000055", "000056"))
    assert [s.native_id[-6:] for s in spectra] == ["000055", "000056"]


@pytest.mark.parametrize(
    "block",
    [
        "100 1\n200 2\n300 3\n",
        "100\t1\n200\t2\n300\t3\n",
        "100 1; 200 2;\n300 3;\n",
        "  100  1;  200   2;\n 300 3\n",
        "100:1 200:2 \n300:3 \n",
        "100 1 200 2\n300 3\n",
        "(100,1) (200,2)\n(300,3)\n",
        "\n100 1\n200 2\n300 3\n",
        "\t100 1\n\t200 2\n\t300 3\n",
        "300 3\n100 1\n200 2\n",
        '100 1 "a"\n200 2 "b;c 7"\n300 3 "d"\n',
        "100 1 3.5\n200 2 4.5\n300 3 5.5\n",
        "1e2 1e0\n2E2 2\n+300 3.\n",
    ],
)
def test_peaks_are_read_however_they_are_laid_out(tmp_path, block):
    text = f"Name: X\nNum Peaks: 3\n{block}\nName: Y\nNum peaks: 1\n5 6\n"
    for ends in (text, text.replace("\n", "\r\n"), text.replace("\n", "\r")):
        (x, y), account = read_text(tmp_path, ends)
        assert x.mz.tolist() == [100.0, 200.0, 300.0]
        assert x.intensity.tolist() == [1.0, 2.0, 3.0]
        assert y.mz.tolist() == [5.0]
        assert not account.dropped


def test_notes_of_peaks_become_a_column_and_move_with_their_peak(tmp_path):
    text = 'Name: X\nNum Peaks: 3\n300 3 "y2"\n100 1\n200 2 "b;c 7"\n'
    (s,), _ = read_text(tmp_path, text)
    assert s.columns["annotation"].tolist() == ["", "b;c 7", "y2"]


def test_equal_mz_keeps_the_order_of_the_file(tmp_path):
    (s,), _ = read_text(tmp_path, "Name: X\nNum Peaks: 4\n200 1\n100 2\n100 3\n100 1\n")
    assert s.intensity.tolist() == [2.0, 3.0, 1.0, 1.0]


def test_records_need_no_blank_line_between_them(tmp_path):
    text = "Name: A\nNum Peaks: 1\n1 1\nName: B\nNum Peaks: 0\nName: C\nNum Peaks: 1\n3 3\n"
    spectra, account = read_text(tmp_path, text)
    assert [(s.name, len(s)) for s in spectra] == [("A", 1), ("B", 0), ("C", 1)]
    assert account.read == 3


@pytest.mark.parametrize(
    ("block", "reason"),
    [
        ("100 1\nabc 2\n", "malformed peak line"),
        ("100 1\n200\n", "malformed peak line"),
        ("100 1\n200 1_0\n", "malformed peak line"),
        ("100 5 7\n200\n", "malformed peak line"),
        ("100 1\n200 nan\n", "not-a-number in the peaks"),
        ("100 inf\n200 1\n", "not-a-number in the peaks"),
        ("-100 1\n200 2\n", "negative m/z"),
        ("", "the declared peaks are missing"),
    ],
)
def test_a_bad_peak_list_costs_its_spectrum_and_no_other(tmp_path, block, reason, caplog):
    text = f"Name: A\nNum Peaks: 1\n1 1\n\nName: B\nNum Peaks: 2\n{block}\n" + MASSBANK
    spectra, account = read_text(tmp_path, text)
    assert [s.name for s in spectra] == ["A", "Altenuene"]
    assert dict(account.dropped) == {reason: 1}
    assert account.read == 3
    assert "entry 2" in caplog.text


def test_a_malformed_line_is_named_by_its_number(tmp_path, caplog):
    read_text(tmp_path, "Name: A\nNum Peaks: 1\n1 1\n\nName: B\nNum Peaks: 2\n1 1\n5]2 x\n")
    assert "line 8 ('5]2 x')" in caplog.text


def test_negative_intensities_and_no_peaks_are_kept(tmp_path):
    spectra, _ = read_text(tmp_path, "Name: A\nNum Peaks: 1\n5 -1\n\nName: B\nNum Peaks: 0\n")
    assert [s.intensity.tolist() for s in spectra] == [[-1.0], []]


def test_another_count_than_declared_is_kept_and_noted(tmp_path):
    (s,), _ = read_text(tmp_path, "Name: A\nNum Peaks: 97\n1 1\n2 2\n")
    assert (len(s), s.extra["Num Peaks"]) == (2, "97")


def test_mona_comments_fill_what_the_fields_leave_open(tmp_path):
    text = (
        'Name: X\nComments: "SMILES=CCO" "ms level=MS1" "retention time=523.4 sec" '
        '"author=Kusano M" "ionization mode=positive" "SMILES=OCC"\nNum Peaks: 1\n1 1\n'
    )
    (s,), _ = read_text(tmp_path, text)
    assert (s.molecule.smiles, s.ms_level, s.rt_seconds, s.polarity) == ("CCO", 1, 523.4, 1)
    assert s.extra == {"author": "Kusano M", "SMILES": "OCC", "retention time": "523.4 sec"}


def test_nist_comments_are_kept_whole_and_understood(tmp_path):
    comment = 'Consensus Parent=582.3537 MS_mode="+" Precursor_type="[M+2H]2+" Charge=2 NCE=28'
    (s,), _ = read_text(tmp_path, f"Name: P\nComments: {comment}\nNum peaks: 1\n1 1\n")
    assert (s.precursor_mz, s.adduct, s.charge, s.polarity) == (582.3537, "[M+2H]2+", 2, 1)
    assert (s.collision_energy_value, s.collision_energy_unit) == (28.0, "NCE")
    assert s.extra == {"Comments": comment}


def test_repeated_synonyms_stay_a_list(tmp_path):
    (s,), _ = read_text(tmp_path, "Name: X\nSynon: a\nSynon: b\nNum Peaks: 1\n1 1\n")
    assert s.extra["Synon"] == ["a", "b"]


def test_a_precursor_of_na_is_missing_not_zero(tmp_path):
    (s,), account = read_text(tmp_path, "Name: X\nPRECURSORMZ: NA\nNum Peaks: 1\n1 1\n")
    assert isnan(s.precursor_mz)
    assert s.ms_level == 0
    assert s.extra["PRECURSORMZ"] == "NA"
    assert account.kept == 1


def test_utf8_latin1_and_a_byte_order_mark(tmp_path):
    text = "Name: β-Carotin für Öl\nNum Peaks: 1\n1 1\n"
    assert read_text(tmp_path, b"\xef\xbb\xbf" + text.encode())[0][0].name == "β-Carotin für Öl"
    latin = "Name: für Öl\nNum Peaks: 1\n1 1\n".encode("latin-1")
    assert read_text(tmp_path, latin)[0][0].name == "für Öl"


def test_the_native_id_falls_back_to_name_and_index(tmp_path):
    text = "Name: X\nDB#: 7\nNum Peaks: 0\n\nName: Y\nNum Peaks: 0\n\nFormula: C\nNum Peaks: 0\n"
    spectra, _ = read_text(tmp_path, text)
    assert [s.native_id for s in spectra] == ["7", "Y", "2"]


def test_electron_ionisation_is_read_from_the_instrument_type(tmp_path):
    (s,), _ = read_text(tmp_path, "Name: X\nInstrument_type: GC-EI-TOF\nNum Peaks: 1\n1 1\n")
    assert (s.activation, s.ms_level) == ("EI", 1)


def test_a_record_without_a_list_is_counted(tmp_path):
    spectra, account = read_text(tmp_path, "Name: X\nFormula: C\n\nName: Y\nNum Peaks: 1\n1 1\n")
    assert [s.name for s in spectra] == ["Y"]
    assert dict(account.dropped) == {"no peak list": 1}


def test_chunk_borders_do_not_show(tmp_path, monkeypatch):
    from spectrakit.io import blocks

    text = (MASSBANK * 9).replace("\n", "\r\n")
    whole, _ = read_text(tmp_path, text)
    for size in (1, 2, 7, 64, 1000):
        monkeypatch.setattr(blocks, "_CHUNK", size)
        pieces, _ = read_text(tmp_path, text)
        assert [s.extra for s in pieces] == [s.extra for s in whole]
        for a, b in zip(pieces, whole, strict=True):
            np.testing.assert_array_equal(a.mz, b.mz)


@pytest.mark.parametrize(
    "template",
    [
        "Name: a\nPrecursorMZ: 99\nNum Peaks: 2\n50 1\n60 2\n\nName: b\nNum Peaks: 1\n70 3\n",
        "Name: a\nPrecursorMZ: 99\nNum Peaks: 2\n50 1\n60 2\nName: b\nNum Peaks: 1\n70 3\n",
        "Name: a\nNum Peaks: 2\n\n50 1\n60 2\n\nName: b\nNum Peaks: 1\n\n70 3\n",
        "Name: a\nNum Peaks: 3\n50 1\n60 2\nName: b\nNum Peaks: none\n70 3\n",
        "Name: a\nNum Peaks: 0\n\nName: b\nNum Peaks: 1\n70 3\n",
        "Name: a\nNum Peaks: 0\nName: b\nNum Peaks: 1\n70 3\n",
    ],
)
def test_num_peaks_with_an_equals_sign_is_a_count_wherever_it_stands(tmp_path, template):
    """Only where a blank line was above the name it was one; else it stayed as a text."""
    expected, account = read_text(tmp_path, template)
    found, other = read_text(tmp_path, template.replace("Num Peaks:", "Num Peaks="))
    assert len(expected) == 2
    assert [(s.name, s.mz.tolist(), s.intensity.tolist()) for s in found] == [
        (s.name, s.mz.tolist(), s.intensity.tolist()) for s in expected
    ]
    assert (other.treated, other.dropped) == (account.treated, account.dropped)
    if "none" not in template:
        assert [s.extra for s in found] == [s.extra for s in expected]


@pytest.mark.parametrize(("end", "is_said"), [("", True), ("\n", False), ("70 3\n", False)])
def test_a_file_that_ends_before_its_last_peaks_is_named(tmp_path, caplog, end, is_said):
    """Cut at the end of a line: the record is kept as it is, but was only counted."""
    text = "Name: a\nNum Peaks: 1\n50 1\n\nName: b\nNum Peaks: 3\n50 1\n60 2\n" + end
    spectra, _ = read_text(tmp_path, text)
    assert len(spectra) == 2
    said = "entry 2, line 5: the file ends after 2 of its 3 peaks: is it cut off?"
    assert (said in caplog.text) == is_said
