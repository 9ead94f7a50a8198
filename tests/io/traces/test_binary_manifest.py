"""Every real file of the binary families converts as independent readers found it."""

import csv
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from spectrakit.spectrum import Spectrum
from spectrakit.store import Store

# What no independent reader read; what spectrakit finds, looked at and found plausible:
# spectra, points, first and last axis value, first value of the first spectrum.
OURS: dict[str, tuple[int, int, float, float, float]] = {
    "avantes/1305084U1.DRK": (1, 1442, 275.272, 1100.133, 785.9),
    "avantes/1305084U1.REF": (1, 1442, 275.272, 1100.133, 856.0),
    "avantes/1904090M1_0003.Raw8": (3, 1019, 300.014, 899.875, 267.155),
    "avantes/avantes_reflect.ROH": (1, 1442, 275.272, 1100.133, 805.0),
    "avantes/avantes_trans.TRM": (4, 1623, 179.101, 1100.348, 30.3138),
    "buchi_nir/muestras-tejido-foliar_transfer.nir": (20, 1501, 4000, 10000, 0.181285),
    "envi_sli/synthetic_lib.sli": (50, 200, 1100, 2500, 0.0367427),
    "jasco/sample_CD_HT_Abs.jws": (3, 1501, 350, 200, 0.341637),
    "jasco/sample_fluorescence.jws": (1, 301, 400, 700, 18.7992),
    "oceanoptics/OceanOptics.spc": (1, 3648, 176.360, 893.694, 0.0),
    "oceanoptics/OceanOptics_Windows.ProcSpec": (4, 2048, 190.939, 888.234, 282.857),
}
REFUSED = {  # exit 3 with what to do
    "animl/Example3.animl": "no series of values",
    "envi_sli/synthetic_lib.hdr": "header of an ENVI file",
}
# Expected first values that are artefacts of the reader: brukeropusreader reads reports (whose
# first integer is 12) and a quality block as absorbance.
WRONG_Y0 = {"bruker_opus/issue82_Opus_test.0"}
DENORMAL = 1e-30
FAMILIES = (
    *("galactic_spc", "bruker_opus", "omnic", "renishaw_wdf", "andor_sif", "asd", "jasco"),
    *("perkinelmer_sp", "buchi_nir", "digitalsurf", "trivista", "animl", "envi_sli"),
)
OTHERS = (  # the same instruments' text exports are read elsewhere
    *("avantes/1305084U1.DRK", "avantes/1305084U1.REF", "avantes/1904090M1_0003.Raw8"),
    *("avantes/avantes_reflect.ROH", "avantes/avantes_trans.TRM", "oceanoptics/OceanOptics.spc"),
    *("oceanoptics/OceanOptics_Windows.ProcSpec", "horiba/jobinyvon_test_linescan.xml"),
    *("horiba/jobinyvon_test_map_x3-y2.xml", "horiba/jobinyvon_test_spec.xml"),
    "horiba/jobinyvon_test_spec_range.xml",
)
TEXT = (".asc", ".csv")


@pytest.fixture(scope="module")
def vib(shared_data: Path) -> Path:
    return shared_data / "vib" / "files"


def manifest(vib: Path) -> dict[str, dict[str, Any]]:
    with (vib / "manifest.csv").open(newline="", encoding="utf-8") as file:
        rows = {row["file"]: row["expected"] for row in csv.DictReader(file)}
    chosen: dict[str, dict[str, Any]] = {}
    for name, expected in rows.items():
        if name.split("/")[0] not in FAMILIES and name not in OTHERS:
            continue
        if Path(name).suffix in TEXT:
            continue
        chosen[name] = (json.loads(expected) or {}) if expected.startswith(("{", "null")) else {}
    return chosen


def convert(cli: Any, path: Path, tmp_path: Path) -> tuple[list[Spectrum], dict[str, Any]]:
    out, summary = tmp_path / "out.h5", tmp_path / "summary.json"
    out.unlink(missing_ok=True)
    result = cli("convert", path, "--out", out, "--summary", summary, "--quiet")
    assert result.exit_code == 0, result.stderr
    account = json.loads(summary.read_text())["inputs"][0]
    with Store(out) as store:
        return list(store), account


def named(spectra: list[Spectrum], native_id: str) -> Spectrum:
    """A store keeps its spectra by modality, not in the order of the file."""
    return next(one for one in spectra if one.native_id == native_id)


def close(found: float, expected: float) -> bool:
    return abs(found - expected) <= 2e-6 * abs(expected) + 1e-9 or round(found, 3) == expected


def test_every_file_with_an_expectation_is_as_expected(cli: Any, vib: Path, tmp_path: Path):
    expectations = {name: e for name, e in manifest(vib).items() if e}
    assert len(expectations) == 79
    for name, expected in expectations.items():
        spectra, account = convert(cli, vib / name, tmp_path)
        assert account["read"] == account["kept"] == len(spectra), name
        assert not account["dropped"], name
        wanted = [
            one
            for one in spectra
            if len(one) == expected["n"]
            and close(one.axis.values[0], expected["first"])
            and close(one.axis.values[-1], expected["last"])
        ]
        assert wanted, name
        y0 = expected.get("y0", 0.0)
        if abs(y0) > DENORMAL and name not in WRONG_Y0:
            # readers sort groups by date or by length: any of the file's spectra may be theirs
            assert any(np.isclose(one.value[0], y0, rtol=1e-5) for one in wanted), name
        if "spectra" in expected:
            assert len(spectra) == expected["spectra"], name
        elif "shape" in expected and "." not in expected.get("version", "") and len(wanted) > 1:
            planes = int(np.prod(expected["shape"][:-1]))
            assert len(wanted) == planes, name
        if "blocks" in expected:
            found = {one.extra["block"] for one in spectra}
            assert {block for block in expected["blocks"] if block != "AB"} <= found, name
            results = ("AB", "RFL") if "AB" in expected["blocks"] else ("IgRf",)
            assert found & set(results), name


def test_files_without_an_expectation_read_sensibly(cli: Any, vib: Path, tmp_path: Path):
    without = {name for name, e in manifest(vib).items() if not e}
    assert without == {*OURS, *REFUSED, *(n for n in without if n.endswith(".sp"))}
    for name, (count, n, first, last, y0) in OURS.items():
        spectra, account = convert(cli, vib / name, tmp_path)
        assert account["kept"] == len(spectra) == count, name
        one = next(one for one in spectra if np.isclose(one.value[0], y0, rtol=1e-5))
        assert len(one) == n, name
        np.testing.assert_allclose(one.axis.values[[0, -1]], [first, last], rtol=1e-5)


@pytest.mark.parametrize("name", REFUSED)
def test_a_file_without_spectra_is_one_clear_line(cli: Any, vib: Path, tmp_path: Path, name: str):
    result = cli("convert", vib / name, "--out", tmp_path / "out.h5", "--quiet")
    assert result.exit_code == 3
    assert REFUSED[name] in result.stderr
    assert "Traceback" not in result.stderr


@pytest.mark.parametrize("number", [1, 2, 3, 4])
def test_perkinelmer_is_the_vendors_own_export_value_by_value(
    cli: Any, vib: Path, tmp_path: Path, number: int
):
    (one,), _ = convert(cli, vib / f"perkinelmer_sp/426475_{number}.sp", tmp_path)
    text = (vib / f"perkinelmer_sp/426475_{number}.csv").read_text(encoding="utf-8-sig")
    rows = [line.split(";") for line in text.splitlines()[2:] if line]
    exported = np.array(rows, dtype=np.float64)
    np.testing.assert_allclose(one.axis.values, exported[:, 0], atol=0.005)
    np.testing.assert_allclose(one.value, exported[:, 1], atol=0.00005001)
    assert (one.axis.unit, one.value_unit, one.modality.value) == ("cm-1", "absorbance", "ir")


def test_avantes_is_the_vendors_own_export(cli: Any, vib: Path, tmp_path: Path):
    """AvaSoft exported the raw scope line by line and the transmittance interpolated to 1 nm."""
    (scope,), _ = convert(cli, vib / "avantes/avantes_reflect.ROH", tmp_path)
    text = (vib / "avantes/avantes_export2.trt").read_text(encoding="latin-1")
    rows = [line.split(";") for line in text.splitlines() if line[:1].isdigit() and ";" in line]
    exported = np.array(rows, dtype=np.float64)
    np.testing.assert_allclose(scope.axis.values, exported[:, 0], atol=0.006)
    np.testing.assert_allclose(scope.value, exported[:, 1], rtol=6e-5)  # five digits
    spectra, _ = convert(cli, vib / "avantes/avantes_trans.TRM", tmp_path)
    text = (vib / "avantes/avantes_export.ttt").read_text(encoding="latin-1")
    rows = [line.split(";") for line in text.splitlines() if line[:1].isdigit() and ";" in line]
    exported = np.array(rows, dtype=np.float64)
    result = named(spectra, "transmittance")
    at_exported = np.interp(exported[:, 0], result.axis.values, result.value)
    assert np.corrcoef(at_exported, exported[:, 1])[0, 1] > 0.99


def test_andor_is_the_vendors_own_export(cli: Any, vib: Path, tmp_path: Path):
    (one,), _ = convert(cli, vib / "andor_sif/raman1.sif", tmp_path)
    exported = np.loadtxt(vib / "andor_sif/raman1.asc", usecols=(0, 1), max_rows=1024)
    np.testing.assert_allclose(one.axis.values, exported[:, 0], atol=2e-5)
    np.testing.assert_allclose(one.value, exported[:, 1], rtol=6e-6)  # six digits


def test_opus_says_itself_how_large_its_values_are(cli: Any, vib: Path, tmp_path: Path):
    """The extreme values that OPUS noted agree with what was read of the result."""
    noted = {  # MXY and MNY of the blocks' own parameters
        "MMP_2107_Test1.001": (0.8072124719619751, 0.07061351090669632),
        "ftir_ps.0": (0.6112140417098999, 0.012989447452127934),
        "opusreader_test_spectra.0": (0.5861161947250366, 0.020948348566889763),
        "issue82_Opus_test.0": (1.991413950920105, 0.2813302278518677),
    }
    for name, (top, bottom) in noted.items():
        spectra, _ = convert(cli, vib / "bruker_opus" / name, tmp_path)
        result = named(spectra, "RFL" if name.startswith("opusreader") else "AB")
        assert result.value.max() == pytest.approx(top)
        assert result.value.min() == pytest.approx(bottom)


def test_where_chooses_the_result_block_of_an_opus_file(cli: Any, vib: Path, tmp_path: Path):
    out, summary = tmp_path / "out.h5", tmp_path / "summary.json"
    path = vib / "bruker_opus/ftir_ps.0"
    chosen = ("--where", "extra.block=AB", "--summary", summary)
    assert cli("convert", path, "--out", out, *chosen).exit_code == 0
    totals = json.loads(summary.read_text())["totals"]
    assert totals == {"read": 5, "kept": 1, "dropped": 4}
