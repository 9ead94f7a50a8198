"""Two gloo processes on one computer give what one process gives with the same batch."""

import os
import signal
import subprocess
import sys
import time

import numpy as np
import pytest

pytestmark = [pytest.mark.slow, pytest.mark.usefixtures("torchtoy")]

# Sums of gradients are taken in another order: float32 keeps seven digits, and 12 steps of Adam
# may widen the last one.
TOLERANCE = 1e-4


def spectrakit(*arguments, pause=0.0):
    """Start the command line in a process of its own."""
    command = [sys.executable, "-m", "spectrakit", *map(str, arguments)]
    own = {**os.environ, "SPECTRAKIT_TORCHTOY_PAUSE": str(pause)}
    return subprocess.Popen(command, env=own, stderr=subprocess.PIPE, text=True)


def ended(process):
    """Return exit code and stderr; whatever hangs is told to stop, twice."""
    try:
        _, told = process.communicate(timeout=100)
    except subprocess.TimeoutExpired:
        process.terminate()
        time.sleep(1)
        process.terminate()
        _, told = process.communicate()
        told += "\n(it hung)"
    return process.returncode, told


def words(store, run, **values):
    options = [word for key, value in values.items() for word in ("-s", f"{key}={value}")]
    return ["pretrain", "-m", "torchtoy", store, "-o", run, "--device", "cpu", *options]


def test_two_processes_lose_what_one_loses(cli, store, tmp_path, losses):
    """Dropout off; negatives gathered from both; two parts of a step."""
    options = {"steps": 12, "dropout": 0.0, "accumulate": 2, "batch": 8}
    one, two = tmp_path / "one", tmp_path / "two"
    assert cli(*words(store, one, **options)).exit_code == 0
    code, told = ended(spectrakit(*words(store, two, **options), "--devices", 2))
    assert code == 0, told
    assert (two / "status").read_text() == "done\n"
    for name in ("loss", "valid_loss", "hit"):
        expected, found = losses(one, name), losses(two, name)
        assert list(expected) == list(found)
        assert len(found) >= 2
        np.testing.assert_allclose(
            list(found.values()), list(expected.values()), rtol=TOLERANCE, atol=TOLERANCE
        )


def test_failure_of_a_process_is_told_once_with_its_exit_code(store, tmp_path):
    run = tmp_path / "run"
    arguments = words(store, run, steps=10, every=2, trap="nan@5")
    code, told = ended(spectrakit(*arguments, "--devices", 2))
    assert code == 4, told
    errors = [line for line in told.splitlines() if "error" in line.lower()]
    assert len(errors) == 1
    assert "step 5: the loss is nan" in errors[0]
    assert (run / "status").read_text().startswith("failed: step 5")
    assert sorted(path.name for path in (run / "checkpoints").iterdir())[-1] == "step-000000004"


@pytest.mark.skipif(sys.platform == "win32", reason="signals are of POSIX")
def test_signal_to_the_parent_saves_and_the_run_goes_on(store, tmp_path):
    whole, run = tmp_path / "whole", tmp_path / "run"
    options = {"steps": 60, "every": 1000, "stages": 1}
    code, told = ended(spectrakit(*words(store, whole, **options), "--devices", 2))
    assert code == 0, told
    process = spectrakit(*words(store, run, **options), "--devices", 2, pause=0.05)
    metrics = run / "metrics.jsonl"
    until = time.monotonic() + 60
    while not (metrics.is_file() and metrics.read_text()) and time.monotonic() < until:
        time.sleep(0.05)
    process.send_signal(signal.SIGTERM)
    code, told = ended(process)
    assert code == 130, told
    assert (run / "status").read_text() == "stopped\n"
    (checkpoint,) = (run / "checkpoints").iterdir()
    assert 0 < int(checkpoint.name[5:]) < 60
    code, told = ended(spectrakit("pretrain", "--resume", run))
    assert code == 0, told
    assert metrics.read_bytes() == (whole / "metrics.jsonl").read_bytes()
