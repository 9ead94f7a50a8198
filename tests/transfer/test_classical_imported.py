"""Calibrations that come as coefficients."""

from pathlib import Path

import numpy as np
import pytest

from spectrakit.errors import InputError, MismatchError
from spectrakit.transfer.classical import IMPORTED, fit_imported
from spectrakit.transfer.imported import ImportedCalibration, read_coefficients

AXIS = np.arange(1000.0, 1100.0, 2.0)


def _table(path: Path, slope: np.ndarray, intercept: np.ndarray, names: str) -> Path:
    lines = [f"channel,{names}", "intercept," + ",".join(map(repr, intercept.tolist()))]
    lines += [
        f"{channel:g}," + ",".join(map(repr, row.tolist()))
        for channel, row in zip(AXIS, slope, strict=True)
    ]
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")
    return path


@pytest.fixture
def model() -> ImportedCalibration:
    rng = np.random.default_rng(0)
    return ImportedCalibration(rng.normal(size=(50, 2)), np.array([1.0, -2.0]))


def test_a_table_comes_back_as_it_was_written(tmp_path: Path, model: ImportedCalibration) -> None:
    path = _table(tmp_path / "c.csv", model.slope, model.intercept, "protein,oil")
    read = read_coefficients(path)
    assert read.properties == ("protein", "oil")
    assert read.intercept == pytest.approx(model.intercept)
    assert read.on(AXIS) == pytest.approx(model.slope)
    assert read.on(AXIS[::-1]) == pytest.approx(model.slope[::-1])
    wider = np.r_[990.0, AXIS, 1200.0]
    assert read.on(wider)[[0, -1]].tolist() == [[0, 0], [0, 0]]
    with pytest.raises(MismatchError, match="1 of 50 coefficients are at channels"):
        read.on(AXIS[1:])
    with pytest.raises(MismatchError, match="coefficients are at channels"):
        read.on(AXIS + 0.5)


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("", "an empty file"),
        ("wavelength,coefficient\n1000,1\n", "starts 'wavelength,coefficient'"),
        ("channel,coefficient\n1000,1\n", "no row 'intercept'"),
        ("channel,coefficient\nintercept,1\n", "no channel"),
        ("channel,coefficient\nintercept,1\n1000,abc\n", "row 3 has 'abc'"),
        ("channel,coefficient\nintercept,1\n1000,nan\n", "row 3 has 'nan'"),
        ("channel,coefficient\nintercept,1\n1000,1\n1000,2\n", "row 4 repeats channel 1000"),
        ("channel,coefficient\nintercept,1\nintercept,1\n1000,1\n", "row 3 is a second"),
        ("channel,coefficient\nintercept,1\n1000,1,2\n", "row 3 has 3 cells"),
        ("channel,a,a\nintercept,1,1\n", "one name"),
    ],
)
def test_bad_tables_are_refused_in_one_line(tmp_path: Path, text: str, says: str) -> None:
    path = tmp_path / "bad.csv"
    path.write_text(text, encoding="utf-8")
    with pytest.raises(InputError, match=says) as caught:
        read_coefficients(path)
    assert "bad.csv" in str(caught.value) and caught.value.hint


def test_a_missing_file_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="cannot be read"):
        read_coefficients(tmp_path / "none.csv")


def test_methods_work_from_coefficients(model: ImportedCalibration) -> None:
    rng = np.random.default_rng(1)
    source = rng.normal(size=(9, 4)) @ rng.normal(size=(4, 50))
    labels = source @ model.slope + model.intercept
    target = 1.2 * source + 0.4
    new = rng.normal(size=(5, 4)) @ source[:4]
    expected = new @ model.slope + model.intercept
    groups = np.arange(9)
    shifted = source + 0.4
    for name, seen, fresh in (
        ("none", source, new),
        ("mean-difference", shifted, new + 0.4),
        ("bias", shifted, new + 0.4),
        ("slope-bias", target, 1.2 * new + 0.4),
        ("pds", target, 1.2 * new + 0.4),
    ):
        fitted = fit_imported(name, model, source, seen, labels, groups)
        assert fitted.calibration.predict(fresh) == pytest.approx(expected, abs=1e-6), name
        assert fitted.left_out == pytest.approx(labels, abs=1e-6), name
        assert "imported coefficients" in fitted.chosen[0]


def test_other_methods_and_missing_labels_are_refused(model: ImportedCalibration) -> None:
    spectra, labels = np.random.default_rng(2).normal(size=(6, 50)), np.full((6, 2), np.nan)
    with pytest.raises(MismatchError, match="epo: needs the source's samples"):
        fit_imported("epo", model, spectra, spectra, labels, np.arange(6))
    with pytest.raises(MismatchError, match="6 of 6 standards have no reference value"):
        fit_imported("bias", model, spectra, spectra, labels, np.arange(6))
    for name in ("none", "mean-difference", "pds"):
        assert name in IMPORTED
        found = fit_imported(name, model, spectra, spectra + 1, labels, np.arange(6))
        assert np.isfinite(found.left_out).all()
