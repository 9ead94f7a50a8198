"""Open and analogue search through the command: the same bytes however the work is divided."""

import csv

import numpy as np
import pytest

POOL = np.random.default_rng(3).uniform(60.0, 400.0, 40).round(4)  # authored, shared by all


def peaks(random):
    mz = np.sort(random.choice(POOL, int(random.integers(3, 12)), replace=False))
    mz = mz + random.normal(0.0, 0.003, len(mz))
    intensity = random.lognormal(3.0, 1.5, len(mz))
    return [f"{m:.4f} {i:.2f}" for m, i in zip(mz, intensity, strict=True)]


@pytest.fixture
def library(tmp_path):
    random = np.random.default_rng(4)
    records = []
    for number in range(150):
        lines = peaks(random)
        records.append(
            f"NAME: Compound {number % 60}\nPRECURSORMZ: {405 + 14.01565 * (number % 4):.4f}\n"
            f"IONMODE: {'Positive' if number % 5 else 'Negative'}\nNum Peaks: {len(lines)}\n"
            + "\n".join(lines)
            + "\n"
        )
    path = tmp_path / "library.msp"
    path.write_text("\n".join(records))
    return path


@pytest.fixture
def queries():
    random = np.random.default_rng(5)
    return [
        f"BEGIN IONS\nTITLE=query {number}\nPEPMASS={405 + 14.01565 * (number % 3):.4f}\n"
        f"CHARGE=1{'+' if number % 4 else '-'}\n" + "\n".join(peaks(random)) + "\nEND IONS\n"
        for number in range(30)
    ]


@pytest.mark.parametrize("mode", ["precursor", "open", "analogue"])
def test_jobs_and_files_do_not_change_what_is_found(cli, tmp_path, library, queries, mode):
    parts = [tmp_path / f"part{n}.mgf" for n in range(3)]
    for path, first, stop in zip(parts, (0, 1, 12), (1, 12, 30), strict=True):
        path.write_text("\n".join(queries[first:stop]))
    whole = tmp_path / "whole.mgf"
    whole.write_text("\n".join(queries))
    argv = ["--library", library, "--structures", "none", "--model", "none", "--search", mode]
    one = cli("identify", *parts, *argv).stdout
    assert cli("identify", *parts, *argv, "--jobs", "2").stdout == one
    together = cli("identify", whole, *argv).stdout

    def found(text):
        rows = csv.DictReader(text.splitlines(), delimiter="\t", quoting=csv.QUOTE_NONE)
        # probabilities are fitted to the share of known compounds in a file
        aside = ("file", "probability", "q_value", "level")
        return [{k: v for k, v in row.items() if k not in aside} for row in rows]

    assert found(together) == found(one)
    assert sum(row["name"] != "" for row in found(one)) > 30
