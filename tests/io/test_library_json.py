"""MoNA and GNPS JSON, authored here from facts of the formats; hostile JSON costs a clear line."""

import io
import json
from math import isnan

import pytest
from builders import read_text

from spectrakit.accounting import InputAccount
from spectrakit.errors import InputError
from spectrakit.io import json_items
from spectrakit.io.library_json import read_gnps

MONA = {
    "compound": [
        {
            "kind": "biological",
            "names": [{"name": "Caffeine"}, {"name": "Theine"}],
            "inchi": "InChI=1S/CH4/h1H4",
            "inchiKey": "RYYVLZVUVIJVGH-UHFFFAOYSA-N",
            "metaData": [
                {"name": "molecular formula", "value": "C8H10N4O2"},
                {"name": "SMILES", "value": "CN1C=NC2=C1C(=O)N(C)C(=O)N2C"},
                {"name": "total exact mass", "value": 194.0804},
            ],
        }
    ],
    "id": "XX000001",
    "metaData": [
        {"name": "ms level", "value": "MS2"},
        {"name": "ionization mode", "value": "negative"},
        {"name": "precursor m/z", "value": 193.0731},
        {"name": "precursor type", "value": "[M-H]-"},
        {"name": "collision energy", "value": "20", "unit": "eV"},
        {"name": "retention time", "value": "2.5", "unit": "min"},
        {"name": "license", "value": "CC0"},
        {"name": "odd", "value": [1, 2]},
    ],
    "annotations": [
        {"name": "C3H3+", "value": "100.1000"},
        {"name": "nowhere", "value": "400.0"},
    ],
    "spectrum": "100.1:2.5 200.2:100",
    "splash": {"splash": "splash10-x"},
    "tags": [{"text": "LC-MS"}],
}
GNPS = {
    "spectrum_id": "CCMSLIB0001",
    "Compound_Name": "Testine",
    "Adduct": "M+H",
    "Precursor_MZ": "300.5",
    "ExactMass": "0.0",
    "Charge": "1",
    "Smiles": "CCO",
    "INCHI": "N/A",
    "Ion_Mode": "Positive",
    "ms_level": "2",
    "InChIKey_smiles": "LFQSCWFLJHTTHZ-UHFFFAOYSA-N",
    "Formula_smiles": "C2H6O",
    "peaks_json": "[[200.5,2],[100.25,1]]",
    "annotation_history": [{"user": "x"}],
}


def test_mona_is_read_with_everything_it_says(tmp_path):
    (s, again), account = read_text(tmp_path, json.dumps([MONA, MONA]))
    assert (account.format, account.dropped.total()) == ("mona-json", 0)
    assert (s.native_id, s.name, s.ms_level, s.polarity) == ("XX000001", "Caffeine", 2, -1)
    assert (s.precursor_mz, s.adduct, s.rt_seconds) == (193.0731, "[M-H]-", 150.0)
    assert (s.collision_energy_value, s.collision_energy_unit) == (20.0, "eV")
    assert s.molecule.inchikey == "RYYVLZVUVIJVGH-UHFFFAOYSA-N"
    assert (s.molecule.formula, s.molecule.exact_mass) == ("C8H10N4O2", 194.0804)
    assert (s.mz.tolist(), s.intensity.tolist()) == ([100.1, 200.2], [2.5, 100.0])
    assert s.columns["annotation"].tolist() == ["C3H3+", ""]
    assert s.extra["compound"] == MONA["compound"]
    assert s.extra["metaData"] == [{"name": "odd", "value": [1, 2]}]
    assert s.extra["annotations"] == [MONA["annotations"][1]]
    assert (s.extra["license"], s.extra["splash"]) == ("CC0", "splash10-x")
    assert s.extra["tags"] == [{"text": "LC-MS"}]
    assert again.native_id == s.native_id


@pytest.mark.parametrize("form", ["text", "list", "single", "site"])
def test_gnps_is_read_in_its_forms(tmp_path, form):
    peaks = json.loads(GNPS["peaks_json"]) if form == "list" else GNPS["peaks_json"]
    item = {**GNPS, "peaks_json": peaks}
    whole = item if form == "single" else [item]
    if form == "site":
        names = ("spectrum_id", "ms_level", "peaks_json")
        inner = {key: item[key] for key in names}
        flat = {key: value for key, value in item.items() if key not in names}
        whole = {"annotations": [flat], "spectruminfo": inner}
    (s,), account = read_text(tmp_path, json.dumps(whole))
    assert (account.format, s.native_id, s.molecule.name) == ("gnps-json", "CCMSLIB0001", "Testine")
    assert (s.precursor_mz, s.adduct, s.charge, s.polarity, s.ms_level) == (300.5, "M+H", 1, 1, 2)
    assert (s.molecule.smiles, s.molecule.formula) == ("CCO", "C2H6O")
    assert s.molecule.inchikey == "LFQSCWFLJHTTHZ-UHFFFAOYSA-N"
    assert isnan(s.molecule.exact_mass)  # 0.0 says that it is not known
    assert (s.mz.tolist(), s.intensity.tolist()) == ([100.25, 200.5], [1.0, 2.0])
    assert s.extra["annotation_history"] == [{"user": "x"}]
    assert (s.extra["ExactMass"], s.extra["INCHI"]) == ("0.0", "N/A")


def test_bad_entries_are_dropped_with_their_reason(tmp_path):
    peaks = ["[[1,", "[[1,2,3]]", '[["a",2]]', "[[NaN,2]]", "[[-1,2]]", '{"a":1}', "[" * 5000]
    bad = [{**GNPS, "peaks_json": text} for text in peaks]
    bad += [{**GNPS, "peaks_json": None}, 7, None, "text"]
    spectra, account = read_text(tmp_path, json.dumps([GNPS, *bad, GNPS]))
    assert len(spectra) == 2
    assert dict(account.dropped) == {
        "malformed peak list": 4,
        "not-a-number in the peaks": 1,
        "negative m/z": 1,
        "no peak list": 2,
        "no object of a spectrum": 3,
    }
    bad = [{**MONA, "spectrum": text} for text in ("1:2 x", "1:nan", "-1:2", 7)]
    spectra, account = read_text(tmp_path, json.dumps([MONA, *bad, {**MONA, "spectrum": ""}]))
    assert ([len(s) for s in spectra], account.dropped.total()) == ([2, 0], 4)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ('[{"peaks_json": "[]"}, {"a": 1', "line 1"),
        ('[{"peaks_json": "[]"},\n{"a": }]', "line 2: no JSON"),
        ('{"peaks_json":' + "[" * 100_000, "nested too deeply"),
        ('{"peaks_json": ' + "9" * 5000 + "}", "no JSON"),
        ('[{"peaks_json": "[]"}', "breaks off"),
    ],
)
def test_json_that_is_none_is_one_clear_error(tmp_path, text, said):
    with pytest.raises(InputError, match=said) as caught:
        read_text(tmp_path, text)
    assert "\n" not in str(caught.value)
    assert caught.value.hint


def test_other_json_is_not_taken_for_spectra(tmp_path, cli):
    with pytest.raises(InputError, match="JSON of no known library"):
        read_text(tmp_path, '{"metrics": [1, 2]}')
    folder = tmp_path / "runs"
    folder.mkdir()
    (folder / "plan.json").write_text('{"metrics": [1, 2]}')
    (folder / "library.json").write_text(json.dumps([GNPS]))
    assert cli("convert", folder, "-o", tmp_path / "all.mgf").exit_code == 0
    assert (tmp_path / "all.mgf").read_text().count("BEGIN IONS") == 1


def test_a_long_list_streams_by_and_one_endless_object_is_refused(tmp_path, monkeypatch):
    """Memory holds one object and a window on the file, never the list."""
    monkeypatch.setattr(json_items, "_CHUNK", 64)
    many = json.dumps([GNPS] * 200, indent=1).encode()
    account = InputAccount("x")
    stream = io.BytesIO(many)
    spectra = read_gnps(tmp_path / "x", stream, account)
    next(spectra)
    assert stream.tell() < len(many) / 10
    assert sum(1 for _ in spectra) == 199
    monkeypatch.setattr(json_items, "_LONGEST", 1000)
    endless = io.BytesIO(b'[{"peaks_json": "' + b"1" * 5000 + b'"}]')
    with pytest.raises(InputError, match="one object is longer"):
        list(read_gnps(tmp_path / "x", endless, account))
