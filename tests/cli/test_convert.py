"""``convert``: into one store, into a folder of files, out again; killed at any moment."""

import json
import os
import random
import signal
import subprocess
import sys
import time

import numpy as np
import pytest

from spectrakit.store import Store

MSP = """NAME: {name}
ACCESSION: {id}
PRECURSORMZ: 195.0877
PRECURSORTYPE: [M+H]+
COLLISIONENERGY: 30 % (nominal)
LICENSE: CC0
Num Peaks: 3
110.0713 89
138.0662 999.5
195.0876 409

"""


def msp(path, *ids, name="Caffeine"):
    path.write_text("".join(MSP.format(name=name, id=i) for i in ids))
    return path


def accounts(path):
    summary = json.loads(path.read_text())
    for entry in [*summary["inputs"], summary["totals"]]:
        dropped = entry["dropped"]
        n = sum(dropped.values()) if isinstance(dropped, dict) else dropped
        assert entry["read"] == entry["kept"] + n
    return summary


def test_one_store_of_several_inputs(cli, tmp_path):
    a = msp(tmp_path / "a.msp", "A1", "A2")
    b = msp(tmp_path / "b.msp", "B1")
    out = tmp_path / "all.h5"
    result = cli("convert", a, b, "-o", out, "--summary", tmp_path / "s.json")
    assert result.exit_code == 0, result.stderr
    assert result.stdout == ""
    assert f"{a}: read 2, kept 2, dropped 0" in result.stderr
    spectra = list(Store(out))
    assert [s.native_id for s in spectra] == ["A1", "A2", "B1"]
    assert [s.sample for s in spectra] == ["a", "a", "b"]
    s = spectra[0]
    assert s.mz.tolist() == [110.0713, 138.0662, 195.0876]
    assert s.intensity.tolist() == [89.0, 999.5, 409.0]
    assert (s.precursor_mz, s.adduct, s.collision_energy_unit) == (195.0877, "[M+H]+", "NCE")
    assert s.extra == {"LICENSE": "CC0"}
    summary = accounts(tmp_path / "s.json")
    assert summary["outputs"] == [str(out)]
    assert [i["format"] for i in summary["inputs"]] == ["msp", "msp"]
    assert all(len(i["sha256"]) == 64 for i in summary["inputs"])
    assert summary["exit_code"] == 0


def test_the_sample_run_goes_through_every_format_and_back(cli, tmp_path, sample_mzml):
    store = tmp_path / "run.h5"
    assert cli("convert", sample_mzml, "-o", store).exit_code == 0
    first = list(Store(store))
    assert len(first) > 20
    for suffix in (".mzML", ".mgf", ".msp", ".mzML.gz"):
        out, again = tmp_path / f"x{suffix}", tmp_path / f"x{suffix}.h5"
        assert cli("convert", store, "-o", out).exit_code == 0
        assert cli("convert", out, "-o", again).exit_code == 0
        back = list(Store(again))
        assert len(back) == len(first)
        for a, b in zip(first, back, strict=True):
            np.testing.assert_array_equal(a.mz, b.mz)
            np.testing.assert_array_equal(a.intensity, b.intensity)
            assert (a.native_id, a.ms_level, a.polarity) == (b.native_id, b.ms_level, b.polarity)


def test_a_folder_gets_one_store_for_each_input_and_goes_on_where_it_was(cli, tmp_path):
    runs = tmp_path / "runs"
    runs.mkdir()
    msp(runs / "a.msp", "A")
    msp(runs / "b.msp", "B")
    out = f"{tmp_path / 'out'}/"
    assert cli("convert", runs, "-o", out, "-j", "2").exit_code == 0
    stores = sorted((tmp_path / "out").glob("*.h5"))
    assert [p.name for p in stores] == ["a.h5", "b.h5"]
    before = [p.stat().st_mtime_ns for p in stores]
    msp(runs / "c.msp", "C")
    again = cli("convert", runs, "-o", out, "--summary", tmp_path / "s.json")
    assert again.exit_code == 0
    assert "2 files were done before" in again.stderr
    assert [p.stat().st_mtime_ns for p in stores] == before
    assert accounts(tmp_path / "s.json")["totals"]["kept"] == 3


def test_the_same_input_gives_the_same_bytes(cli, tmp_path):
    a = msp(tmp_path / "a.msp", "A1", "A2")
    for name in ("x.h5", "y.h5"):
        assert cli("convert", a, "-o", tmp_path / name).exit_code == 0
    assert (tmp_path / "x.h5").read_bytes() == (tmp_path / "y.h5").read_bytes()


def test_inputs_that_would_share_an_output_are_refused(cli, tmp_path):
    (tmp_path / "sub").mkdir()
    a, b = msp(tmp_path / "a.msp", "A"), msp(tmp_path / "sub" / "A.msp", "B")
    result = cli("convert", a, b, "-o", f"{tmp_path}/out/")
    assert result.exit_code == 2
    assert "would both be written to A.h5" in result.stderr
    assert not (tmp_path / "out").exists()


def test_an_unknown_output_is_refused(cli, tmp_path):
    result = cli("convert", msp(tmp_path / "a.msp", "A"), "-o", tmp_path / "a.docx")
    assert result.exit_code == 2
    assert "'.docx' says no format" in result.stderr


def test_where_takes_some_and_counts_the_rest(cli, tmp_path):
    a = msp(tmp_path / "a.msp", "A1", "A2")
    args = ("convert", a, "-o", tmp_path / "o.mgf", "--where", "native_id=A2")
    assert cli(*args, "--summary", tmp_path / "s.json").exit_code == 0
    totals = accounts(tmp_path / "s.json")["totals"]
    assert (totals["kept"], totals["dropped"]) == (1, 1)
    assert "TITLE=A2" in (tmp_path / "o.mgf").read_text()


def test_samples_and_targets_are_joined(cli, tmp_path):
    a, b = msp(tmp_path / "a.msp", "A"), msp(tmp_path / "b.msp", "B")
    sheet = tmp_path / "samples.csv"
    sheet.write_text("file,sample,type,batch,order\na.msp,S1,sample,1,2\nb,Q1,QC,1,1\n")
    table = tmp_path / "targets.tsv"
    table.write_text("sample\tmoisture [%]\nS1\t12.5\nS9\t1\n")
    out = tmp_path / "o.h5"
    result = cli("convert", a, b, "-o", out, "--samples", sheet, "--targets", table)
    assert result.exit_code == 0, result.stderr
    assert "1 samples have no spectra" in result.stderr
    with Store(out) as store:
        assert [s.sample for s in store] == ["S1", "Q1"]
        assert store.targets["property"].tolist() == ["moisture"]
        assert store.targets["unit"].tolist() == ["%"]
        assert store.targets["value"].ravel().tolist() == pytest.approx([12.5, np.nan], nan_ok=True)
        assert store.samples["type"].tolist() == ["sample", "QC"]


@pytest.mark.parametrize(
    ("text", "code", "message"),
    [
        ("sample,type\nS1,QC\n", 2, "no column 'file'"),
        ("file,sample\na.msp,S1\na.msp,S2\n", 3, "twice"),
        ("file,sample\na.msp,S1,x,y\n", 3, "line 2 has more cells"),
    ],
)
def test_bad_sheets_are_refused(cli, tmp_path, text, code, message):
    sheet = tmp_path / "s.csv"
    sheet.write_text(text)
    a = msp(tmp_path / "a.msp", "A")
    result = cli("convert", a, "-o", tmp_path / "o.h5", "--samples", sheet)
    assert (result.exit_code, message in result.stderr) == (code, True)
    assert not (tmp_path / "o.h5").exists()


def kill_while_converting(tmp_path, kills, seed):
    """Start convert ``kills`` times, kill it at a random moment, look at what is there."""
    big = tmp_path / "big.msp"
    msp(big, *(f"X{i}" for i in range(2000)))
    out = tmp_path / "out" / "big.h5"
    out.parent.mkdir()
    command = [sys.executable, "-m", "spectrakit", "convert", "-q", str(big), "-o", str(out)]
    start = time.perf_counter()
    subprocess.run(command, check=True, env=os.environ)
    whole, seconds = out.read_bytes(), time.perf_counter() - start
    clock = random.Random(seed)
    finished = 0
    for _ in range(kills):
        out.unlink(missing_ok=True)
        process = subprocess.Popen(command, env=os.environ)
        try:
            process.wait(clock.uniform(0.2 * seconds, 1.05 * seconds))
        except subprocess.TimeoutExpired:
            process.send_signal(signal.SIGKILL)
            process.wait()
        if out.exists():
            finished += 1
            assert out.read_bytes() == whole
    return finished


@pytest.mark.skipif(not hasattr(signal, "SIGKILL"), reason="needs SIGKILL")
def test_a_killed_convert_leaves_a_whole_store_or_none(tmp_path):
    assert kill_while_converting(tmp_path, 25, seed=1) < 25


@pytest.mark.slow
@pytest.mark.skipif(not hasattr(signal, "SIGKILL"), reason="needs SIGKILL")
def test_a_hundred_kills(tmp_path):
    assert kill_while_converting(tmp_path, 100, seed=2) < 100


def test_a_column_that_a_text_format_cannot_hold_is_named(cli, tmp_path):
    """Ion mobility was left out of MGF without a word."""
    import numpy as np

    from spectrakit.io.writers import write_spectra
    from spectrakit.spectrum import Axis, Modality, Spectrum

    spectrum = Spectrum(
        Modality.MSMS,
        Axis(np.array([100.0, 200.0]), "m/z"),
        np.array([1.0, 2.0]),
        ms_level=2,
        precursor_mz=300.0,
        columns={"ion_mobility": np.array([0.7, 0.9])},
    )
    write_spectra(tmp_path / "run.mzML", [spectrum])
    result = cli("convert", tmp_path / "run.mzML", "-o", tmp_path / "run.mgf")
    assert result.exit_code == 0
    assert "ion_mobility" in result.stderr
