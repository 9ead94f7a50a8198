"""``convert --targets``: reference values with their error, joined by sample id, or one line."""

import numpy as np
import pytest

from spectrakit.store import Store


@pytest.fixture
def spectra(tmp_path):
    path = tmp_path / "spectra.csv"
    lines = ["sample_id,1100,1102,1104,1106,1108"]
    lines += [f"{name},0.1,0.2,0.3,0.4,0.5" for name in ("a", "b", "c")]
    path.write_text("\n".join(lines) + "\n")
    return path


@pytest.fixture
def join(cli, spectra, tmp_path):
    def run(text):
        table = tmp_path / "lab.csv"
        table.write_text(text)
        out = tmp_path / "o.h5"
        return cli("convert", spectra, "--out", out, "--targets", table), out

    return run


@pytest.mark.parametrize("key", ["sample", "sample_id", "id", "Sample_ID"])
@pytest.mark.parametrize(
    "error", ["moisture_sel", "moisture sd", "Moisture SEL", "moisture_sd [%]"]
)
def test_a_column_gives_the_error_of_the_reference(join, key, error):
    result, out = join(f"{key},moisture [%],{error}\na,10,0.1\nb,11,\nc,,0.3\n")
    assert result.exit_code == 0, result.stderr
    with Store(out) as store:
        assert store.targets["property"].tolist() == ["moisture"]
        assert store.targets["unit"].tolist() == ["%"]
        np.testing.assert_array_equal(store.targets["value"].ravel(), [10, 11, np.nan])
        np.testing.assert_array_equal(store.targets["reference_sd"].ravel(), [0.1, np.nan, np.nan])


def test_an_error_without_its_property_is_a_property(join):
    result, out = join("sample,oil_sd\na,0.1\nb,0.2\nc,0.3\n")
    assert result.exit_code == 0
    with Store(out) as store:
        assert store.targets["property"].tolist() == ["oil_sd"]


def test_a_sample_with_two_values_is_named_with_both(join):
    result, out = join("sample,oil\na,3.5\nb,4\na,3.75\n")
    assert result.exit_code == 3
    assert "lab.csv: line 4: sample 'a' has oil 3.75, and 3.5 in line 2." in result.stderr
    assert not out.exists()


def test_a_sample_listed_twice_with_the_same_value_is_one(join):
    result, _ = join("sample,oil\na,3.5\na,3.5\nb,4\nc,1\n")
    assert result.exit_code == 0


def test_what_does_not_match_is_counted_and_named(join):
    result, _ = join("sample,oil\na,3.5\nz1,4\nz2,5\n")
    assert result.exit_code == 0
    assert "2 samples have no spectra here and are left out: z1, z2" in result.stderr
    assert "2 samples with spectra here have no row in it: b, c" in result.stderr


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("sample,oil\na,3.5\nb,low\n", "line 3, column 'oil': 'low' is no number"),
        ("sample,oil\na,3.5\n,4\n", "line 3 has values and no sample"),
        ("sample,oil,oil_sel\na,3.5,x\n", "line 2, column 'oil_sel': 'x' is no number"),
        ("sample,oil,oil_sel\na,3.5,-1\n", "line 2, column 'oil_sel': '-1' is negative"),
    ],
)
def test_a_cell_that_cannot_be_meant_is_placed(join, text, words):
    result, out = join(text)
    assert result.exit_code == 3
    assert words in result.stderr
    assert not out.exists()


def test_a_table_without_ids_is_refused(join):
    result, _ = join("smple,oil\na,3.5\n")
    assert result.exit_code == 2
    assert "has no column 'sample'. Did you mean 'smple'?" in result.stderr


def test_a_table_may_add_the_error_to_a_value_of_the_file(cli, tmp_path):
    """The file has the value, the laboratory's table the same value and its error."""
    path = tmp_path / "s.csv"
    path.write_text("sample,oil,1,2,3,4,5\na,3.5,1,1,2,1,1\n")
    (tmp_path / "lab.csv").write_text("sample,oil,oil_sel\na,3.5,0.2\n")
    out = tmp_path / "o.h5"
    result = cli("convert", path, "--out", out, "--targets", tmp_path / "lab.csv")
    assert result.exit_code == 0, result.stderr
    with Store(out) as store:
        assert store.targets["reference_sd"].ravel().tolist() == [0.2]


@pytest.fixture
def values(spectra, tmp_path, cli):
    def run(data):
        table = tmp_path / "lab.csv"
        table.write_bytes(data)
        out = tmp_path / "o.h5"
        result = cli("convert", spectra, "--out", out, "--targets", table)
        assert result.exit_code == 0, result.stderr
        with Store(out) as store:
            targets = store.targets
            found = targets["value"].ravel().tolist() if targets["property"].size else []
            return dict(zip(store.names("samples"), found, strict=True))

    return run


@pytest.mark.parametrize(
    "data",
    [
        b"sample;moisture [%]\r\na;1,5\r\nb;0,25\r\nc;1,234\r\n",
        "sample\tmoisture [%]\na\t1,5\nb\t0,25\nc\t1.234\n".encode("utf-16"),
        b'sample,moisture [%]\na,"1,5"\nb,"0,25"\nc,1.234\n',
        b"\xef\xbb\xbfsep=;\nsample;moisture [%];;\na;1.5;;\nb;0.25;;\n;;;\nc;1.234;;\n",
        "sample,moisture [%],Körnung\na,1.5,süß\nb,0.25,fein\nc,1.234,fein\n".encode("latin-1"),
        b"Sample ID,moisture [%]\na,1.5\nb,0.25\nc,1.234\n",
        b"Sample No.,moisture [%],date\na,1.5,2026-11-30\nb,0.25,\nc,1.234,2026-12-01\n",
    ],
)
def test_tables_as_spreadsheets_write_them(values, data):
    """Decimal commas, UTF-16, Latin-1, 'Sample ID', empty and text columns were all refused."""
    assert values(data) == {"a": 1.5, "b": 0.25, "c": 1.234}


def test_thousands_are_not_taken_for_decimals(join):
    result, _ = join('sample,moisture [%]\na,"1,234"\nb,2\n')
    assert result.exit_code == 3
    assert "line 2, column 'moisture [%]': '1,234' is no number" in result.stderr


def test_one_property_in_two_units_is_refused(join):
    """It was called a contradiction between the two lines 2 and 2."""
    result, _ = join("sample,moisture [%],moisture [g/kg]\na,0.5,1\n")
    assert result.exit_code == 3
    assert "'moisture [%]' and 'moisture [g/kg]' are both 'moisture'" in result.stderr


def test_a_file_that_is_no_table_is_refused(cli, spectra, tmp_path):
    table = tmp_path / "lab.csv"
    table.write_bytes(bytes(range(256)))
    result = cli("convert", spectra, "--out", tmp_path / "o.h5", "--targets", table)
    assert result.exit_code == 3
    assert "lab.csv: is no text." in result.stderr


def test_a_row_without_values_is_no_missing_row(join):
    result, out = join("sample,oil\na,3.5\nb,NA\nc,4\n")
    assert result.exit_code == 0, result.stderr
    assert "1 samples with spectra here have a row without values: b" in result.stderr
    assert "have no row in it" not in result.stderr
    with Store(out) as store:
        np.testing.assert_array_equal(store.targets["value"].ravel(), [3.5, np.nan, 4])


def test_a_column_without_a_name_is_said(join):
    result, _ = join("sample,oil,,\na,3.5,1,\nb,4,2,\nc,4,,\n")
    assert result.exit_code == 0, result.stderr
    assert "lab.csv: column 3 is left out: it has no name" in result.stderr
    assert "column 4" not in result.stderr


def test_lines_of_a_sample_sheet_that_name_no_input_are_said(cli, spectra, tmp_path):
    sheet = tmp_path / "s.csv"
    sheet.write_text("file,sample\nspectra.csv,S1\nspectre.csv,S2\n")
    result = cli("convert", spectra, "-o", tmp_path / "o.h5", "--samples", sheet)
    assert result.exit_code == 0, result.stderr
    assert "s.csv: 1 files that it names are no inputs: spectre.csv" in result.stderr
    sheet.write_text("file,sample\nspectra,S1\n")  # by its stem
    result = cli("convert", spectra, "-o", tmp_path / "o2.h5", "--samples", sheet)
    assert "are no inputs" not in result.stderr
