"""Interrupted commands: exit 130, nothing half written, no worker left."""

import json
import os
import signal
import subprocess
import sys
import time

import pytest

pytestmark = pytest.mark.skipif(os.name == "nt", reason="signals of POSIX")

MGF = "BEGIN IONS\nTITLE={title}\nPEPMASS=195.0877\nCHARGE=1+\n83.06 5\n138.066 100\nEND IONS\n"
SECONDS = 60


@pytest.fixture
def runs(tmp_path):
    folder = tmp_path / "runs"
    folder.mkdir()
    text = "".join(MGF.format(title=number) for number in range(20_000))
    for number in range(6):
        (folder / f"{number}.mgf").write_text(text)
    return folder


def wait_for(condition, process):
    """Look until something has happened, which it does long before the command ends."""
    end = time.monotonic() + SECONDS
    while not condition():
        assert process.poll() is None, process.stderr.read().decode()
        assert time.monotonic() < end
        time.sleep(0.02)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
@pytest.mark.parametrize("jobs", [1, 2])
def test_an_interrupted_batch_cleans_up(runs, tmp_path, home, number, jobs):
    """SIGTERM left part files and workers behind; SIGINT waited for every file with --jobs."""
    out, summary = tmp_path / "out", tmp_path / "s.json"
    command = [sys.executable, "-m", "spectrakit", "convert", runs, "-o", f"{out}/"]
    process = subprocess.Popen(
        [*command, "--jobs", str(jobs), "--summary", summary],
        stderr=subprocess.PIPE,
        start_new_session=True,
    )
    wait_for(lambda: out.is_dir() and list(out.glob("*.h5.part-*")), process)
    process.send_signal(number)
    _, stderr = process.communicate(timeout=SECONDS)
    assert process.returncode == 130, stderr
    assert b"interrupted" in stderr
    assert b"Traceback" not in stderr
    assert list(out.glob("*part*")) == []
    assert json.loads(summary.read_text())["exit_code"] == 130


def test_a_killed_worker_is_one_line(runs, tmp_path, home):
    """A worker without memory was shown as our bug."""
    out = tmp_path / "out"
    process = subprocess.Popen(
        [sys.executable, "-m", "spectrakit", "convert", runs, "-o", f"{out}/", "--jobs", "2"],
        stderr=subprocess.PIPE,
    )
    wait_for(lambda: out.is_dir() and list(out.glob("*.h5.part-*")), process)
    (part, *_) = out.glob("*.h5.part-*")
    os.kill(int(part.name.rpartition("-")[2]), signal.SIGKILL)
    _, stderr = process.communicate(timeout=SECONDS)
    assert process.returncode == 3, stderr
    assert b"a worker process was killed" in stderr
    assert b"Traceback" not in stderr
