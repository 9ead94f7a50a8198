"""Odd names, pipes, devices and overwritten inputs, through the command line."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

MGF = """BEGIN IONS
TITLE={title}
PEPMASS=195.0877
CHARGE=1+
83.06 5
110.071 20
138.066 100
END IONS
"""
LIBRARY = """NAME: Caffeine
SPECTRUM_ID: c1
PRECURSORMZ: 195.0877
PRECURSORTYPE: [M+H]+
IONMODE: Positive
INCHIKEY: RYYVLZVUVIJVGH-UHFFFAOYSA-N
Num Peaks: 3
83.06 5
110.071 20
138.066 100
"""


@pytest.fixture
def query(tmp_path):
    path = tmp_path / "q.mgf"
    path.write_text(MGF.format(title="a"))
    return path


@pytest.fixture
def library(tmp_path):
    path = tmp_path / "lib.msp"
    path.write_text(LIBRARY)
    return path


def spectrakit(*args, **settings):
    """Run the command line in a process of its own."""
    command = [sys.executable, "-m", "spectrakit", *map(str, args)]
    return subprocess.run(command, capture_output=True, timeout=60, check=False, **settings)


@pytest.mark.parametrize("length", [300, 5000])
def test_a_name_that_is_too_long_is_a_missing_file(cli, query, length):
    """The system refuses such names with an error of its own, which was shown as our bug."""
    result = cli("identify", "--structures", "hmdb", "a" * length, query)
    assert result.exit_code == 3
    assert "File name too long" in result.stderr
    assert "read 1, kept 1" in result.stderr  # the good file is finished


@pytest.mark.parametrize(
    "args",
    [
        ["identify", "--library", "a" * 300, "q.mgf"],
        ["identify", "--structures", "a" * 300, "q.mgf"],
        ["identify", "q.mgf", "-o", "b" * 300],
        ["convert", "q.mgf", "-o", "b" * 300 + ".h5"],
        ["library", "list", "-o", "b" * 300],
    ],
)
def test_no_name_is_our_bug(cli, query, args):
    result = cli(*[str(query) if arg == "q.mgf" else arg for arg in args])
    assert result.exit_code == 3
    assert "File name too long" in result.stderr


def test_a_list_with_a_nul_finishes_the_good_files(cli, query, tmp_path):
    (tmp_path / "l.txt").write_bytes(f"{query}\nfoo\0bar\n".encode())
    result = cli("identify", f"@{tmp_path / 'l.txt'}")
    assert result.exit_code == 3
    assert "read 1, kept 1" in result.stderr


@pytest.mark.parametrize("args", [["identify", ""], ["convert", "", "-o", "x.h5"]])
def test_an_empty_input_is_not_the_current_folder(cli, args):
    """An unset shell variable searched everything below the current folder."""
    result = cli(*args)
    assert result.exit_code == 2
    assert "empty" in result.stderr


@pytest.mark.parametrize("verb", ["identify", "convert"])
def test_an_empty_out_is_not_the_current_folder(cli, verb, query, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    result = cli(verb, query, "-o", "")
    assert result.exit_code == 2
    assert [p.name for p in tmp_path.iterdir()] == ["q.mgf"]


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="needs named pipes")
def test_a_pipe_is_refused_not_waited_for(cli, query, tmp_path):
    """Opening a named pipe waits for a writer for ever."""
    os.mkfifo(tmp_path / "p.mgf")
    result = cli("identify", tmp_path / "p.mgf", query)
    assert result.exit_code == 3
    assert "p.mgf: is a pipe or a device" in result.stderr
    result = cli("identify", tmp_path)  # among a folder's files it is none
    assert result.exit_code == 0


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="needs named pipes")
@pytest.mark.parametrize("option", ["--out", "--summary"])
def test_a_pipe_is_written_into_not_replaced(cli, query, tmp_path, option):
    """``-o /dev/stdout`` and ``-o /dev/null`` replaced the device by a file."""
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    reader = os.open(pipe, os.O_RDONLY | os.O_NONBLOCK)
    result = cli("identify", query, option, pipe)
    assert result.exit_code == 0
    assert b"q.mgf" in os.read(reader, 1 << 16)
    os.close(reader)
    assert pipe.is_fifo()


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="needs named pipes")
def test_a_store_is_not_written_into_a_pipe(cli, query, tmp_path):
    pipe = tmp_path / "pipe.h5"
    os.mkfifo(pipe)
    result = cli("convert", query, "-o", pipe)
    assert result.exit_code == 3
    assert pipe.is_fifo()


def test_a_link_stays_a_link(cli, query, tmp_path):
    (tmp_path / "real").mkdir()
    (tmp_path / "link.tsv").symlink_to(tmp_path / "real" / "hits.tsv")
    assert cli("identify", query, "-o", tmp_path / "link.tsv").exit_code == 0
    assert (tmp_path / "link.tsv").is_symlink()
    assert (tmp_path / "real" / "hits.tsv").read_text().startswith("file\t")


@pytest.mark.parametrize("out", [".", "/"])
def test_a_folder_is_no_file_to_write(cli, out):
    result = cli("library", "list", "-o", out)
    assert result.exit_code == 3
    assert "folder" in result.stderr


def test_an_output_never_replaces_what_is_read(cli, query, library, tmp_path):
    """--summary, and --out beside anything but the spectra, replaced the user's own file."""
    table = tmp_path / "list.csv"
    table.write_text("smiles,name\nCCO,ethanol\n")
    hits = tmp_path / "hits.tsv"
    assert cli("identify", query, "-o", hits).exit_code == 0
    store = tmp_path / "s.h5"
    assert cli("convert", query, "-o", store).exit_code == 0
    before = {path: path.read_bytes() for path in (query, library, table, hits, store)}
    for args in (
        ["identify", query, "--summary", query],
        ["identify", query, "--library", library, "-o", library],
        ["identify", query, "--structures", table, "-o", table],
        ["identify", query, "-o", "x", "--summary", "x"],
        ["convert", query, "-o", tmp_path / "c.h5", "--summary", query],
        ["library", "add", "l", library, "--summary", library],
        ["store", "info", store, "-o", store],
        ["store", "check", store, "-o", store],
        ["store", "dump", store, "--summary", store],
        ["evaluate", "identify", hits, "--truth", table, "-o", table],
    ):
        assert cli(*args).exit_code == 2, args
    assert before == {path: path.read_bytes() for path in before}


def test_stores_beside_their_sources_are_no_inputs_of_a_rerun(cli, query, tmp_path):
    """The second run refused its own results: run.mgf and run.h5 would share an output."""
    first = cli("convert", tmp_path, "-o", tmp_path)
    assert first.exit_code == 0
    again = cli("convert", tmp_path, "-o", tmp_path)
    assert again.exit_code == 0, again.stderr
    assert "no inputs" in again.stderr


@pytest.mark.parametrize("files", ['["a"]', '{"q.mgf": 3}', '{"q.mgf": {"output": "../x"}}'])
def test_a_damaged_ledger_is_said(cli, query, tmp_path, files):
    out = tmp_path / "out"
    assert cli("convert", query, "-o", f"{out}/").exit_code == 0
    ledger = out / "spectrakit-ledger.json"
    held = json.loads(ledger.read_text())
    ledger.write_text(json.dumps(held | {"files": json.loads(files)}))
    result = cli("convert", query, "-o", f"{out}/")
    assert result.exit_code == 3
    assert "the ledger cannot be read" in result.stderr


def test_quiet_still_names_the_file_that_failed(cli, query, tmp_path):
    result = cli("identify", "-q", tmp_path / "nope.mgf", query)
    assert result.exit_code == 3
    assert "nope.mgf: there is no such file" in result.stderr


def test_stdin_has_the_same_name_in_every_verb(cli, query, tmp_path, monkeypatch):
    for args in (["identify", "-", "-o"], ["convert", "-", "-o"]):
        with query.open() as stream:
            monkeypatch.setattr(sys, "stdin", stream)
            assert cli(*args, f"{tmp_path / 'out' / args[0]}/").exit_code == 0
    assert (tmp_path / "out" / "identify" / "stdin.hits.tsv").is_file()
    assert (tmp_path / "out" / "convert" / "stdin.h5").is_file()


def test_a_library_is_built_from_stdin(cli, library, monkeypatch):
    with library.open() as stream:
        monkeypatch.setattr(sys, "stdin", stream)
        result = cli("library", "add", "piped", "-")
    assert result.exit_code == 0, result.stderr
    assert cli("library", "check", "piped").exit_code == 0


@pytest.mark.parametrize("encoding", ["latin-1", "ascii", "utf-16"])
def test_stdout_is_utf8_whatever_the_terminal(query, home, encoding):
    query.write_text(MGF.format(title="Käsé β-日本"), encoding="utf-8")
    environment = {**os.environ, "PYTHONIOENCODING": encoding}
    result = spectrakit("identify", query, "--top", 1, env=environment)
    assert result.returncode == 0
    assert "\tKäsé β-日本\t" in result.stdout.decode("utf-8")


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs /dev/full")
@pytest.mark.parametrize("args", [["library", "list"], ["--help"], ["store", "dump", "S"]])
def test_a_full_disk_below_stdout_is_one_line(cli, query, tmp_path, args):
    store = tmp_path / "s.h5"
    assert cli("convert", query, "-o", store).exit_code == 0
    command = [sys.executable, "-m", "spectrakit", *(str(store) if a == "S" else a for a in args)]
    with Path("/dev/full").open("w") as full:
        result = subprocess.run(
            command, stdout=full, stderr=subprocess.PIPE, timeout=60, check=False, text=True
        )
    assert result.returncode == 3
    assert "No space left on device" in result.stderr
    assert "bug" not in result.stderr


@pytest.mark.skipif(os.name == "nt", reason="names are text there")
def test_a_file_name_that_is_no_text_is_written_as_utf8(query, tmp_path, home):
    """Such a name broke JSON lines in a file and the summary."""
    odd = os.fsencode(tmp_path) + b"/bad\xff.mgf"
    os.rename(query, odd)  # noqa: PTH104 - a name in bytes
    out, summary = tmp_path / "o.jsonl", tmp_path / "s.json"
    result = spectrakit(
        "identify", os.fsdecode(odd), "--format", "jsonl", "-o", out, "--summary", summary
    )
    assert result.returncode == 0, result.stderr
    rows = [json.loads(line) for line in out.read_text(encoding="utf-8").splitlines()]
    assert all(row["file"].endswith("bad?.mgf") for row in rows)
    assert json.loads(summary.read_text())["totals"]["kept"] == 1


@pytest.mark.skipif(os.name == "nt", reason="needs a POSIX shell")
def test_head_ends_the_summary_well(query, tmp_path, home):
    """The exit code was 0, the summary said 1."""
    summary = tmp_path / "s.json"
    query.write_text("".join(MGF.format(title=i) for i in range(400)))
    command = f'{sys.executable} -m spectrakit identify "{query}" --summary "{summary}" | head -1'
    result = subprocess.run(["sh", "-c", command], capture_output=True, timeout=60, check=False)
    assert result.stdout.count(b"\n") == 1
    assert b"error" not in result.stderr
    assert json.loads(summary.read_text())["exit_code"] == 0
