"""``spectrakit identify`` on traces, through the command line, with authored libraries."""

import csv
import json
from dataclasses import replace

import numpy as np
import pytest

from spectrakit.spectrum import Modality, Molecule

from .trace_spectra import BANDS, UNSEEN, absorbance, even, library_traces, trace, write

RECORD = """NAME: Caffeine
ACCESSION: X1
SMILES: CN1C=NC2=C1C(=O)N(C(=O)N2C)C
PRECURSORMZ: 195.0877
PRECURSORTYPE: [M+H]+
IONMODE: POSITIVE
Num Peaks: 2
110.0713 350
138.0662 999

"""
QUERY = "BEGIN IONS\nTITLE=mass\nPEPMASS=195.0877\nCHARGE=1+\n138.0662 9\n110.0713 3\nEND IONS\n"


def table(text: str) -> list[dict[str, str]]:
    return list(csv.DictReader(text.splitlines(), delimiter="\t", quoting=csv.QUOTE_NONE))


def noisy(bands, axis, seed=7, noise=0.004):
    rng = np.random.default_rng(seed)
    return 0.7 * absorbance(bands, axis) + 0.1 + rng.normal(0, noise, len(axis))


@pytest.fixture
def polymers(tmp_path, cli):
    """An installed library of five materials, two spectra each."""
    path = write(tmp_path / "polymers_source.h5", library_traces())
    added = cli("library", "add", "polymers", path, "--licence", "CC0")
    assert added.exit_code == 0, added.stderr
    assert "read 10, kept 10, dropped 0" in added.stderr
    return path


def test_each_material_is_named_first(cli, tmp_path, polymers):
    axis = even()
    queries = [trace(noisy(b, axis), axis, native_id=f"q {n}") for n, b in BANDS.items()]
    result = cli("identify", write(tmp_path / "q.h5", queries), "--library", "polymers")
    assert result.exit_code == 0, result.stderr
    first = [row for row in table(result.stdout) if row["rank"] in ("0", "1")]
    assert [row["spectrum"] for row in first] == [f"q {name}" for name in BANDS]
    assert [row["name"] for row in first] == list(BANDS)
    for row in first:
        assert row["method"] == "combined"
        assert 0.87 <= float(row["score"]) <= 1
        assert row["source"] == "polymers"
        assert row["source_id"].startswith(row["name"])
        for empty in ("matched_peaks", "mz_error_ppm", "level", "probability", "q_value", "scan"):
            assert row[empty] == ""


@pytest.mark.parametrize("word", ["polymers.csv", "poly*.csv"])
def test_a_table_of_spectra_is_a_library_too(cli, tmp_path, word):
    """A CSV was always a structure list: 'no column smiles' for what convert had written."""
    axis = even()
    known = [trace(absorbance(b, axis), axis, native_id=n, name=n) for n, b in BANDS.items()]
    store = write(tmp_path / "known.h5", known)
    assert cli("convert", store, "-o", tmp_path / "polymers.csv").exit_code == 0
    added = cli("library", "add", "table", tmp_path / word)
    assert added.exit_code == 0, added.stderr
    assert f"read {len(BANDS)}, kept {len(BANDS)}, dropped 0" in added.stderr


def test_installed_libraries_are_searched_unasked_and_what_is_in_none_is_unknown(
    cli, tmp_path, polymers
):
    axis = even()
    query = write(tmp_path / "q.h5", [trace(noisy(UNSEEN, axis), axis, native_id="a")])
    (row,) = table(cli("identify", query).stdout)
    assert (row["rank"], row["name"], row["score"]) == ("0", "", "")
    assert row["note"].startswith("unknown: nothing reaches 0.87; nearest is ")
    (row, *_) = table(cli("identify", query, "--min-score", "0.001").stdout)
    assert row["rank"] == "1"  # --min-score takes the place of the limit


@pytest.mark.parametrize("method", ["correlation", "derivative", "combined"])
def test_the_method_is_said_and_is_the_one_asked_for(cli, tmp_path, polymers, method):
    axis = even()
    query = write(tmp_path / "q.h5", [trace(noisy(BANDS["nitrile"], axis), axis)])
    row = table(cli("identify", query, "--method", method).stdout)[0]
    assert (row["name"], row["method"]) == ("nitrile", method)


def test_transmittance_other_units_and_directions_give_the_same_name_and_say_so(
    cli, tmp_path, polymers
):
    axis = even()
    plain = noisy(BANDS["polyester"], axis)
    forms = [
        trace(plain, axis, native_id="absorbance"),
        trace(plain[::-1], axis[::-1], native_id="turned"),
        trace(plain, 1e4 / axis, "um", native_id="um"),
        trace(plain, 1e7 / axis, "nm", native_id="nm"),
        trace(10**-plain, axis, value_unit="transmittance", native_id="T"),
        trace(100 * 10**-plain, axis, value_unit="percent transmittance", native_id="%T"),
        trace(100 * 10**-plain, axis, value_unit="percent reflectance", native_id="%R"),
    ]
    rows = table(cli("identify", write(tmp_path / "q.h5", forms), "--top", "1").stdout)
    assert {row["name"] for row in rows} == {"polyester"}
    scores = [float(row["score"]) for row in rows]
    assert max(scores) - min(scores) < 1e-3
    said = {row["spectrum"]: row["note"] for row in rows}
    assert said["absorbance"] == said["turned"] == said["um"] == ""
    assert "transmittance compared as absorbance" in said["%T"]
    assert "reflectance compared as absorbance" in said["%R"]


def test_a_part_of_the_range_is_enough_and_is_said(cli, tmp_path, polymers):
    axis = even(3998.0, 150.0)  # the library ends at 450 and 600 cm-1
    query = trace(noisy([*BANDS["polyamide"], (300, 0.5, 30)], axis), axis)
    row = table(cli("identify", write(tmp_path / "q.h5", [query]), "--min-score", "0.5").stdout)[0]
    assert row["name"] == "polyamide"
    assert "of the query compared" in row["note"]


def test_what_cannot_be_compared_is_dropped_with_its_reason(cli, tmp_path, polymers):
    axis = even()
    good = noisy(BANDS["nitrile"], axis)
    broken = good.copy()
    broken[: len(axis) * 2 // 3] = np.nan
    holes = good.copy()
    holes[100:110] = np.nan
    bad = [
        trace(np.full(len(axis), 0.3), axis, native_id="constant"),
        trace(np.minimum(good, 0.2), axis, native_id="saturated"),
        trace(broken, axis, native_id="NaN"),
        trace(good, axis, "pixel", native_id="pixel"),
        trace(good, axis, "", native_id="no unit"),
        trace(good[:6], axis[:6], native_id="short"),
        trace(good[::-1], even(460.0, 250.0, 210 / 1774), native_id="elsewhere"),
        trace(good, axis, modality=Modality.RAMAN, value_unit="counts", native_id="Raman"),
        trace(good, np.linspace(0, 10, len(axis)), "ppm", Modality.NMR_1H, native_id="NMR"),
    ]
    query = write(tmp_path / "q.h5", [*bad, trace(holes, axis, native_id="holes")])
    summary = tmp_path / "summary.json"
    result = cli("identify", query, "--summary", summary)
    assert result.exit_code == 0, result.stderr
    assert {row["spectrum"] for row in table(result.stdout)} == {"holes"}
    (account,) = json.loads(summary.read_text())["inputs"]
    assert account["dropped"] == {
        "constant trace": 1,
        "saturated trace": 1,
        "more than half of the values are missing or not numbers": 1,
        "axis in pixel": 1,
        "axis in an unstated unit": 1,
        "too short or outside the range of its kind": 1,
        "no library spectrum shares half of its ir range": 1,
        "no library holds raman spectra": 1,
        "nmr-1h traces are not searched": 1,
    }
    assert account["read"] == 10 == account["kept"] + 9


def test_nothing_comparable_at_all_is_exit_4(cli, tmp_path, polymers):
    query = write(tmp_path / "q.h5", [trace(np.full(500, 1.0), np.arange(500.0) + 900)])
    result = cli("identify", query, "--library", "polymers")
    assert result.exit_code == 4
    assert "constant trace" in result.stderr


def test_mass_spectra_and_traces_in_one_command(cli, tmp_path, polymers):
    """A library of both kinds answers both; each input has its own account."""
    mgf, msp = tmp_path / "q.mgf", tmp_path / "mass.msp"
    mgf.write_text(QUERY)
    msp.write_text(RECORD)
    assert cli("library", "add", "both", msp, polymers).exit_code == 0
    info = json.loads(cli("library", "info", "both").stdout)
    assert (info["kind"], info["spectra"], info["compounds"]) == ("spectra and traces", 11, 6)
    assert info["traces"] == {"spectra": 10, "compounds": 5, "families": {"ir": 10}}
    assert json.loads(cli("library", "check", "both").stdout)["whole"] is True
    assert cli("library", "remove", "polymers").exit_code == 0
    axis = even()
    store = write(tmp_path / "q.h5", [trace(noisy(BANDS["nitrile"], axis), axis, native_id="ir")])
    summary = tmp_path / "summary.json"
    result = cli("identify", mgf, store, "--structures", "none", "--summary", summary)
    assert result.exit_code == 0, result.stderr
    first = {row["spectrum"]: row for row in table(result.stdout) if row["rank"] == "1"}
    assert first["mass"]["name"] == "Caffeine"
    assert first["mass"]["source"] == "both"
    assert first["ir"]["name"] == "nitrile"
    told = json.loads(summary.read_text())
    assert told["totals"] == {"read": 2, "kept": 2, "dropped": 0}
    assert [one["kind"] for one in told["library"]] == ["spectra", "traces"]


def test_mass_libraries_ignore_traces_and_the_reverse(cli, tmp_path, polymers):
    mgf, msp = tmp_path / "q.mgf", tmp_path / "mass.msp"
    mgf.write_text(QUERY)
    msp.write_text(RECORD)
    without = cli("identify", mgf, "--library", msp, "--structures", "none").stdout
    assert cli("library", "add", "mass", msp).exit_code == 0
    assert cli("library", "info", "mass").stdout.find('"traces"') == -1
    same = cli("identify", mgf, "--structures", "none").stdout
    assert same.replace("\tmass\tX1", "") == without.replace("\tmass\tX1", "")
    result = cli("identify", polymers, "--library", "mass", "--structures", "none")
    assert result.exit_code == 4
    assert "10 not a mass spectrum" in result.stderr
    result = cli("identify", mgf, "--library", "polymers", "--structures", "none")
    assert result.exit_code == 4
    assert "1 no library holds mass spectra" in result.stderr


def test_a_library_by_name_by_store_and_in_any_company_answers_alike(cli, tmp_path, polymers):
    axis = even()
    queries = [trace(noisy(b, axis, seed=k), axis) for k, b in enumerate(BANDS.values())]
    many = write(tmp_path / "many.h5", queries)
    named = table(cli("identify", many, "--library", "polymers", "--min-score", "0.01").stdout)
    by_path = table(cli("identify", many, "--library", polymers, "--min-score", "0.01").stdout)
    for row, other in zip(named, by_path, strict=True):
        other["source"] = "polymers"
        assert row == other
    for k, query in enumerate(queries):
        one = write(tmp_path / f"{k}.h5", [query])
        alone = table(cli("identify", one, "--library", "polymers", "--min-score", "0.01").stdout)
        ours = [row for row in named if row["spectrum"] == str(k)]
        for row, other in zip(ours, alone, strict=True):
            assert {**row, "file": "", "spectrum": ""} == {**other, "file": "", "spectrum": ""}


def test_a_runner_up_as_near_is_called_ambiguous(cli, tmp_path):
    axis = even()
    twins = [
        trace(absorbance(BANDS["nitrile"], axis), axis, molecule=Molecule(name=name))
        for name in ("first", "second")
    ]
    assert cli("library", "add", "twins", write(tmp_path / "l.h5", twins)).exit_code == 0
    query = write(tmp_path / "q.h5", [trace(noisy(BANDS["nitrile"], axis), axis)])
    rows = table(cli("identify", query).stdout)
    assert [row["name"] for row in rows] == ["first", "second"]
    assert rows[0]["note"].startswith("ambiguous: second is within 0.02")


def test_carbon_dioxide_can_be_left_out(cli, tmp_path, polymers):
    axis = even()
    gas = [(2350, 3.0, 20), (2330, 3.0, 15)]
    query = trace(noisy([*BANDS["polyethylene"], *gas], axis), axis)
    path = write(tmp_path / "q.h5", [query])
    (row,) = table(cli("identify", path).stdout)
    assert row["rank"] == "0"
    row = table(cli("identify", path, "--exclude", "2150-2500").stdout)[0]
    assert (row["rank"], row["name"]) == ("1", "polyethylene")


@pytest.mark.parametrize("text", ["2400-2280", "CO2", "1-2km", "-5-10", "1.2.3-9"])
def test_a_range_that_is_none_is_refused(cli, tmp_path, polymers, text):
    result = cli("identify", polymers, f"--exclude={text}")
    assert result.exit_code == 2
    assert text in result.stderr


def test_what_a_query_claims_to_be_changes_nothing(cli, tmp_path, polymers):
    axis = even()
    plain = trace(noisy(BANDS["polyester"], axis), axis, native_id="q")
    liar = replace(plain, name="nitrile", molecule=Molecule(name="nitrile", smiles="CC#N"))
    path = tmp_path / "q.h5"
    answers = []
    for one in (plain, liar):
        write(path, [one])
        answers.append(cli("identify", path).stdout)
    assert answers[0] == answers[1]


def test_a_damaged_index_is_noticed(cli, polymers, home):
    path = home / "libraries" / "polymers.h5"
    data = bytearray(path.read_bytes())
    at = data.find(b'"version": 1')
    data[at : at + 12] = b'"version": 9'
    path.write_bytes(data)
    assert cli("library", "check", "polymers").exit_code == 3
    result = cli("identify", polymers, "--library", "polymers")
    assert result.exit_code == 3
    assert "version 9" in result.stderr


def test_a_library_lists_and_is_removed(cli, polymers):
    listed = {row["name"]: row for row in table(cli("library", "list").stdout)}
    assert listed["polymers"]["kind"] == "traces"
    assert (listed["polymers"]["spectra"], listed["polymers"]["compounds"]) == ("10", "5")
    assert listed["polymers"]["licence"] == "CC0"
    assert cli("library", "remove", "polymers").exit_code == 0
    assert "polymers" not in cli("library", "list").stdout


def test_embedding_a_library_of_traces_is_refused(cli, polymers):
    result = cli("library", "embed", "polymers")
    assert result.exit_code == 2
    assert "traces" in result.stderr
