"""Tables as labs have them: lines above the header, rows of units, decimal commas, damage."""

import pytest
from builders import read, read_text
from containers import xlsx

from spectrakit.errors import InputError
from spectrakit.store import Store

CHANNELS = [1100, 1110, 1120, 1130, 1140]


def table(*rows, header="sample", channels=CHANNELS):
    return "\n".join([",".join([header, *map(str, channels)]), *rows]) + "\n"


def said_of(cli, tmp_path, text):
    """Return what convert tells the person of a table."""
    path = tmp_path / "said.csv"
    path.write_text(text)
    result = cli("convert", path, "-o", tmp_path / "said.h5", "--axis-unit", "nm")
    assert result.exit_code == 0
    return result.stderr


ROWS = ("a,0.31,0.33,0.32,0.35,0.34", "b,0.41,0.43,0.42,0.45,0.44")


@pytest.mark.parametrize("name", ["wavelength", "Wavelength [nm]", "nm", "Raman shift", "cm-1"])
def test_samples_named_by_numbers_are_no_channels(tmp_path, name):
    """Samples 1 to 6 in columns were read as spectra of six channels, one for each wavelength."""
    rows = [f"{x},{x / 1e3},2,3,4,5,6" for x in CHANNELS]
    text = table(*rows, header=name, channels=range(1, 7))
    spectra, account = read_text(tmp_path, text, "a.csv")
    assert account.format == "columns-text"
    assert [s.sample for s in spectra] == ["1", "2", "3", "4", "5", "6"]
    assert spectra[0].axis.values.tolist() == CHANNELS


def test_a_series_in_time_is_still_a_table_of_spectra(tmp_path):
    text = table("1,1,2,3,4,5", "2,2,3,4,5,6", header="time [min]")
    spectra, account = read_text(tmp_path, text, "a.csv")
    assert account.format == "tidy-csv"
    assert len(spectra) == 2


def test_a_table_without_header_is_not_read_with_a_spectrum_as_axis(tmp_path):
    """The first spectrum was taken for the positions of the channels, and was gone."""
    with pytest.raises(InputError, match="no known format") as caught:
        read_text(tmp_path, "\n".join(ROWS) + "\n", "a.csv")
    assert "header" in caught.value.hint


def test_channels_out_of_order_are_kept_and_said(tmp_path, cli):
    text = table(*ROWS, channels=[1130, 1140, 1100, 1110, 1120])
    spectra, _ = read_text(tmp_path, text, "a.csv")
    assert spectra[0].axis.values.tolist() == [1130, 1140, 1100, 1110, 1120]
    assert "1140 is followed by 1100" in said_of(cli, tmp_path, text)


@pytest.mark.parametrize(
    "above",
    ["NIR export 2026\n\n", "# instrument: X5\n# date: 2026-11-30\n", "Operator;Meier\n\n"],
)
def test_lines_above_the_header_are_kept_as_facts(tmp_path, above):
    """A title or comments above the header made the table 'no known format'."""
    spectra, account = read_text(tmp_path, above + table(*ROWS), "a.csv")
    assert account.format == "tidy-csv"
    assert [s.sample for s in spectra] == ["a", "b"]
    assert spectra[0].extra


def test_a_row_of_units_below_the_header_is_no_spectrum(tmp_path):
    """It was dropped as a bad spectrum, and turned every reference value into text."""
    text = table("-,%,nm,nm,nm,nm,nm", "a,12.5,1,2,3,4,5", "b,13.5,2,3,4,5,6",
                 header="sample,moisture")  # fmt: skip
    spectra, account = read_text(tmp_path, text, "a.csv")
    assert (account.kept, account.dropped.total()) == (2, 0)
    assert spectra[0].axis.unit == "nm"
    known = spectra[0].sample_info.targets["moisture"]
    assert (known.value, known.unit) == (12.5, "%")


def test_a_row_of_units_may_name_the_unit_of_the_values(tmp_path):
    spectra, account = read_text(tmp_path, table(",Abs,Abs,Abs,Abs,Abs", *ROWS), "a.csv")
    assert account.dropped.total() == 0
    assert {s.value_unit for s in spectra} == {"absorbance"}


def test_a_row_of_units_of_the_reference_values_only(tmp_path):
    text = table(",%,,,,,", "a,12.5,1,2,3,4,5", header="sample,moisture")
    (spectrum,), account = read_text(tmp_path, text, "a.csv")
    assert account.dropped.total() == 0
    assert spectrum.sample_info.targets["moisture"].unit == "%"


@pytest.mark.parametrize("name", ["moisture", "moisture [%]"])
def test_text_among_reference_values_is_said(tmp_path, cli, name):
    """One '<0.5' turned the whole column into text, without a word."""
    rows = [f"s{i},{cell},1,2,3,4,5" for i, cell in enumerate(["12.5", "<0.5", "13.5", "11"])]
    text = table(*rows, header=f"sample,{name}")
    spectra, _ = read_text(tmp_path, text, "a.csv")
    assert spectra[1].sample_info.columns == {name: "<0.5"}
    said = said_of(cli, tmp_path, text)
    assert f"1 of 4 cells of '{name}' are no numbers ('<0.5' in row 2)" in said


def test_a_dropped_row_names_column_and_cell(tmp_path, cli):
    said = said_of(cli, tmp_path, table(ROWS[0], "b,1,2,OVRFLW,4,5"))
    assert "row 2, column '1120' ('OVRFLW'): dropped, a value is no number" in said
    assert "read 2, kept 1, dropped 1" in said


def test_quoted_decimal_commas_between_commas(tmp_path):
    """A comma table with decimal commas in quotes lost every spectrum."""
    text = table('a,"0,31","0,333","0,32","0,35","1"', channels=[f'"{x},5"' for x in CHANNELS])
    (spectrum,), _ = read_text(tmp_path, text, "a.csv")
    assert spectrum.value.tolist() == [0.31, 0.333, 0.32, 0.35, 1]
    assert spectrum.axis.values[0] == 1100.5


def test_quoted_thousands_are_not_taken_for_decimals(tmp_path):
    _, account = read_text(tmp_path, table('a,"1,100","1,200","1,300","1,400","1,500"'), "a.csv")
    assert account.dropped == {"a value is no number": 1}


def test_an_open_quote_that_swallows_rows_is_an_error(tmp_path):
    """Three spectra were gone and counted as one short row."""
    with pytest.raises(InputError, match=r"row 2.*quote"):
        read_text(tmp_path, table(ROWS[0], f'"{ROWS[1]}', *ROWS), "a.csv")


def test_missing_cells_at_the_end_of_a_row_are_missing_values(tmp_path):
    """A table with spectra in columns was refused where the last of them had a gap."""
    text = "nm,a,b\n" + "".join(f"{x},1,{'' if x == 1120 else 2}\n" for x in CHANNELS)
    spectra, _ = read_text(tmp_path, text, "a.csv")
    assert [s.sample for s in spectra] == ["a", "b"]
    assert str(spectra[1].value.tolist()) == "[2.0, 2.0, nan, 2.0, 2.0]"


def test_a_last_row_without_an_end_is_said(tmp_path, cli):
    """A text cut inside its last number was read with a wrong value, without a word."""
    text = "1100 0.31\n1110 0.32\n1120 0.33\n1130 0.34\n"
    assert "last line" not in said_of(cli, tmp_path, text)
    assert "last line has no end ('1130 0.3')" in said_of(cli, tmp_path, text[:-2])
    assert "last line has no end" in said_of(cli, tmp_path, table(*ROWS)[:-2])


def test_a_workbook_may_hold_the_reference_values(tmp_path, cli):
    """A lab.xlsx was answered with 'is no text in UTF-8'."""
    (tmp_path / "a.csv").write_text(table(*ROWS))
    header = ["Sample ID", "moisture [%]", "operator"]
    lab = [header, ["a", 12.5, "Meier"], ["b", 0.25, None]]
    book = xlsx(tmp_path / "lab.xlsx", {"notes": [["read me"], ["soon"]], "lab": lab})
    out = tmp_path / "a.h5"
    result = cli("convert", tmp_path / "a.csv", "-o", out, "--targets", book)
    assert result.exit_code == 0, result.stderr
    with Store(out) as store:
        assert store.targets["value"].ravel().tolist() == [12.5, 0.25]
    assert "column 'operator' is left out: it holds no number ('Meier')" in result.stderr


def test_a_file_in_another_unit_is_left_out_and_the_others_are_finished(tmp_path, cli):
    """One file whose unit contradicts --axis-unit left no output for the good ones."""
    good, other = tmp_path / "good.csv", tmp_path / "other.csv"
    good.write_text(table(*ROWS, "c,1,2,x,4,5"))
    other.write_text(table(*ROWS, channels=[f"{x} nm" for x in CHANNELS]))
    out = tmp_path / "a.h5"
    result = cli("convert", other, good, "-o", out, "--axis-unit", "cm-1")
    assert result.exit_code == 3
    assert f"{other}: spectrum '1' has its axis in 'nm', not in 'cm-1'" in result.stderr
    assert result.stderr.count("row 3, column '1120' ('x'): dropped") == 1
    with Store(out) as store:
        assert [s.axis.unit for s in store] == ["cm-1", "cm-1"]


def test_a_sheet_with_samples_named_by_numbers(tmp_path):
    """In a workbook, too, samples 1 to 4 in columns were read as channels."""
    rows = [[x, 0.1, 0.2, 0.3, 0.4] for x in range(1100, 1200, 10)]
    path = xlsx(tmp_path / "a.xlsx", {"nir": [["wavelength", 1, 2, 3, 4], *rows]})
    spectra, _ = read(path)
    assert [s.sample for s in spectra] == ["1", "2", "3", "4"]
    assert spectra[0].axis.values.tolist() == [row[0] for row in rows]


def test_a_sheet_with_a_title_and_a_row_of_units(tmp_path):
    """Only a header in the first row of a sheet was found."""
    sheet = [["NIR of meal"], ["operator", "Meier"], ["sample", "fat", *CHANNELS]]
    sheet += [[None, "%", *["nm"] * 5], ["a", 12.5, 1, 2, 3, 4, 5], ["b", 3, 2, 3, 4, 5, 6]]
    spectra, account = read(xlsx(tmp_path / "a.xlsx", {"nir": sheet}))
    assert account.dropped.total() == 0
    assert [(s.sample, s.axis.unit, s.native_id) for s in spectra] == [
        ("a", "nm", "nir!5"), ("b", "nm", "nir!6"),
    ]  # fmt: skip
    fat = spectra[0].sample_info.targets["fat"]
    assert (fat.value, fat.unit) == (12.5, "%")


def test_a_first_row_without_values_is_no_row_of_units(tmp_path):
    text = table("wet,,,,,", "dry,1,2,3,4,5", header="note")
    (spectrum,), account = read_text(tmp_path, text, "a.csv")
    assert account.dropped == {"no values": 1}
    assert spectrum.sample_info.columns == {"note": "dry"}
