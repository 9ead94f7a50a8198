"""What a person at a terminal sees: a bar with rate and time left, on stderr only."""

import os
import subprocess
import sys

import pytest

pty = pytest.importorskip("pty", reason="needs the pseudo-terminals of POSIX")

MGF = "BEGIN IONS\nTITLE={title}\nPEPMASS=195.0877\nCHARGE=1+\n83.06 5\n138.066 100\nEND IONS\n"


def at_a_terminal(*args, columns=100):
    """Run a command whose stderr is a terminal; return its exit code, stdout and stderr."""
    here, there = pty.openpty()
    environment = {**os.environ, "TERM": "xterm", "COLUMNS": str(columns)}
    process = subprocess.Popen(
        [sys.executable, "-m", "spectrakit", *map(str, args)],
        stdout=subprocess.PIPE,
        stderr=there,
        env=environment,
    )
    os.close(there)
    shown = b""
    while True:
        try:
            piece = os.read(here, 1 << 16)
        except OSError:  # what Linux says at the end
            break
        if not piece:
            break
        shown += piece
    os.close(here)
    stdout, _ = process.communicate(timeout=60)
    return process.returncode, stdout.decode(), shown.decode()


def test_one_file_at_a_terminal(home, tmp_path):
    """The rate of a work without a known end was asked for before there was one: our bug, exit 1.

    No file could be converted at a terminal; pipes and logs have no bar and hid it.
    """
    source = tmp_path / "a.mgf"
    source.write_text("".join(MGF.format(title=i) for i in range(3000)))
    code, stdout, shown = at_a_terminal("convert", source, "-o", tmp_path / "a.h5")
    assert code == 0, shown
    assert stdout == ""
    assert "spectra, " in shown
    assert "/s" in shown
    assert "read 3000, kept 3000" in shown


@pytest.mark.parametrize("jobs", [1, 2])
def test_a_folder_at_a_terminal(home, tmp_path, jobs):
    folder = tmp_path / "runs"
    folder.mkdir()
    for number in range(4):
        (folder / f"{number}.mgf").write_text(MGF.format(title=number) * 500)
    code, stdout, shown = at_a_terminal(
        "convert", folder, "-o", f"{tmp_path / 'out'}/", "--jobs", jobs
    )
    assert code == 0, shown
    assert stdout == ""
    assert "4/4" in shown
    assert "files, " in shown
    assert "/s" in shown
    assert "0:00:00" in shown  # the time left


def test_an_empty_file_of_spectra_at_a_terminal(home, tmp_path):
    source = tmp_path / "a.mgf"
    source.write_text("COM=nothing\nBEGIN IONS\nEND IONS\n")
    code, _, shown = at_a_terminal("identify", source)
    assert "our bug" not in shown
    assert code in (0, 4)
