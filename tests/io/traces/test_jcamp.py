"""JCAMP-DX in every encoding. The lines of numbers are facts of the standard or made here."""

from itertools import pairwise

import numpy as np
import pytest
from builders import read, read_text
from hypothesis import given, settings
from hypothesis import strategies as st

from spectrakit.errors import InputError
from spectrakit.io.traces.jcamp.asdf import decode_ordinates


def block(data: str, form: str = "##XYDATA= (X++(Y..Y))", n: int = 0, **labels: object) -> str:
    """Return one block; labels by their names with _ for a space."""
    head = {
        "JCAMP-DX": "4.24", "DATA TYPE": "INFRARED SPECTRUM", "XUNITS": "1/CM",
        "YUNITS": "ABSORBANCE", "XFACTOR": 1, "YFACTOR": 1,
    } | {key.replace("_", " "): value for key, value in labels.items()}  # fmt: skip
    lines = ["##TITLE= made here", *(f"##{key}= {value}" for key, value in head.items())]
    if n:
        lines.append(f"##NPOINTS= {n}")
    return "\n".join([*lines, form, data, "##END="]) + "\n"


# The example of the standard (McDonald and Wilks 1988): one series in all five forms.
SERIES = [1, 2, 3, 3, 2, 1, 0, -1, -2, -3]
FORMS = {
    "FIX": "1  1  2  3  3  2  1  0 -1 -2 -3",
    "PAC": "1+1+2+3+3+2+1+0-1-2-3",
    "SQZ": "1ABCCBA@abc",
    "DIF": "1AJJ%jjjjjj",
    "DIFDUP": "1AJT%jX",
}


@pytest.mark.parametrize("form", FORMS)
def test_one_series_in_all_forms(tmp_path, form):
    text = block(FORMS[form], n=10, FIRSTX=1, LASTX=10)
    (spectrum,), account = read_text(tmp_path, text, "a.jdx")
    assert spectrum.value.tolist() == SERIES
    assert spectrum.axis.values.tolist() == list(range(1, 11))
    assert (spectrum.axis.unit, spectrum.value_unit, spectrum.modality) == (
        "cm-1", "absorbance", "ir",
    )  # fmt: skip
    assert spectrum.is_trace
    assert account.format == "jcamp-dx"


def test_check_ordinates_are_left_out_and_compared(tmp_path, caplog):
    """A line of differences is followed by one whose first ordinate repeats its last."""
    good = block("1AJJ\n3CJJ\n5E", n=5, FIRSTX=1, LASTX=5)
    (spectrum,), _ = read_text(tmp_path, good)
    assert spectrum.value.tolist() == [1, 2, 3, 4, 5]
    assert not caplog.records
    (spectrum,), _ = read_text(tmp_path, good.replace("5E", "5F"))
    assert spectrum.value.tolist() == [1, 2, 3, 4, 5]
    assert "1 check ordinates differ" in caplog.text


def test_squeezed_five_is_no_exponent(tmp_path):
    """``24`` behind ``E`` are digits of 524, in AFFN ``1.5E+02`` is 150."""
    (spectrum,), _ = read_text(tmp_path, block("16302E24", n=1, FIRSTX=16302, LASTX=16302))
    assert spectrum.value.tolist() == [524]
    line = block("1 1.5E+02 2.5E-1 3E2", n=3, FIRSTX=1, LASTX=3)
    (spectrum,), _ = read_text(tmp_path, line)
    assert spectrum.value.tolist() == [150, 0.25, 300]


def test_missing_ordinates_and_factors(tmp_path):
    text = block("40 10 ? 30", n=3, FIRSTX=400, LASTX=380, XFACTOR=10, YFACTOR=0.01)
    (spectrum,), _ = read_text(tmp_path, text)
    np.testing.assert_array_equal(spectrum.value, [0.1, np.nan, 0.3])
    assert spectrum.axis.values.tolist() == [400, 390, 380]


def test_pairs_with_any_separator(tmp_path):
    text = block("450.5, 10; 452, 11\n 460 12\n470.25,13", "##XYPOINTS= (XY..XY)", n=4, YFACTOR=0.1)
    (spectrum,), _ = read_text(tmp_path, text)
    assert spectrum.axis.values.tolist() == [450.5, 452, 460, 470.25]
    np.testing.assert_allclose(spectrum.value, [1, 1.1, 1.2, 1.3])


def test_labels_in_any_case_with_comments(tmp_path):
    text = """$$ a comment before the title
    ## title = Water $$ by me
##JCAMP_DX=  4.24
##Data-Type= RAMAN SPECTRUM
##xunits= 1/CM
##Y Units= COUNTS
##FirstX= 100
##LASTX= 102
##npoints= 3
##SAMPLE DESCRIPTION= one
 two
##xydata= (X++(Y..Y)) $$ the data
100 1 2 3 $$ a line
##end=
"""
    (spectrum,), _ = read_text(tmp_path, text)
    assert (spectrum.name, spectrum.modality, spectrum.value_unit) == ("Water", "raman", "counts")
    assert spectrum.extra["SAMPLE DESCRIPTION"] == "one\ntwo"
    assert "a line" in spectrum.extra["comments"]


def test_compound_file_and_its_counts(tmp_path, caplog):
    inner = block("1 1 2 3", n=3, FIRSTX=1, LASTX=3)
    empty = "##TITLE= nothing\n##JCAMP-DX= 4.24\n##END=\n"
    head = "##TITLE= all\n##JCAMP-DX= 4.24\n##DATA TYPE= LINK\n##BLOCKS= 3\n"
    spectra, account = read_text(tmp_path, head + inner + empty + inner + "##END=\n")
    assert [s.native_id for s in spectra] == ["1", "3"]
    assert account.dropped == {"a block without a data table": 1}
    assert "BLOCKS" not in caplog.text
    read_text(tmp_path, head.replace("3", "4") + inner + inner + "##END=\n")
    assert "BLOCKS says" in caplog.text
    with pytest.raises(InputError, match="2 of its 3 blocks"):
        read_text(tmp_path, head + inner + inner)


def test_real_and_imaginary_pages_are_one_spectrum(tmp_path):
    text = """##TITLE= fid
##JCAMP-DX= 5.00
##DATA TYPE= NMR FID
##.OBSERVE NUCLEUS= ^13C
##NTUPLES= NMR FID
##VAR_NAME= TIME, FID/REAL, FID/IMAG, PAGE NUMBER
##SYMBOL= X, R, I, N
##VAR_DIM= 4, 4, 4, 2
##UNITS= SECONDS, ARBITRARY UNITS, ARBITRARY UNITS,
##FIRST= 0, 1, 10, 1
##LAST= 0.3, 4, 40, 2
##FACTOR= 0.1, 1, 10, 1
##PAGE= N=1
##DATA TABLE= (X++(R..R)), XYDATA
0AJJJ
##PAGE= N=2
##DATA TABLE= (X++(I..I)), XYDATA
0AJJJ
##END NTUPLES= NMR FID
##END=
"""
    (spectrum,), _ = read_text(tmp_path, text)
    assert spectrum.value.tolist() == [[1, 10], [2, 20], [3, 30], [4, 40]]
    np.testing.assert_allclose(spectrum.axis.values, [0, 0.1, 0.2, 0.3])
    assert (spectrum.axis.unit, spectrum.modality) == ("s", "nmr-13c")


def test_mass_spectra_are_peaks(tmp_path):
    labels = {"DATA_TYPE": "MASS SPECTRUM", "XUNITS": "M/Z", "YUNITS": "RELATIVE ABUNDANCE"}
    text = block("28,69 29,250\n15,3", "##PEAK TABLE= (XY..XY)", n=3, **labels)
    (spectrum,), _ = read_text(
        tmp_path, text.replace("##XUNITS", "##.IONIZATION MODE= EI+\n##XUNITS")
    )
    assert not spectrum.is_trace
    assert spectrum.mz.tolist() == [15, 28, 29]
    assert (spectrum.ms_level, spectrum.activation, spectrum.polarity) == (1, "EI", 1)


def test_pages_of_a_chromatogram_have_their_time(tmp_path):
    text = """##TITLE= gcms
##JCAMP-DX= 5.00
##DATA TYPE= MASS SPECTRUM
##NTUPLES= MASS SPECTRUM
##VAR_NAME= MASS, INTENSITY, RETENTION TIME
##SYMBOL= X, Y, T
##UNITS= M/Z, RELATIVE ABUNDANCE, SECONDS
##PAGE= T=10.5
##NPOINTS= 2
##DATA TABLE= (XY..XY), PEAKS
41,98 51,109
##PAGE= T=20.5
##NPOINTS= 1
##DATA TABLE= (XY..XY), PEAKS
43,1
##END=
"""
    spectra, _ = read_text(tmp_path, text)
    assert [s.rt_seconds for s in spectra] == [10.5, 20.5]
    assert [s.mz.tolist() for s in spectra] == [[41, 51], [43]]


def test_assigned_peaks_keep_their_notes(tmp_path):
    labels = {"DATA_TYPE": "NMR PEAK ASSIGNMENTS", "XUNITS": "PPM"}
    data = "(14.1, 98, <CH3>)\n(22.7, 100, <CH2 and\nmore>)"
    (spectrum,), _ = read_text(tmp_path, block(data, "##PEAK ASSIGNMENTS= (XYA)", **labels))
    assert spectrum.axis.values.tolist() == [14.1, 22.7]
    assert spectrum.columns["annotation"].tolist() == ["CH3", "CH2 and more"]


def test_a_lost_line_leaves_a_gap_and_moves_nothing(tmp_path, caplog):
    lines = [f"{x} {x} {x + 1} {x + 2} {x + 3} {x + 4}" for x in range(100, 150, 5)]
    del lines[3]
    (spectrum,), _ = read_text(tmp_path, block("\n".join(lines), n=50, FIRSTX=100, LASTX=149))
    assert len(spectrum) == 50
    there = ~np.isnan(spectrum.value)
    assert there.sum() == 45
    np.testing.assert_array_equal(spectrum.value[there], spectrum.axis.values[there])
    assert "NPOINTS says 50, the data have 45" in caplog.text


def test_cut_off_files_are_errors(tmp_path):
    lines = "\n".join(f"{x} {x} {x + 1}" for x in range(100, 200, 2))
    whole = block(lines, n=100, FIRSTX=100, LASTX=199)
    read_text(tmp_path, whole)
    for at in (len(whole) // 2, len(whole) - 60, whole.index("(X++") + 20):
        with pytest.raises(InputError) as caught:
            read_text(tmp_path, whole[:at])
        assert caught.value.hint


def test_repetition_is_bounded(tmp_path):
    """``Z9999999`` asks for a hundred million points in eight bytes."""
    _, account = read_text(tmp_path, block("1AZ9999999", n=3, FIRSTX=1, LASTX=3))
    assert account.dropped == {"repeats more points than a spectrum has": 1}


def test_percent_is_told_from_fraction(tmp_path):
    for y, unit in ((0.5, "transmittance"), (50, "percent transmittance")):
        text = block(f"1 {y} {y} {y}", n=3, FIRSTX=1, LASTX=3, YUNITS="TRANSMITTANCE")
        (spectrum,), _ = read_text(tmp_path, text)
        assert spectrum.value_unit == unit


def squeezed(value: int) -> str:
    digits = str(abs(value))
    letters = "@ABCDEFGHI" if value >= 0 else "@abcdefghi"
    return letters[int(digits[0])] + digits[1:]


def difference(value: int) -> str:
    digits = str(abs(value))
    letters = "%JKLMNOPQR" if value >= 0 else "%jklmnopqr"
    return letters[int(digits[0])] + digits[1:]


@given(st.lists(st.integers(-(10**6), 10**6), min_size=1, max_size=60), st.integers(2, 20))
def test_written_differences_read_back(values, per_line):
    """An encoder written from the standard, with check ordinates and repeats, is undone."""
    lines: list[str] = []
    for at in range(0, len(values), per_line):
        row = values[max(at - 1, 0) : at + per_line]
        text = f"{max(at - 1, 0)}{squeezed(row[0])}"
        steps = [b - a for a, b in pairwise(row)]
        k = 0
        while k < len(steps):
            run = 1
            while k + run < len(steps) and steps[k + run] == steps[k] and run < 9:
                run += 1
            text += difference(steps[k]) + ("" if run == 1 else "STUVWXYZs"[run - 1])
            k += run
        lines.append(text)
    assert decode_ordinates(lines).values == values


@settings(max_examples=60)
@given(st.data())
def test_damaged_files_never_raise_anything_else(tmp_path_factory, data):
    folder = tmp_path_factory.mktemp("damaged")
    whole = (
        block("1AJT%jX\n10aJ", n=11, FIRSTX=1, LASTX=11)
        + block("28,69 29,250", "##PEAK TABLE= (XY..XY)", n=2)
    ).encode()
    raw = bytearray(whole)
    for _ in range(data.draw(st.integers(1, 8))):
        raw[data.draw(st.integers(0, len(raw) - 1))] = data.draw(st.integers(0, 255))
    cut = data.draw(st.integers(1, len(raw)))
    path = folder / "a.jdx"
    path.write_bytes(bytes(raw[:cut]))
    try:
        spectra, _ = read(path)
    except InputError as error:
        assert error.hint
        return
    for spectrum in spectra:
        assert len(spectrum.axis) == len(spectrum.value)
        assert np.isfinite(spectrum.axis.values).all()
