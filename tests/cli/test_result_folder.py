"""Folders of results: killed, changed, damaged, renamed and read-only, through the command line."""

import json
import os
import shutil
import signal
import subprocess
import sys
import time
import unicodedata
from pathlib import Path

import pytest

from spectrakit.store import Store

MGF = "BEGIN IONS\nTITLE={title}\nPEPMASS=195.0877\nCHARGE=1+\n83.06 5\n138.066 {last}\nEND IONS\n"
LEDGER = "spectrakit-ledger.json"
SECONDS = 60


def mgf(path, n=3, last=100):
    path.write_text("".join(MGF.format(title=f"t {i}", last=last) for i in range(n)))
    return path


@pytest.fixture
def runs(tmp_path):
    folder = tmp_path / "runs"
    folder.mkdir()
    for name in "abc":
        mgf(folder / f"{name}.mgf")
    return folder


def results(folder):
    """Return the bytes of every file but the ledger."""
    return {p.name: p.read_bytes() for p in folder.iterdir() if p.name != LEDGER}


@pytest.mark.parametrize("verb", ["convert", "identify"])
def test_the_results_do_not_depend_on_the_number_of_jobs(cli, tmp_path, runs, verb):
    for jobs in (1, 3):
        out = f"{tmp_path / str(jobs)}/"
        result = cli(verb, runs, "-o", out, "--jobs", jobs, "--summary", f"{out[:-1]}.json")
        assert result.exit_code == 0, result.stderr
    assert len(results(tmp_path / "1")) == 3
    assert results(tmp_path / "1") == results(tmp_path / "3")
    one, three = (json.loads((tmp_path / f"{n}.json").read_text()) for n in (1, 3))
    assert one["inputs"] == three["inputs"]
    ledgers = [json.loads((tmp_path / n / LEDGER).read_text()) for n in "13"]
    assert ledgers[0] == ledgers[1]


def kill(command, moment):
    """Start a command and kill it, and all it started, when ``moment`` says so."""
    process = subprocess.Popen(command, stderr=subprocess.DEVNULL, start_new_session=True)
    end = time.monotonic() + SECONDS
    while not moment() and process.poll() is None:
        assert time.monotonic() < end
        time.sleep(0.001)
    os.killpg(process.pid, signal.SIGKILL) if process.poll() is None else None
    return process.wait(SECONDS)


@pytest.mark.skipif(not hasattr(signal, "SIGKILL"), reason="needs SIGKILL")
@pytest.mark.parametrize("jobs", [1, 2])
def test_a_killed_run_goes_on_and_ends_as_an_unbroken_one(home, tmp_path, jobs):
    folder, out = tmp_path / "runs", tmp_path / "out"
    folder.mkdir()
    for name in "abcdef":
        mgf(folder / f"{name}.mgf", 2000)
    base = [sys.executable, "-m", "spectrakit", "convert", "-q", str(folder), "--jobs", str(jobs)]
    subprocess.run([*base, "-o", f"{tmp_path / 'whole'}/"], check=True)
    moments = [
        lambda: (out / LEDGER).exists(),
        lambda: list(out.glob("*.h5.part-*")),
        lambda: len(list(out.glob("*.h5"))) >= 2,
        lambda: len(list(out.glob("*.h5"))) >= 4,
    ]
    killed = [kill([*base, "-o", f"{out}/"], moment) for moment in moments]
    assert killed.count(-signal.SIGKILL) >= 2
    again = subprocess.run([*base[:4], *base[5:], "-o", f"{out}/"], capture_output=True, check=True)
    assert b"were done before" in again.stderr
    assert results(out) == results(tmp_path / "whole")  # and no part file is left


@pytest.mark.skipif(not hasattr(signal, "SIGKILL"), reason="needs SIGKILL")
def test_a_run_killed_beside_its_inputs_goes_on(cli, runs):
    """A store finished just before the kill was taken for an input of the same name: exit 2."""
    assert cli("convert", runs, "-o", runs).exit_code == 0
    whole = results(runs)
    ledger = runs / LEDGER
    held = json.loads(ledger.read_text())
    held["files"] = {}  # as after a kill before the first entry
    ledger.write_text(json.dumps(held))
    (runs / "b.h5").unlink()
    again = cli("convert", runs, "-o", runs)
    assert again.exit_code == 0, again.stderr
    assert results(runs) == whole


def test_inputs_that_changed_are_done_again_and_said(cli, tmp_path, runs):
    out = tmp_path / "out"
    assert cli("convert", runs, "-o", f"{out}/").exit_code == 0
    mgf(runs / "b.mgf", 5)
    again = cli("convert", runs, "-o", f"{out}/")
    assert again.exit_code == 0
    assert "1 inputs changed since they were done, and are done again" in again.stderr
    assert "b.mgf" in again.stderr
    assert "2 files were done before" in again.stderr
    assert len(list(Store(out / "b.h5"))) == 5


@pytest.mark.parametrize("verb", ["convert", "identify"])
def test_results_that_are_damaged_or_gone_are_made_again_and_said(cli, tmp_path, runs, verb):
    """A cut or edited result was taken for a whole one: only its name was looked for."""
    out = tmp_path / "out"
    assert cli(verb, runs, "-o", f"{out}/").exit_code == 0
    whole = results(out)
    cut, edited, gone = sorted(out / name for name in whole)
    cut.write_bytes(cut.read_bytes()[:-10])
    edited.write_bytes(edited.read_bytes().replace(b"a", b"b"))
    gone.unlink()
    again = cli(verb, runs, "-o", f"{out}/")
    assert again.exit_code == 0
    assert "3 results are missing or damaged, and are made again" in again.stderr
    assert results(out) == whole


def test_a_rerun_with_other_parameters_is_refused(cli, tmp_path, runs):
    out = f"{tmp_path / 'out'}/"
    sheet = tmp_path / "s.csv"
    sheet.write_text("file,sample\na.mgf,S1\n")
    table = tmp_path / "t.csv"
    table.write_text("sample,moisture [%]\nS1,5\n")
    assert cli("convert", runs, "-o", out, "--samples", sheet, "--targets", table).exit_code == 0
    before = results(tmp_path / "out")
    for more, word in (
        (["--samples", sheet], "targets"),
        (["--samples", sheet, "--targets", table, "--compression", "none"], "compression"),
        (["--samples", sheet, "--targets", table, "--where", "ms_level=2"], "where"),
    ):
        result = cli("convert", runs, "-o", out, *more)
        assert (result.exit_code, word in result.stderr) == (2, True), result.stderr
    sheet.write_text("file,sample\na.mgf,S2\n")
    result = cli("convert", runs, "-o", out, "--samples", sheet, "--targets", table)
    assert (result.exit_code, "samples" in result.stderr) == (2, True)
    assert results(tmp_path / "out") == before


def test_sheets_go_into_each_store_and_are_matched_once(cli, tmp_path, runs):
    """What did not match was said once for each file, and by other processes not at all."""
    sheet = tmp_path / "s.csv"
    sheet.write_text("file,sample,type\na.mgf,S1,QC\nb,S2,sample\n")
    table = tmp_path / "t.csv"
    table.write_text("sample,moisture [%]\nS1,5\nS2,6\nS3,7\n")
    for jobs in (1, 2):
        out = tmp_path / str(jobs)
        args = ("convert", runs, "-o", f"{out}/", "--samples", sheet, "--targets", table)
        for _ in ("first", "again"):
            result = cli(*args, "--jobs", jobs)
            assert result.exit_code == 0
            assert "names no sample for 1 of 3 inputs: c.mgf" in result.stderr
            assert result.stderr.count("1 samples have no spectra here") == 1
            assert ": S3" in result.stderr
            assert result.stderr.count("1 samples with spectra here have no row in it: c") == 1
    assert results(tmp_path / "1") == results(tmp_path / "2")
    with Store(tmp_path / "2" / "b.h5") as store:
        assert store.samples["id"].tolist() == ["S2"]
        assert store.targets["value"].ravel().tolist() == [6.0]
    with Store(tmp_path / "2" / "a.h5") as store:
        assert store.samples["type"].tolist() == ["QC"]


def test_what_readers_say_is_said_by_other_processes_too(cli, tmp_path, runs):
    for name in "ab":
        (runs / f"{name}.mgf").write_text(
            MGF.format(title=1, last=5).replace("83.06 5", "x") + MGF.format(title=2, last=5)
        )
    said = []
    for jobs in (1, 2):
        result = cli("convert", runs, "-o", f"{tmp_path / str(jobs)}/", "--jobs", jobs)
        assert result.exit_code == 0
        said.append(sorted(result.stderr.splitlines()))
    assert said[0] == said[1]
    quiet = cli("convert", "-q", runs, "-o", f"{tmp_path / 'q'}/", "--jobs", 2)
    assert quiet.stderr == ""


def test_another_input_of_the_same_name_does_not_replace_a_result(cli, tmp_path, runs):
    """The results of one day's folder were replaced by the next day's without a word."""
    other = tmp_path / "day2"
    other.mkdir()
    mgf(other / "b.mgf", 7)
    out = tmp_path / "out"
    assert cli("convert", runs, "-o", f"{out}/").exit_code == 0
    before = results(out)
    result = cli("convert", other, "-o", f"{out}/")
    assert result.exit_code == 2
    assert "b.h5: is the result of" in result.stderr
    assert results(out) == before
    moved = tmp_path / "moved"
    runs.rename(moved)  # the same bytes elsewhere are the same input
    assert cli("convert", moved, "-o", f"{out}/").exit_code == 0


def test_a_result_of_another_run_is_not_taken_for_this_one(cli, tmp_path, runs, monkeypatch):
    """The entries of both inputs named the same result, which only the last had made."""
    out = tmp_path / "out"
    assert cli("convert", runs / "a.mgf", "-o", f"{out}/").exit_code == 0
    monkeypatch.chdir(runs)
    assert cli("convert", "a.mgf", "-o", f"{out}/").exit_code == 0  # the same file by another path
    held = json.loads((out / LEDGER).read_text())
    assert [*held["files"]] == ["a.mgf"]
    assert b"a.mgf" in (out / "a.h5").read_bytes()


def test_names_that_a_mac_or_windows_holds_for_one_are_refused(cli, tmp_path):
    for first, second in (("A.mgf", "a.mgf"), ("\u00e4.mgf", "a\u0308.mgf"), ("x.mgf", "x.msp")):
        folder = tmp_path / f"in-{len(list(tmp_path.iterdir()))}"
        for part, name in (("1", first), ("2", second)):
            (folder / part).mkdir(parents=True)
            mgf(folder / part / name)
        result = cli("convert", folder, "-o", f"{folder}-out/")
        assert result.exit_code == 2
        assert "would both be written to" in result.stderr


ODD = [
    "two words.mgf",
    "-dash.mgf",
    "--out.mgf",
    "a[1]*?.mgf",
    "$HOME;`x`'\".mgf",
    "@list.mgf",
    unicodedata.normalize("NFC", "Köln-Ä.mgf"),
    unicodedata.normalize("NFD", "Zürich-é.mgf"),
    "日本語.mgf",
    "line\nbreak.mgf",
    "tab\there.mgf",
    "bell\x07\x1b[31mred.mgf",
    "sep\u2028end.mgf",
    "right\u202eto-left.mgf",
    r"\\server\share\run.mgf",
    "x" * 240 + ".mgf",
    "ä" * 120 + ".mgf",
]


@pytest.mark.skipif(os.name == "nt", reason="Windows has no such names")
@pytest.mark.parametrize("verb", ["convert", "identify"])
def test_odd_names_in_a_folder(cli, tmp_path, verb):
    folder, out = tmp_path / "runs", tmp_path / "out"
    folder.mkdir()
    for name in ODD:
        mgf(folder / name)
    for again in (False, True):
        result = cli(verb, folder, "-o", f"{out}/", "--summary", tmp_path / "s.json")
        assert result.exit_code == 0, result.stderr
        ours = result.stderr.replace("\n", "")
        assert ours.isprintable()  # no name writes to the terminal but its letters
        assert ("were done before" in result.stderr) == again
        said = [x for x in result.stderr.splitlines() if x.startswith(str(folder))]
        assert len([x for x in said if x.endswith("read 3, kept 3, dropped 0")]) == len(ODD)
    suffix = ".h5" if verb == "convert" else ".hits.tsv"
    wanted = {name.removesuffix(".mgf") + suffix for name in ODD}
    assert set(results(out)) == wanted
    summary = json.loads((tmp_path / "s.json").read_text())
    assert {Path(i["path"]).name for i in summary["inputs"]} == set(ODD)


@pytest.mark.skipif(os.name == "nt", reason="Windows has no such names")
@pytest.mark.parametrize("name", ODD)
def test_odd_names_as_arguments(cli, tmp_path, monkeypatch, name):
    """A name that exists is a file: no glob, no list, no option after ``--``, no escape."""
    monkeypatch.chdir(tmp_path)
    mgf(tmp_path / name)
    result = cli("convert", "-o", "all.h5", "--", name)
    assert result.exit_code == 0, result.stderr
    assert result.stderr.replace("\n", "").isprintable()
    with Store("all.h5") as store:
        assert len(store) == 3
        assert store.sources["path"].tolist() == [name]


@pytest.mark.parametrize(
    "path",
    [r"\\server\share\none.mgf", r"\\?\C:\runs\none.mgf", r"C:\runs\none.mgf", "//s/h/n.mgf"],
)
def test_paths_of_windows_are_named_as_they_were_typed(cli, tmp_path, path):
    """``\\\\?\\`` was taken for a pattern."""
    result = cli("convert", path, "-o", tmp_path / "o.h5")
    assert result.exit_code == 3
    assert f"{path}: there is no such file" in result.stderr


def test_a_name_whose_result_would_be_too_long_is_said(cli, tmp_path, runs):
    mgf(runs / ("y" * 250 + ".mgf"))
    result = cli("identify", runs, "-o", f"{tmp_path / 'out'}/")
    assert result.exit_code == 3
    assert "File name too long" in result.stderr
    assert "rename the input" in result.stderr
    assert len(list((tmp_path / "out").glob("*.tsv"))) == 3  # the others are finished


@pytest.mark.skipif(not Path("/sys/kernel").is_dir(), reason="needs a folder that refuses root")
@pytest.mark.parametrize("verb", ["convert", "identify"])
def test_a_read_only_output_folder_is_one_line(cli, runs, verb):
    """Every input was read, and each said that the folder cannot be written."""
    result = cli(verb, runs, "-o", "/sys/kernel")
    assert result.exit_code == 3
    errors = [line for line in result.stderr.splitlines() if "error" in line]
    assert len(errors) == 1
    assert "cannot be written" in errors[0]
    assert "read 3" not in result.stderr


@pytest.mark.skipif(os.name == "nt" or os.geteuid() == 0, reason="root may write everywhere")
def test_finished_results_need_no_writing(cli, tmp_path, runs):
    out = tmp_path / "out"
    assert cli("convert", runs, "-o", f"{out}/").exit_code == 0
    runs.chmod(0o500)
    out.chmod(0o500)
    result = cli("convert", runs, "-o", out)
    runs.chmod(0o700)
    out.chmod(0o700)
    assert result.exit_code == 0, result.stderr
    assert "3 files were done before" in result.stderr


def test_a_copy_of_the_folder_of_results_goes_on(cli, tmp_path, runs):
    assert cli("convert", runs, "-o", f"{tmp_path / 'out'}/").exit_code == 0
    shutil.copytree(tmp_path / "out", tmp_path / "copy")
    mgf(runs / "d.mgf")
    result = cli("convert", runs, "-o", f"{tmp_path / 'copy'}/")
    assert "3 files were done before" in result.stderr
    assert len(list((tmp_path / "copy").glob("*.h5"))) == 4
