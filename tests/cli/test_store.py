"""``spectrakit store`` as a user meets it."""

import json

import numpy as np
import pytest

from spectrakit.spectrum import Axis, Modality, Molecule, Spectrum
from spectrakit.store import Store, StoreWriter


def msms(name, mz=(100.0, 200.5), intensity=(0.1, 999.0), **fields):
    values = np.asarray(intensity, np.float32)
    axis = Axis(np.asarray(mz, float), "m/z")
    return Spectrum(Modality.MSMS, axis, values, native_id=name, ms_level=2, **fields)


def nir(sample):
    axis = Axis(np.array([1100.0, 1102.0]), "nm")
    return Spectrum(
        Modality.NIR, axis, np.array([0.25, 0.5]), "absorbance", is_trace=True, sample=sample
    )


@pytest.fixture
def store(tmp_path):
    path = tmp_path / "a.h5"
    caffeine = Molecule("caffeine", "RYYVLZVUVIJVGH-UHFFFAOYSA-N", formula="C8H10N4O2")
    with StoreWriter(path) as writer:
        writer.add(
            msms("scan=1", precursor_mz=195.0877, polarity=1, charge=1, rt_seconds=61.5,
                 adduct="[M+H]+", molecule=caffeine, collision_energy="35\tNCE",
                 extra={"comment": "x"})
        )  # fmt: skip
        writer.add(msms("scan=2", mz=(), intensity=()))
        writer.add(nir("corn-1"))
    return path


def rows(text):
    header, *lines = text.removesuffix("\n").split("\n")
    names = header.split("\t")
    return [dict(zip(names, line.split("\t"), strict=True)) for line in lines]


def test_info_says_what_a_store_holds(cli, store):
    result = cli("store", "info", store)
    assert result.exit_code == 0
    fields = {row["field"]: row["value"] for row in rows(result.stdout)}
    assert fields["spectra"] == "3"
    assert fields["msms.encoding"] == "ragged"
    assert fields["nir.axis_unit"] == "nm"
    assert fields["content_digest"] == Store(store).digest
    (record,) = map(
        json.loads, cli("store", "info", store, "--format", "jsonl").stdout.splitlines()
    )
    assert [block["spectra"] for block in record["blocks"]] == [2, 1]


def test_check_passes_a_whole_store(cli, store):
    result = cli("store", "check", store)
    assert result.exit_code == 0
    assert rows(result.stdout)[0]["status"] == "ok"


def test_check_names_what_is_wrong_and_still_checks_the_rest(cli, store, tmp_path):
    bad = tmp_path / "bad.h5"
    bad.write_bytes(store.read_bytes()[:-100])
    out = tmp_path / "report.tsv"
    result = cli("store", "check", bad, store, tmp_path / "none.h5", "-o", out)
    assert result.exit_code == 3
    assert [row["status"] for row in rows(out.read_text())] == ["wrong", "ok", "wrong"]
    assert "truncated" in result.stderr and "bad.h5" in result.stderr
    assert "Traceback" not in result.stderr


@pytest.mark.parametrize("verb", ["info", "check", "dump"])
def test_what_is_no_store_is_one_clear_error(cli, tmp_path, verb):
    (tmp_path / "x.mgf").write_text("BEGIN IONS\nEND IONS\n")
    result = cli("store", verb, tmp_path / "x.mgf")
    assert result.exit_code == 3
    assert "not an HDF5 file" in result.stderr


def test_a_future_store_says_what_to_do(cli, store):
    import h5py

    with h5py.File(store, "r+") as file:
        file.attrs["format_version"] = np.bytes_("2.0")
    result = cli("store", "info", store)
    assert result.exit_code == 3
    assert "written by format 2.0; this spectrakit reads up to 1.x" in result.stderr
    assert "Update spectrakit." in result.stderr


def test_merge_accounts_for_every_spectrum(cli, store, tmp_path):
    other, out = tmp_path / "b.h5", tmp_path / "m.h5"
    with StoreWriter(other) as writer:
        writer.add(nir("corn-1"))
    account = tmp_path / "account.json"
    result = cli("store", "merge", store, other, "-o", out, "--summary", account)
    assert result.exit_code == 0
    assert result.stdout == ""
    assert "1 sample ids are in more than one store and were joined" in result.stderr
    assert len(Store(out)) == 4
    assert json.loads(account.read_text())["totals"] == {"read": 4, "kept": 4, "dropped": 0}
    again = tmp_path / "again.h5"
    cli("store", "merge", store, other, "-o", again)
    assert again.read_bytes() == out.read_bytes()
    renamed = tmp_path / "r.h5"
    cli("store", "merge", store, other, "-o", renamed, "--same-sample", "rename")
    assert Store(renamed).samples["id"].tolist() == ["corn-1", "b/corn-1"]


def test_merge_refuses_to_write_over_an_input(cli, store):
    before = store.read_bytes()
    result = cli("store", "merge", store, "-o", store)
    assert result.exit_code == 2
    assert "is an input and the output" in result.stderr
    assert store.read_bytes() == before


def test_merge_of_a_damaged_store_writes_nothing(cli, store, tmp_path):
    bad = tmp_path / "bad.h5"
    bad.write_bytes(store.read_bytes()[:-100])
    result = cli("store", "merge", store, bad, "-o", tmp_path / "m.h5")
    assert result.exit_code == 3
    assert sorted(path.name for path in tmp_path.iterdir()) == ["a.h5", "bad.h5"]


def test_dump_as_a_table(cli, store):
    result = cli("store", "dump", store)
    assert result.exit_code == 0
    first, second, third = rows(result.stdout)
    assert first["native_id"] == "scan=1"
    assert first["collision_energy"] == "35 NCE"
    assert first["molecule_inchikey"] == "RYYVLZVUVIJVGH-UHFFFAOYSA-N"
    assert first["points"] == "100:0.1 200.5:999"
    assert (second["points"], second["precursor_mz"]) == ("", "")
    assert (third["block"], third["sample"], third["points"]) == (
        "nir",
        "corn-1",
        "1100:0.25 1102:0.5",
    )


def test_dump_as_mgf_counts_what_cannot_stand_in_it(cli, store, tmp_path):
    account = tmp_path / "account.json"
    result = cli("store", "dump", store, "--format", "mgf", "--summary", account)
    assert result.exit_code == 0
    assert result.stdout.count("BEGIN IONS") == 2
    assert "PEPMASS=195.0877\nCHARGE=1+\nRTINSECONDS=61.5\n" in result.stdout
    assert "INCHIKEY=RYYVLZVUVIJVGH-UHFFFAOYSA-N" in result.stdout
    assert f"\n100 {float(np.float32(0.1))!r}\n200.5 999\n" in result.stdout
    dropped = json.loads(account.read_text())["inputs"][0]["dropped"]
    assert dropped == {"no peaks of a mass spectrum": 1}


def test_mgf_dump_is_read_by_pyteomics(cli, store, tmp_path):
    mgf = pytest.importorskip("pyteomics.mgf")
    out = tmp_path / "a.mgf"
    assert cli("store", "dump", store, "--format", "mgf", "-o", out).exit_code == 0
    first, second = list(mgf.read(str(out), use_index=False))
    np.testing.assert_array_equal(first["m/z array"], [100.0, 200.5])
    assert first["params"]["pepmass"][0] == 195.0877
    assert first["params"]["charge"] == [1]
    assert len(second["m/z array"]) == 0


def test_dump_as_json_lines_has_everything(cli, store):
    lines = cli("store", "dump", store, "--format", "jsonl").stdout.splitlines()
    first, _, third = map(json.loads, lines)
    assert first["axis"] == [100.0, 200.5]
    assert np.float32(first["value"][0]) == np.float32(0.1)
    assert first["precursor_intensity"] is None
    assert first["extra"] == {"comment": "x"}
    assert first["molecule"]["name"] == "caffeine"
    assert third["value_unit"] == "absorbance"
