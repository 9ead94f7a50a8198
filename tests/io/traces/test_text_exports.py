"""Exports of instruments and plain tables of numbers, written here as the programs write them."""

import numpy as np
import pytest
from builders import read, read_text

from spectrakit.errors import InputError
from spectrakit.io.traces.exports import LAYOUTS
from spectrakit.io.traces.text_formats import TEXT

ROWS = [(400.0 + 0.5 * i, 10.0 + i) for i in range(12)]


def lines(separator: str = "\t", rows=ROWS) -> str:
    return "".join(separator.join(f"{x:.6g}" for x in row) + "\n" for row in rows)


OCEAN = "SpectraSuite Data File\n++++\nDate: now\nSpectrometers: USB1\n"
OCEAN += "Number of Pixels in Processed Spectrum: 12\n>>>>>Begin Processed Spectral Data<<<<<\n"
SED_ROWS = [(x, 5.0, 2.0, y) for x, y in ROWS]
EXPORTS = {
    "ocean-text": (f"{OCEAN}{lines()}>>>>>End Processed Spectral Data<<<<<\n", "nm", ""),
    "craic-text": (f"feather\nReflectance\nSciMode:IT1=4\n{lines()}", "nm", "percent reflectance"),
    "avantes-text": (
        "name\nIntegration time: 1 ms\nData measured with spectrometer name: 08U1\n"
        f"Wave   ;Dark     ;Absorbance\n[nm]   ;[counts] ;[A.U.]\n\n"
        f"{lines(';', [(x, 1, y) for x, y in ROWS])}",
        "nm", "absorbance",
    ),
    "spectral-evolution-sed": (
        "Comment: \nVersion: 2.2\nMeasurement: REFLECTANCE\nChannels: 12\nColumns [4]:\nData:\n"
        f"Wvl\tNorm. DN (Ref.)\tNorm. DN (Target)\tReflect. %\n{lines(rows=SED_ROWS)}",
        "nm", "percent reflectance",
    ),
    "svc-sig": (
        f"/*** Spectra Vista SIG Data ***/\nname= a.sig\ninstrument= HI: 1\ndata= \n"
        f"{lines('  ', SED_ROWS)}",
        "nm", "percent reflectance",
    ),
    "usgs-asc": (
        f"USGS Digital Spectral Library splib06a\n\n---\nTan Shingle\nhistory of it\n"
        f"{lines('   ', [(x, y, 0.0) for x, y in ROWS])}",
        "um", "reflectance",
    ),
    "ecostress-text": (
        "Name: Concrete\nType: manmade\nX Units: Wavelength (micrometers)\n"
        f"Y Units: Reflectance (percent)\nFirst X Value: 0.3\nNumber of X Values: 12\n\n{lines()}",
        "um", "percent reflectance",
    ),
    "jasco-text": (
        "TITLE\tsoap\nDATA TYPE\tINFRARED SPECTRUM\nSPECTROMETER/DATA SYSTEM\tJASCO\n"
        f"XUNITS\t1/CM\nYUNITS\t%T\nNPOINTS\t12\nXYDATA\n{lines()}\n##### Extended Information\n",
        "cm-1", "percent transmittance",
    ),
    "renishaw-text": (f"#Wave\t\t#Intensity\n{lines()}", "", ""),
    "labspec-text": (
        f"#Acq. time (s)=\t1\n#Laser (nm)=\t532\n#AxisUnit[0]=Cnt\n#AxisUnit[1]=1/cm\n{lines()}",
        "cm-1", "counts",
    ),
    "columns-text": (f"Date: today\n{lines()}", "", ""),
    "emsa": (
        "#FORMAT : EMSA/MAS Spectral Data File\n#TITLE : t\n#NPOINTS : 12\n#XUNITS : eV\n"
        f"#YUNITS : Counts\n#DATATYPE : XY\n#SPECTRUM : here\n{lines(', ')}#ENDOFDATA : end\n",
        "eV", "counts",
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", EXPORTS)
def test_exports_are_recognised_and_read(tmp_path, name):
    text, unit, values = EXPORTS[name]
    (spectrum,), account = read_text(tmp_path, text, "in.txt")
    assert account.format == name
    assert spectrum.is_trace
    assert (spectrum.axis.unit, spectrum.value_unit) == (unit, values)
    np.testing.assert_array_equal(spectrum.axis.values, [x for x, _ in ROWS])
    np.testing.assert_array_equal(spectrum.value, [y for _, y in ROWS])


@pytest.mark.parametrize("name", EXPORTS)
def test_any_cut_gives_the_beginning_or_an_error(tmp_path, name):
    """A text may end after any whole row; half a row or fewer than announced is an error."""
    text, _, _ = EXPORTS[name]
    for at in range(1, len(text), 7):
        try:
            spectra, _ = read_text(tmp_path, text[:at], "in.txt")
        except InputError as error:
            assert "\n" not in str(error)
            continue
        for spectrum in spectra:
            n = len(spectrum)
            assert spectrum.axis.values[: n - 1].tolist() == [x for x, _ in ROWS][: n - 1]


def test_every_layout_is_a_format():
    """A layout that the registry does not name would never be chosen."""
    assert {layout.name for layout in LAYOUTS} <= {one.name for one in TEXT}


def test_what_was_measured_on_the_way_stays(tmp_path):
    (spectrum,), _ = read_text(tmp_path, EXPORTS["spectral-evolution-sed"][0])
    assert set(spectrum.columns) == {"Norm. DN (Ref.)", "Norm. DN (Target)"}
    assert spectrum.columns["Norm. DN (Target)"].tolist() == [2.0] * 12


def test_announced_points_that_are_missing_are_an_error(tmp_path):
    text = f"{OCEAN}{lines(rows=ROWS[:7])}"
    with pytest.raises(InputError, match="7 of the 12 points"):
        read_text(tmp_path, text)


def test_a_damaged_row_is_an_error(tmp_path):
    text = lines()
    with pytest.raises(InputError, match="line 5 is no row of 2 numbers"):
        read_text(tmp_path, text.replace("402\t14", "4\x7f2\tx"), "a.txt")


def test_labspec_maps_have_a_spectrum_in_each_row(tmp_path):
    head = "#Acq. time (s)=\t1\n#Laser=\t532\n#AxisUnit[0]=Cnt\n#AxisUnit[1]=1/cm\n"
    head += "#AxisType[2]=X\n#AxisUnit[2]=µm\n#AxisType[3]=Y\n#AxisUnit[3]=µm\n"
    text = (
        f"{head}\t\t100.5\t102.5\t104.5\n1\t2\t7\t8\t9\n1\t3\t4\t5\t6\n1\t4\t1\t2\n1\t5\t1\t2\t3\n"
    )
    spectra, account = read_text(tmp_path, text.encode("latin-1"))
    assert [s.value.tolist() for s in spectra] == [[7, 8, 9], [4, 5, 6], [1, 2, 3]]
    assert spectra[0].axis.values.tolist() == [100.5, 102.5, 104.5]
    assert (spectra[1].extra["X [um]"], spectra[1].extra["Y [um]"]) == (1.0, 3.0)
    assert account.dropped == {"a row with another number of cells than the axis": 1}


def test_each_column_of_a_wide_table_is_a_spectrum(tmp_path):
    text = "wavelength (nm),soil 1,soil 2\n" + lines(",", [(x, y, 2 * y) for x, y in ROWS])
    spectra, _ = read_text(tmp_path, text, "a.csv")
    assert [s.sample for s in spectra] == ["soil 1", "soil 2"]
    assert spectra[1].value.tolist() == [2 * y for _, y in ROWS]
    assert spectra[0].axis.unit == "nm"


@pytest.mark.parametrize(
    "text",
    ["400 1\n401 2\n402 3\n", "400;1,5\n401;2,5\n402;3,5\n", "400,5 1,25\n401,5 2,25\n402,5 3,0\n",
     "# c\n% d\n400\t1\n401\t2\n402\t3\n", "x,y\n400,1\n401,2\n402,3\n", "402 1\r\n401 2\r\n400 3"],
)  # fmt: skip
def test_two_columns_in_any_form(tmp_path, text):
    (spectrum,), _ = read_text(tmp_path, text, "a.txt")
    assert len(spectrum) == 3
    assert abs(spectrum.axis.values[1] - 401) <= 0.5


def test_the_better_axis_is_taken_and_said(tmp_path, cli):
    rows = [(i, 800 + i / 8, 230 + 2.5 * i, 100 - i) for i in range(9)]
    path = tmp_path / "a.csv"
    path.write_text("Technique,Raman\n\nPixel,Wavelength,Wavenumber,Processed\n" + lines(",", rows))
    (spectrum,), _ = read(path)
    assert (spectrum.axis.unit, spectrum.modality) == ("cm-1", "raman")
    assert spectrum.axis.values[0] == 230
    assert set(spectrum.columns) == {"Pixel", "Wavelength"}
    result = cli("convert", path, "-o", tmp_path / "a.h5")
    assert "takes column 'Wavenumber' as the axis, not 'Pixel'" in result.stderr


def test_a_pixel_column_that_holds_no_pixels_has_no_unit(tmp_path, cli):
    path = tmp_path / "a.csv"
    path.write_text("Pixel,Intensity\n-601.3,5\n-597.4,6\n-593.5,7\n")
    result = cli("convert", path, "-o", tmp_path / "a.h5")
    assert "no pixel numbers" in result.stderr
    (spectrum,), _ = read(path)
    assert spectrum.axis.unit == ""


def test_emsa_without_positions_counts_from_its_offset(tmp_path):
    text = "#FORMAT : EMSA/MAS SPECTRAL DATA STANDARD\n#NPOINTS : 5.\n#NCOLUMNS : 3.\n"
    text += "#XUNITS : eV\n#DATATYPE : Y\n#XPERCHAN : 10.\n#OFFSET -eV : 200.\n#SPECTRUM :\n"
    (spectrum,), _ = read_text(tmp_path, text + "1, 2, 3,\n4, 5\n#ENDOFDATA :\n")
    assert spectrum.axis.values.tolist() == [200, 210, 220, 230, 240]
    with pytest.raises(InputError, match="cut off: 3 of 5"):
        read_text(tmp_path, text + "1, 2, 3,\n")


def test_random_bytes_in_any_export_are_harmless(tmp_path):
    """Bytes at random places: a spectrum, a counted drop or one line, never anything else."""
    random = np.random.default_rng(4)
    for text, _, _ in EXPORTS.values():
        for _ in range(25):
            raw = bytearray(text.encode("latin-1"))
            for at in random.integers(0, len(raw), random.integers(1, 12)):
                raw[at] = random.integers(0, 256)
            try:
                spectra, _ = read_text(tmp_path, bytes(raw), "in.txt")
            except InputError as error:
                assert error.hint
                continue
            for spectrum in spectra:
                assert np.isfinite(spectrum.axis.values).all()
                assert len(spectrum.axis) == len(spectrum.value)
