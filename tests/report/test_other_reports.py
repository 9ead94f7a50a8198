"""Reports of plans and of drift, and the figures for slides."""

import re
import struct
from dataclasses import replace
from html import unescape

import numpy as np
import pytest

from spectrakit.errors import InputError
from spectrakit.report.drift import write_drift_report
from spectrakit.report.plan import write_plan_report
from spectrakit.report.png import write_png


@pytest.fixture
def shown(tmp_path):
    def write(writer, result):
        path = tmp_path / "report.html"
        writer(result, path, "A <title>")
        again = tmp_path / "again.html"
        writer(result, again, "A <title>")
        assert path.read_bytes() == again.read_bytes()
        page = path.read_text(encoding="utf-8")
        assert "A &lt;title&gt;" in page
        body = re.sub(r"<style>.*?</style>|data:image[^\"]*", "", page, flags=re.S)
        assert "://" not in body
        return re.sub(r"\s+", " ", unescape(re.sub(r"<[^>]+>", " ", body)))

    return write


def test_plan_lists_samples_in_the_order_of_choice(shown, simulate):
    plan = simulate.plan()
    text = shown(write_plan_report, plan)
    ids = [plan.spectra.samples[row] for row in plan.chosen]
    found = re.findall(r"sample-\d{3}", text)
    assert found == ids
    assert "Kennard–Stone chose them from the 80 samples" in text
    assert "These curves are simulated." in text


def test_measured_curves_are_not_called_simulated(shown, simulate):
    assert "imulated" not in shown(write_plan_report, simulate.plan(simulated=False))


def test_plan_without_curves_or_with_one_sample(shown, simulate):
    text = shown(write_plan_report, replace(simulate.plan(n_chosen=1), curves=()))
    assert "Measure this sample on the new instrument" in text


@pytest.mark.parametrize(
    ("verdict", "advice"),
    [
        ("keep", "Keep the calibration as it is."),
        ("watch", "Watch it"),
        ("bias correction", "Correct the bias"),
        ("transfer again", "Transfer the calibration again"),
        ("something new", "Something new."),
    ],
)
def test_drift_says_what_to_do(shown, simulate, verdict, advice):
    text = shown(write_drift_report, simulate.drift(verdict=verdict))
    assert advice in text
    assert "20 measurements of control samples" in text


def test_drift_counts_what_lies_beyond_its_limits(shown, simulate):
    drift = simulate.drift(properties=("protein",))
    off = np.array([abs(point.residual) for point in drift.points])
    text = shown(write_drift_report, drift)
    warned, acted = ((off > 0.15) & (off <= 0.25)).sum(), (off > 0.25).sum()
    assert acted > 0 and warned > 0
    assert f"0.150 % 0.250 % {warned} {acted}" in text.replace("\u00a0", " ")


def test_drift_without_known_values_limits_or_points(shown, simulate):
    drift = simulate.drift(n=2)
    blind = tuple(replace(one, known=np.nan, residual=np.nan, q=np.nan) for one in drift.points)
    bare = tuple(replace(one, warning=np.nan, action=np.nan) for one in drift.limits)
    text = shown(write_drift_report, replace(drift, points=blind))
    assert "no control sample with a known value" in text and "nan" not in text.lower()
    shown(write_drift_report, replace(drift, limits=bare, q_limit=np.nan, t2_limit=np.nan))
    shown(write_drift_report, replace(drift, points=(), limits=(), reasons=()))


def test_figures_for_slides_are_png_of_the_right_size(simulate, tmp_path):
    result = simulate.transfer(n_properties=4)
    files = write_png(result, tmp_path / "a" / "figures")
    assert [path.name for path in files] == [
        "spectra.png", "predicted.png", "methods.png", "curve.png",
    ]  # fmt: skip
    for path, across, down in zip(files, (3, 3, 3, 3), (1, 2, 2, 2), strict=True):
        data = path.read_bytes()
        assert data[:8] == b"\x89PNG\r\n\x1a\n"
        width, height = struct.unpack(">II", data[16:24])
        assert width == across * 880
        assert height >= down * 340
        assert b"tEXt" not in data  # no version, no date


def test_same_result_gives_the_same_figures(simulate, tmp_path):
    one, two = (write_png(simulate.transfer(), tmp_path / name) for name in "ab")
    assert [path.read_bytes() for path in one] == [path.read_bytes() for path in two]


def test_figures_with_nothing_to_show_are_not_written(simulate, tmp_path):
    result = replace(simulate.transfer(), curves=(), properties=())
    assert [path.name for path in write_png(result, tmp_path)] == ["spectra.png"]


def test_figures_into_a_file_are_refused(simulate, tmp_path):
    (tmp_path / "taken").write_text("x")
    with pytest.raises(InputError, match="taken"):
        write_png(simulate.transfer(), tmp_path / "taken")
