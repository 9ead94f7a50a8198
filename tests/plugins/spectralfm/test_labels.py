"""What a calibration learns from: units, gaps, missing values and samples in several files."""

import json
import re

import numpy as np
import pytest

from spectrakit.spectrum import Axis, Modality, Spectrum
from spectrakit.store import StoreWriter

AXIS = np.linspace(1100.0, 2300.0, 121)


def store(path, n=20, *, seed=0, unit="%", factor=10.0, change=None, known=None, material=False):
    """A band at 1700 nm that grows with the amount, of which the label is ``factor`` times."""
    rng = np.random.default_rng(5)  # the amounts: the same in each store
    noise = np.random.default_rng(seed)
    with StoreWriter(path, compression="none") as writer:
        for number in range(n + 1):  # the last is held out
            amount, sample = rng.uniform(0.2, 1.0), f"s{number}"
            told = {"material": "wet" if amount > 0.6 else "dry"} if material else {}
            writer.add_sample(sample, split="valid" if number == n else "train", **told)
            label = factor * amount if known is None else known(number, factor * amount)
            if not material:
                writer.add_target(sample, "moisture", label, unit)
            value = amount * np.exp(-(((AXIS - 1700) / 90) ** 2))
            value = value + np.exp(-(((AXIS - 1400) / 90) ** 2))
            value = (value + 0.002 * noise.normal(size=len(AXIS))).astype(np.float32)
            value = value if change is None else change(number, value)
            writer.add(
                Spectrum(
                    Modality.NIR, Axis(AXIS, "nm"), value, is_trace=True, native_id=f"n{number}",
                    sample=sample,
                )
            )  # fmt: skip
    return path


def test_values_in_two_units_are_refused(one_error, tiny, pretrained, tmp_path):
    percent = store(tmp_path / "percent.h5")
    grams = store(tmp_path / "grams.h5", unit="g/kg", factor=100.0)
    result = tiny("adapt", tmp_path / "a", inputs=[percent, grams], model=pretrained)
    one_error(result, 4, "'moisture' is in '%' and in 'g/kg'", "sample 's0' of grams.h5")


def test_held_out_values_in_another_unit_are_refused_before_the_fit(
    one_error, tiny, pretrained, tmp_path, cli
):
    percent = store(tmp_path / "percent.h5")
    grams = store(tmp_path / "grams.h5", unit="g/kg", factor=100.0)
    result = cli("adapt", percent, "--valid", grams, "-m", pretrained, "-o", tmp_path / "a")
    one_error(result, 4, "'moisture' is in '%' and in 'g/kg'", "of grams.h5")
    assert "samples left out" not in result.stderr  # what is said once it was fitted


@pytest.mark.slow
def test_an_infinite_value_is_no_missing_value(tiny, pretrained, tmp_path):
    inf = store(tmp_path / "inf.h5", known=lambda n, label: float("inf") if n == 5 else label)
    result = tiny("adapt", tmp_path / "a", inputs=[inf], model=pretrained)
    assert result.exit_code == 0, result.stderr
    assert "left out: 1 with an infinite 'moisture'" in result.stderr


def test_what_is_left_out_is_counted_with_its_reason(cli, pretrained, tmp_path):
    def change(number, value):
        if number == 3:
            return np.zeros_like(value)
        gap = {0: [50], 4: range(len(value))}.get(number, [])
        value[list(gap)] = np.nan
        return value

    def known(number, label):
        return float("nan") if number in (5, 6) else label

    bad, summary = store(tmp_path / "bad.h5", change=change, known=known), tmp_path / "s.json"
    result = cli("adapt", bad, "-m", pretrained, "-o", tmp_path / "a", "--summary", summary)
    assert result.exit_code == 0, result.stderr
    told = "left out: 1 constant, 1 fewer than 16 points, 1 with missing values, 2 without 'moist"
    assert told in result.stderr
    assert "15 samples" in result.stderr
    account = json.loads(summary.read_text())
    assert account["totals"] == {"read": 21, "kept": 21, "dropped": 0}
    assert account["model"]["left_out"] == {
        "constant": 1, "fewer than 16 points": 1, "with missing values": 1, "without 'moisture'": 2,
    }  # fmt: skip


@pytest.mark.slow
def test_classes_count_what_is_left_out_too(tiny, pretrained, tmp_path):
    def change(number, value):
        value[[50]] = np.nan if number == 0 else value[[50]]
        return value

    bad = store(tmp_path / "bad.h5", change=change, material=True)
    result = tiny("adapt", tmp_path / "a", "label=material", inputs=[bad], model=pretrained)
    assert result.exit_code == 0, result.stderr
    assert "left out: 1 with missing values" in result.stderr
    assert "19 samples of 2 classes" in result.stderr


@pytest.mark.slow
def test_spectra_that_all_lack_the_same_channels_share_the_others(tiny, pretrained, tmp_path):
    def change(number, value):
        value[:5] = np.nan
        return value

    cut = store(tmp_path / "cut.h5", change=change)
    result = tiny("adapt", tmp_path / "a", inputs=[cut], model=pretrained)
    assert result.exit_code == 0, result.stderr
    assert "20 samples" in result.stderr


def test_one_sample_in_two_files_is_left_out_of_both(tiny, pretrained, tmp_path):
    """Labels that no spectrum tells: with its twin inside, a sample would be "predicted"."""
    labels = np.random.default_rng(1).uniform(2.0, 10.0, 21)
    files = [
        store(tmp_path / f"{day}.h5", seed=day, known=lambda k, _: float(labels[k]))
        for day in (1, 2)
    ]
    result = tiny("adapt", tmp_path / "a", inputs=files, model=pretrained)
    assert result.exit_code == 0, result.stderr
    assert "whole groups (of 20) left out" in result.stderr
    error = float(re.search(r"left out ([\d.]+) %", result.stderr)[1])
    assert error > 0.9 * labels.std()
