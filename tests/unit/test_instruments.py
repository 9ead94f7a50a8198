"""The simulated instruments: reproducible, and what their description says."""

import csv
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

DATA = Path(__file__).resolve().parents[1] / "data"
TABLES = ("old_nir.csv", "new_nir.csv", "daily_nir.csv")


@pytest.fixture(scope="module")
def tables():
    """Each table as (facts by column, values (n, p), channels (p,))."""
    found = {}
    for name in TABLES:
        with (DATA / name).open(newline="", encoding="utf-8") as stream:
            rows = list(csv.DictReader(stream))
        channels = [column for column in rows[0] if column.isdecimal()]
        facts = {c: [row[c] for row in rows] for c in rows[0] if c not in channels}
        values = np.array([[float(row[c]) for c in channels] for row in rows])
        found[name] = facts, values, np.array(channels, float)
    return found


def test_the_script_writes_the_same_bytes_again(tmp_path):
    script = DATA / "make_instruments.py"
    subprocess.run([sys.executable, str(script), str(tmp_path)], check=True)
    for name in TABLES:
        assert (tmp_path / name).read_bytes() == (DATA / name).read_bytes(), name


def test_instruments_share_the_standards_only(tables):
    old, new, daily = (tables[name][0] for name in TABLES)
    shared = set(old["sample"]) & set(new["sample"])
    split = dict(zip(new["sample"], new["split"], strict=True))
    assert len(old["sample"]) == 60 and len(new["sample"]) == 32
    assert shared == {sample for sample, name in split.items() if name == "train"}
    assert len(shared) == 12 and set(daily["sample"]) <= shared
    assert set(old["split"]) == {"train", "test"}
    on_old = dict(zip(old["sample"], old["split"], strict=True))
    assert {on_old[sample] for sample in shared} == {"train"}


def test_the_new_instrument_reads_water_at_longer_wavelengths(tables):
    """The top of the band at 1940 nm moves by 1.5 nm and 0.7 of the stretch, so by 2.55 nm."""
    old, new = tables["old_nir.csv"], tables["new_nir.csv"]
    shared = sorted(set(old[0]["sample"]) & set(new[0]["sample"]))
    tops = []
    for facts, values, channels in (old, new):
        mean = values[[facts["sample"].index(one) for one in shared]].mean(axis=0)
        near = np.abs(channels - 1940) <= 18
        quadratic, linear, _ = np.polyfit(channels[near] - 1940, mean[near], 2)
        tops.append(-linear / (2 * quadratic))
    assert tops[1] - tops[0] == pytest.approx(2.55, abs=0.4)


def test_water_shows_where_the_reference_laboratory_finds_it(tables):
    """Beer-Lambert: the height over the shoulder follows moisture in a straight line."""
    facts, values, channels = tables["old_nir.csv"]
    moisture = np.array(facts["moisture [%]"], float)
    at = {nm: values[:, np.abs(channels - nm).argmin()] for nm in (1340, 1448, 1556, 1200)}
    height = at[1448] - (at[1340] + at[1556]) / 2
    assert np.corrcoef(height, moisture)[0, 1] > 0.9
