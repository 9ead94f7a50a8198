"""Tables with one spectrum in each row. All of them are made here."""

import gzip

import numpy as np
import pytest
from builders import read, read_text

from spectrakit.errors import InputError
from spectrakit.spectrum import ReferenceValue
from spectrakit.store import Store

HEAD = (
    "sample_id,instrument_id,replicate,split,moisture [%],moisture_sd,note,1100,1102,1104,1106,1108"
)
TABLE = f"""{HEAD}
a,m5,1,train,10.5,0.1,wet,1,2,3,4,5
a,m5,2,train,10.5,0.1,wet,2,3,4,5,6
b,mp6,1,test,,,NA,3,4,5,6,7
"""


def test_columns_become_what_they_say(tmp_path):
    spectra, account = read_text(tmp_path, TABLE, "corn.csv")
    assert account.format == "tidy-csv"
    assert [s.value.tolist() for s in spectra] == [
        [1, 2, 3, 4, 5],
        [2, 3, 4, 5, 6],
        [3, 4, 5, 6, 7],
    ]
    assert spectra[0].axis.values.tolist() == [1100, 1102, 1104, 1106, 1108]
    assert [(s.sample, s.instrument, s.replicate) for s in spectra] == [
        ("a", "m5", 1), ("a", "m5", 2), ("b", "mp6", 1),
    ]  # fmt: skip
    assert [s.sample_info.split for s in spectra] == ["train", "train", "test"]
    assert spectra[0].sample_info.targets == {"moisture": ReferenceValue(10.5, "%", 0.1)}
    assert spectra[2].sample_info.targets == {}
    assert spectra[0].sample_info.columns == {"note": "wet"}
    assert all(s.is_trace for s in spectra)


@pytest.mark.parametrize(
    ("name", "unit"),
    [("{}", ""), ("{} nm", "nm"), ("{}nm", "nm"), ("X{}", ""), ("wn_{}", "cm-1"), ("nm{}", "nm"),
     ("{} (cm-1)", "cm-1"), ("{} [µm]", "um"), ("V{}", "index"), ("spc.{}", ""),
     ("Abs@{}nm", "nm"), ("spec_{}", ""), ("intensity {}", "")],
)  # fmt: skip
def test_spellings_of_channels(tmp_path, name, unit):
    channels = [1100.5, 1102.25, 1104, 1106, 1110]
    header = ",".join(["sample", *(name.format(x) for x in channels)])
    (spectrum,), _ = read_text(tmp_path, f"{header}\na,1,2,3,4,5\n", "a.csv")
    assert spectrum.axis.values.tolist() == channels
    assert spectrum.axis.unit == unit


@pytest.mark.parametrize("delimiter", [",", ";", "\t", "|"])
@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "latin-1", "utf-16"])
def test_delimiters_and_encodings(tmp_path, delimiter, encoding):
    text = "sample,1,2,3,4,5\nKäse,0,1,2,3,4\n".replace(",", delimiter)
    path = tmp_path / "a.csv"
    path.write_bytes(text.encode(encoding))
    (spectrum,), _ = read(path)
    assert spectrum.sample == "Käse"
    assert spectrum.value.tolist() == [0, 1, 2, 3, 4]


def test_decimal_commas_and_gzip(tmp_path):
    text = "sample;fat;1100,5;1101,0;1101,5;1102,0;1102,5\na;3,25;0,1;0,2;0,3;1e-3;-0,5\n"
    path = tmp_path / "a.csv.gz"
    path.write_bytes(gzip.compress(text.encode()))
    (spectrum,), _ = read(path)
    assert spectrum.axis.values.tolist() == [1100.5, 1101, 1101.5, 1102, 1102.5]
    assert spectrum.value.tolist() == [0.1, 0.2, 0.3, 0.001, -0.5]
    assert spectrum.sample_info.targets["fat"].value == 3.25


def test_flags_folds_and_ids_are_no_properties(tmp_path):
    text = "id,medium,fold,plate_id,code,sugar,1,2,3,4,5\n" + "".join(
        f"{s},{i % 2},{i % 3},{i},00{i},{i + 0.5},1,2,3,4,5\n" for i, s in enumerate("abcdef")
    )
    spectra, _ = read_text(tmp_path, text, "a.csv")
    assert set(spectra[0].sample_info.targets) == {"sugar"}
    assert spectra[1].sample_info.columns == {
        "medium": 1.0, "fold": 1.0, "plate_id": 1.0, "code": "001",
    }  # fmt: skip


def test_what_differs_within_a_sample_stays_with_the_spectrum(tmp_path, cli):
    text = "sample,split,temperature,fat,1,2,3,4,5\n"
    text += "a,train,20.5,3.1,1,2,3,4,5\na,test,21.5,3.1,1,2,3,4,5\nb,train,22.5,4.1,1,2,3,4,5\n"
    path = tmp_path / "a.csv"
    path.write_text(text)
    spectra, _ = read(path)
    assert [s.extra for s in spectra] == [
        {"temperature": 20.5, "split": "train"}, {"temperature": 21.5, "split": "test"}, {},
    ]  # fmt: skip
    assert [s.sample_info.split for s in spectra] == ["", "", "train"]
    assert spectra[0].sample_info.targets["fat"].value == 3.1
    result = cli("convert", path, "-o", tmp_path / "a.h5", "--axis-unit", "nm")
    assert result.exit_code == 0
    assert "'split' differs between spectra of 1 samples" in result.stderr


def test_rows_without_a_sample_are_samples_of_their_own(tmp_path):
    spectra, _ = read_text(tmp_path, "fat,1,2,3,4,5\n3.5,1,2,3,4,5\n4.5,1,2,3,4,5\n", "set1.csv")
    assert [s.sample for s in spectra] == ["set1#1", "set1#2"]
    assert [s.sample_info.targets["fat"].value for s in spectra] == [3.5, 4.5]


def test_bad_rows_are_counted_and_the_others_kept(tmp_path):
    text = f"{TABLE}c,m5,1,train,1,,x,1,2,3\nd,m5,1,train,1,,x,1,2,saturated,4,5\n"
    text += "e,m5,1,train,1,,x,1,2,inf,4,5\nf,m5,1,train,1,,x,,,,,\ng,m5,1,train,1,,x,1,NA,3,4,5\n"
    spectra, account = read_text(tmp_path, text, "a.csv")
    assert account.dropped == {
        "a row with fewer cells than the header": 1,
        "a value is no number": 1,
        "an infinite value": 1,
        "no values": 1,
    }
    assert len(spectra) == 4
    np.testing.assert_array_equal(spectra[3].value, [1, np.nan, 3, 4, 5])


def test_a_table_that_is_cut_off_is_an_error(tmp_path):
    with pytest.raises(InputError, match="cut off in row 3"):
        read_text(tmp_path, TABLE[:-6], "a.csv")


def test_tables_of_other_things_are_no_spectra(tmp_path):
    for text in (
        "sample,moisture,protein\na,1,2\nb,2,3\n",
        "file,sample,order\na.raw,x,1\nb.raw,y,2\n",
        "sample,PC1,PC2,PC3,PC4,PC5\na,1,2,3,4,5\n",
    ):
        with pytest.raises(InputError, match="no known format"):
            read_text(tmp_path, text, "a.csv")


def test_unit_and_modality_are_stated_by_the_user(tmp_path, cli):
    path, out = tmp_path / "corn.csv", tmp_path / "corn.h5"
    path.write_text(TABLE)
    result = cli("convert", path, "-o", out)
    assert result.exit_code == 0
    assert result.stderr.count("does not state the unit of its axis (1100 to 1108)") == 1
    result = cli("convert", path, "-o", out, "--axis-unit", "nanometers")
    assert "does not state" not in result.stderr
    with Store(out) as store:
        assert {(s.axis.unit, str(s.modality)) for s in store} == {("nm", "nir")}
    assert cli("convert", path, "-o", out, "--axis-unit", "nm", "--modality", "ir").exit_code == 0
    with Store(out) as store:
        assert {str(s.modality) for s in store} == {"ir"}


def test_a_unit_that_contradicts_the_file_is_an_error(tmp_path, cli):
    path = tmp_path / "corn.csv"
    path.write_text(TABLE.replace("1100,", "1100 nm,").replace("1102,", "1102 nm,"))
    for x in (1104, 1106, 1108):
        path.write_text(path.read_text().replace(f"{x}", f"{x} nm", 1))
    result = cli("convert", path, "-o", tmp_path / "a.h5", "--axis-unit", "cm-1")
    assert result.exit_code == 3
    assert f"{path}: spectrum '1' has its axis in 'nm', not in 'cm-1'" in result.stderr


@pytest.mark.parametrize("option", [("--axis-unit", "furlong"), ("--modality", "nirr")])
def test_unknown_units_and_modalities_are_usage_errors(tmp_path, cli, option):
    path = tmp_path / "corn.csv"
    path.write_text(TABLE)
    result = cli("convert", path, "-o", tmp_path / "a.h5", *option)
    assert result.exit_code == 2
    assert option[1] in result.stderr
