"""The README's walk through a transfer: every command as written, from an empty folder."""

import json
import os
import re
import shlex
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
CHANGES_FOLDER = "mkdir example"  # the first line; the test does the same


@pytest.fixture(scope="module")
def section():
    text = (ROOT / "README.md").read_text(encoding="utf-8")
    return text.partition("### A new spectrometer")[2].partition("\n### ")[0]


@pytest.fixture(scope="module")
def walk(section, tmp_path_factory):
    """The folder after all commands, what they said, and metrics.json of the first fit."""
    folder = tmp_path_factory.mktemp("example")
    for table in (ROOT / "tests" / "data").glob("*_nir.csv"):
        shutil.copy(table, folder)
    environment = {**os.environ, "SPECTRAKIT_HOME": str(folder / "home"), "OMP_NUM_THREADS": "1"}
    environment["PYTHONPATH"] = os.pathsep.join([str(ROOT), *filter(None, sys.path)])
    said, metrics = [], {}
    for block in re.findall(r"```sh\n(.*?)```", section, re.DOTALL):
        for command in block.splitlines():
            if command.startswith(CHANGES_FOLDER):
                continue
            name, *words = shlex.split(command, comments=True)
            assert name == "spectrakit"
            run = subprocess.run(
                [sys.executable, "-m", "spectrakit", *words], cwd=folder, env=environment,
                capture_output=True, text=True, encoding="utf-8",
            )  # fmt: skip
            assert run.returncode == 0, f"{command}\n{run.stderr}"
            said.append(run.stderr)
            if not metrics and (folder / "grain" / "metrics.json").exists():
                metrics = json.loads((folder / "grain" / "metrics.json").read_text())
    return folder, "".join(said), metrics


@pytest.mark.slow
def test_every_command_runs_and_says_what_the_readme_shows(section, walk):
    shown = [line for text in re.findall(r"```text\n(.*?)```", section, re.DOTALL)
             for line in text.splitlines()]  # fmt: skip
    assert len(shown) >= 5
    assert [line for line in shown if line not in walk[1]] == []


@pytest.mark.slow
def test_the_table_of_methods_is_that_of_metrics_json(section, walk):
    properties = walk[2]["properties"]
    rows = re.findall(r"^\| \*{0,2}([a-z-]+)\*{0,2}.*? \| ([\d.]+) \| ([\d.]+) \(.*?\) \| ([\d.]+)"
                      r" \| ([\d.]+) \(", section, re.MULTILINE)  # fmt: skip
    assert len(rows) == 10
    for method, *numbers in rows:
        held = [
            properties[name]["methods"][method][figure]
            for name in ("moisture", "protein")
            for figure in ("cv_rmse", "rmsep")
        ]
        assert [float(number) for number in numbers] == pytest.approx(held, abs=1e-3), method


@pytest.mark.slow
def test_the_standards_of_the_example_are_those_that_plan_chooses(walk):
    folder = walk[0]
    planned = [line.split("\t")[1] for line in (folder / "standards.tsv").read_text().splitlines()]
    assert sorted(planned[1:]) == sorted(walk[2]["standards"])
