"""``transfer drift``: charts against their formulas, and the verdicts on simulated troubles."""

import csv
import json
from math import nan, sqrt

import numpy as np
import pytest
from authored import AXIS, STANDARDS, fit, fit_into, heights, measured, spectra_of, store, trace
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import chi2

from spectrakit.bundle import Bundle
from spectrakit.errors import MismatchError
from spectrakit.transfer.control import ControlFacts, control_facts
from spectrakit.transfer.drift import chart, judge
from spectrakit.transfer.history import Control, add_controls, read_controls
from spectrakit.transfer.record import check
from spectrakit.transfer.shift import channel_shift
from spectrakit.verbs.drift_standards import day_of


def rows(text):
    return list(csv.DictReader(text.splitlines(), delimiter="\t", quoting=csv.QUOTE_NONE))


def named(values, **more):
    return [trace(row, name, **more) for row, name in zip(values, STANDARDS, strict=True)]


def day(tmp_path, name, *spectra):
    return store(tmp_path / f"{name}.h5", *spectra)


def test_standards_as_they_were_keep_the_transfer(cli, meal, tmp_path):
    path = day(tmp_path, "d1", *measured(seed=21, date="2026-03-01T08:15:00"))
    done = cli("transfer", "drift", meal, path)
    assert done.exit_code == 0, done.stderr
    found = rows(done.stdout)
    assert {one["verdict"] for one in found} == {"keep"}
    assert {one["date"] for one in found} == {"2026-03-01"}
    assert {one["known_from"] for one in found} == {"fit"}
    one = found[0]
    assert float(one["residual"]) == pytest.approx(float(one["predicted"]) - float(one["known"]))
    assert abs(float(one["shift"])) < 0.1
    assert "meal@1 on 2026-03-01: keep" in done.stderr
    entry = check(meal)[-1]
    assert entry["result"]["verdict"] == "keep"
    assert entry["outputs"][0]["path"] == "drift.jsonl"


def test_a_rerun_changes_nothing(cli, meal, tmp_path):
    path = day(tmp_path, "d1", *measured(seed=21, date="2026-03-01"))
    first = cli("transfer", "drift", meal, path).stdout
    history = (meal / "drift.jsonl").read_bytes()
    later = day(tmp_path, "d2", *measured(seed=22, date="2026-03-02"))
    assert cli("transfer", "drift", meal, later).exit_code == 0
    assert (meal / "drift.jsonl").read_bytes().startswith(history)
    assert cli("transfer", "drift", meal, path).stdout == first
    assert len(read_controls(meal)) == 24


def test_a_bias_is_given_with_its_number(cli, meal, tmp_path):
    shifted = heights(STANDARDS) + np.array([0.3, 0.0])  # the instrument sees 0.3 % more fat
    row = spectra_of(shifted, seed=5)
    path = day(
        tmp_path,
        "d1",
        *named(row, extra={"date": "2026-03-05"}),
    )
    done = cli("transfer", "drift", meal, path)
    assert done.exit_code == 0
    assert {one["verdict"] for one in rows(done.stdout)} == {"bias correction"}
    assert check(meal)[-1]["result"]["correction"]["fat"] == pytest.approx(-0.3, abs=0.01)
    assert check(meal)[-1]["result"]["correction"]["water"] is None
    assert "fat: mean error +0.29" in done.stderr
    assert cli("transfer", "drift", meal, path, "--fail-on", "action").exit_code == 4
    assert cli("transfer", "drift", meal, path, "--fail-on", "watch").exit_code == 4


def test_a_shifted_wavelength_axis_asks_for_a_new_transfer(cli, meal, tmp_path):
    row = spectra_of(heights(STANDARDS), seed=5, shift=5.0)  # half a channel of 10 nm
    path = day(tmp_path, "d1", *named(row))
    done = cli("transfer", "drift", meal, path, "--date", "2026-03-05")
    found = rows(done.stdout)
    assert {one["verdict"] for one in found} == {"transfer again"}
    shifts = [float(one["shift"]) for one in found]
    np.testing.assert_allclose(shifts, 0.5, atol=0.05)
    assert "the wavelength axis is off by +0." in done.stderr


def test_errors_that_differ_among_samples_are_no_bias(cli, meal, tmp_path):
    wrong = heights(STANDARDS) + np.array([[1, -1, 1, -1, 1, -1], [0] * 6]).T * 0.5
    row = spectra_of(wrong, seed=5)
    path = day(tmp_path, "d1", *named(row))
    done = cli("transfer", "drift", meal, path, "--date", "2026-03-05")
    assert {one["verdict"] for one in rows(done.stdout)} == {"transfer again"}
    assert "differ among themselves by more than chance" in done.stderr


def test_spectra_beyond_the_gates_are_watched_or_ask_for_a_new_transfer(cli, meal, tmp_path):
    row = spectra_of(heights(STANDARDS), seed=5)
    bump = 0.05 * np.exp(-(((AXIS - 1350) / 10) ** 2))
    first = np.eye(6)[0][:, None]
    one = day(tmp_path, "one", *named(row + 0.2 * first * bump))
    done = cli("transfer", "drift", meal, one, "--date", "2026-03-05")
    assert "1 of 6 spectra are beyond the limits of q or t2" in done.stderr
    every = day(tmp_path, "every", *named(row + bump))
    done = cli("transfer", "drift", meal, every, "--date", "2026-03-06")
    assert {one["verdict"] for one in rows(done.stdout)} == {"transfer again"}
    assert "6 of 6 spectra are beyond" in done.stderr


def test_a_creeping_bias_is_found_by_cusum_over_the_days(cli, meal, tmp_path):
    """Each day is within its own limits; together they are not."""
    facts = ControlFacts.of(Bundle(meal / "meal@1"))
    sd = max(facts.repeatability["fat"] * sqrt(1 + 1 / 3), 0.3 * facts.residual["fat"]) / sqrt(6)
    verdicts = []
    for number in range(1, 7):
        moved = heights(STANDARDS) + np.array([1.7 * sd, 0])
        row = spectra_of(moved, seed=number, noise=1e-6)
        path = day(tmp_path, f"d{number}", *named(row))
        done = cli("transfer", "drift", meal, path, "--date", f"2026-03-0{number}")
        verdicts.append(rows(done.stdout)[0]["verdict"])
    # z is about 1.7 each day: CUSUM grows by 1.2 and passes 5 on the fifth
    assert verdicts[:4] == ["keep"] * 4
    assert verdicts[4] == "bias correction"
    assert verdicts[5] == "keep"  # it starts anew after an alarm


def test_reference_values_are_taken_from_a_table_or_the_file(cli, meal, tmp_path):
    path = day(tmp_path, "d1", *measured(("x7", "x8"), seed=1, known=True, date="2026-03-05"))
    found = rows(cli("transfer", "drift", meal, path).stdout)
    assert {one["known_from"] for one in found} == {"reference"}
    assert float(found[0]["known"]) == pytest.approx(heights(["x7"])[0, 0])
    table = tmp_path / "known.csv"
    table.write_text("sample,fat [%]\nx7,9.5\n")
    found = rows(cli("transfer", "drift", meal, path, "--targets", table).stdout)
    assert [one["known"] for one in found] == ["9.5", "", "", ""]
    assert check(meal)[-1]["inputs"][-1]["path"] == str(table)


def test_unknown_samples_are_said_not_to_be_judged(cli, meal, tmp_path):
    path = day(tmp_path, "d1", *measured(("x7",), seed=1, date="2026-03-05"))
    done = cli("transfer", "drift", meal, path)
    assert done.exit_code == 0
    assert (
        "fat: no control sample with a known value and a limit, so it is not judged" in done.stderr
    )


def test_an_error_of_rounding_is_shown_as_none():
    """The spectra of the fit itself differed by "-7.401e-16 % ... -0.0 sd"."""
    facts = ControlFacts(
        {"s": {"fat": 9.0}}, {"s": 1}, {"fat": nan}, {"fat": 0.2}, np.zeros(3), {}, nan
    )
    one = Control(
        date="2026-01-01", model="m", file="f", sha256="0", spectrum="1", number=0, sample="s",
        property="fat", predicted=9.0 - 1.8e-15, known=9.0, known_from="fit", q=0.0, t2=0.0,
        gate="pass", shift=0.0,
    )  # fmt: skip
    (said, *_) = judge(facts, [one], "2026-01-01", {"fat": "%"}).reasons
    assert said == "fat: mean error +0 % over 1 sample is +0.0 sd: within its limits"


def test_a_day_without_any_known_sample_does_not_say_keep(cli, meal, tmp_path):
    """A mistyped sample id was answered with "keep", exit 0."""
    path = day(tmp_path, "d1", *measured(("x7",), seed=1, date="2026-03-05"))
    done = cli("transfer", "drift", meal, path, "--fail-on", "watch")
    assert done.exit_code == 4
    assert {one["verdict"] for one in rows(done.stdout)} == {"watch"}
    assert "'x7' is no standard of the fit and has no reference value (standards: " in done.stderr
    assert "give --targets" in done.stderr


def test_errors_have_one_line_and_the_right_code(cli, meal, source, tmp_path):
    good = day(tmp_path, "d1", *measured(seed=1))

    def fails(code, words, *args):
        done = cli("transfer", "drift", *args)
        assert done.exit_code == code, done.stderr
        assert words in done.stderr
        assert "Traceback" not in done.stderr

    fails(2, "does not say on which day sample 's1' was measured", meal, good)
    fails(2, "--date 'soon' is no date", meal, good, "--date", "soon")
    fails(2, "--date '2026-02-30' is no date", meal, good, "--date", "2026-02-30")
    fails(2, "is no such folder", tmp_path / "none", good, "--date", "2026-01-01")
    fails(3, "inputs could not be read", meal, tmp_path / "none.h5", "--date", "2026-01-01")
    raman = day(tmp_path, "r", trace(np.ones(61), "s1", modality="raman"))
    fails(4, "nothing in the inputs fits", meal, raman, "--date", "2026-01-01")
    fails(2, "has no column 'sample'", meal, good, "--date", "2026-01-01", "--targets",
          write(tmp_path / "t.csv", "tube,fat\n1,2\n"))  # fmt: skip
    fails(3, "'high' is no number", meal, good, "--date", "2026-01-01", "--targets",
          write(tmp_path / "u.csv", "sample,fat\ns1,high\n"))  # fmt: skip
    fails(3, "'fat' is in g/kg; the model answers in %", meal, good, "--date", "2026-01-01",
          "--targets", write(tmp_path / "v.csv", "sample,fat [g/kg]\ns1,90\n"))  # fmt: skip
    fails(2, "has no values of fat, water", meal, good, "--date", "2026-01-01", "--targets",
          write(tmp_path / "w.csv", "sample,ash\ns1,90\n"))  # fmt: skip
    fails(2, "belongs to the transfer", meal, good, "--date", "2026-01-01", "--report",
          meal / "report.html")  # fmt: skip
    assert not (meal / "drift.jsonl").exists()
    write(meal / "drift.jsonl", '{"date": 1}\n')
    fails(3, "drift.jsonl: line 1 is no control measurement", meal, good, "--date", "2026-01-01")
    fit(tmp_path / "bare", source, calibration=False)
    fails(4, "keeps nothing of its standards", tmp_path / "bare", good, "--date", "2026-01-01")


def write(path, text):
    path.write_text(text)
    return path


@pytest.mark.parametrize("told", [{"samples": 1}, {"samples": {}}, [1], {"samples": {"a": None}}])
def test_stored_facts_of_another_form_are_refused(tmp_path, told):
    calibration = {"half_width": [None, None], "drift": told}
    broken, _ = fit_into(tmp_path, "meal@2", said_otherwise={"calibration": calibration})
    with pytest.raises(MismatchError, match="of another form"):
        ControlFacts.of(broken)


def test_a_file_that_cannot_be_read_lets_the_others_be_judged(cli, meal, tmp_path):
    good = day(tmp_path, "d1", *measured(seed=1, date="2026-03-05"))
    (tmp_path / "bad.h5").write_bytes(b"x")
    done = cli("transfer", "drift", meal, good, tmp_path / "bad.h5")
    assert done.exit_code == 3
    assert len(rows(done.stdout)) == 12


def test_the_report_is_written(cli, meal, tmp_path):
    path = day(tmp_path, "d1", *measured(seed=1, date="2026-03-05"))
    report, summary = tmp_path / "drift.html", tmp_path / "s.json"
    done = cli("transfer", "drift", meal, path, "--report", report, "--summary", summary)
    assert done.exit_code == 0, done.stderr
    text = report.read_text()
    assert "meal@1" in text
    assert text.count("<figure") == 4  # two charts of errors, one of q, one of t2
    assert json.loads(summary.read_text())["outputs"] == [str(report)]


def test_verify_finds_a_changed_history(cli, meal, tmp_path):
    path = day(tmp_path, "d1", *measured(seed=1, date="2026-03-05"))
    cli("transfer", "drift", meal, path)
    assert cli("transfer", "verify", meal, "--no-rerun").exit_code == 0
    history = meal / "drift.jsonl"
    history.write_bytes(history.read_bytes().splitlines(keepends=True)[0])
    done = cli("transfer", "verify", meal, "--no-rerun")
    assert done.exit_code == 3
    assert "drift.jsonl: was changed since entry 2" in done.stderr


@pytest.mark.parametrize(
    ("text", "found"),
    [("2026-03-05T10:00:00Z", "2026-03-05"), ("2026/3/5 10:00", "2026-03-05"),
     ("05.03.2026", "2026-03-05"), ("03/05/2026", ""), ("2026-13-01", ""), ("", ""),
     ("20260305", ""), ("2026-03-051", "")],
)  # fmt: skip
def test_only_dates_whose_order_is_clear_are_read(text, found):
    assert day_of(text) == found


FACTS = ControlFacts(
    samples={}, replicates={"a": 2}, repeatability={"fat": 0.1}, residual={"fat": 0.2},
    mean_spectrum=np.zeros(3), shifts={}, shift_sd=0.01,
)  # fmt: skip


def control(date, residual, sample="a", number=0, known_from="reference", **more):
    told = {"q": 1.0, "t2": 1.0, "gate": "pass", "shift": float("nan"), **more}
    return Control(
        date, "m", "f", date, "", hash(sample) + number, sample, "fat", 10 + residual, 10.0,
        known_from, **told,
    )  # fmt: skip


@given(st.lists(st.floats(-1, 1), min_size=1, max_size=30))
def test_the_chart_is_shewharts_and_pages(residuals):
    found = chart(FACTS, [control(f"2026-01-{k + 1:02d}", r) for k, r in enumerate(residuals)])
    high = low = 0.0
    for one, residual in zip(found, residuals, strict=True):
        z = residual / 0.2
        assert one.z == pytest.approx(z, abs=1e-9)
        high, low = max(0, high + z - 0.5), max(0, low - z - 0.5)
        assert (one.high, one.low) == (pytest.approx(high, abs=1e-9), pytest.approx(low, abs=1e-9))
        if abs(one.z) > 3 or max(one.high, one.low) > 5:
            high = low = 0.0


def test_replicates_of_the_day_and_of_the_fit_share_the_uncertainty():
    some = [control("d", r, number=k, known_from="fit") for k, r in enumerate((0.1, 0.3, 0.2))]
    (one,) = chart(FACTS, some)
    assert (one.n, one.mean) == (1, pytest.approx(0.2))
    assert one.sd == pytest.approx(0.1 * sqrt(1 / 3 + 1 / 2))
    (mixed,) = chart(FACTS, [*some, control("d", -0.4, "b")])
    assert mixed.mean == pytest.approx(-0.1)
    assert mixed.sd == pytest.approx(sqrt(0.1**2 * (1 / 3 + 1 / 2) + 0.2**2) / 2)


@given(st.lists(st.floats(-0.4, 0.4), min_size=4, max_size=8), st.integers(0, 10**6))
def test_scatter_is_judged_by_chi2(residuals, seed):
    some = [control("d", r, f"s{k}") for k, r in enumerate(residuals)]
    found = judge(FACTS, some, "d", {"fat": "%"})
    r = np.array(residuals)
    beyond = ((r - r.mean()) ** 2).sum() / 0.2**2 > chi2.ppf(0.9973, len(r) - 1)
    assert (found.verdict == "transfer again") == bool(beyond)


def test_false_alarms_are_as_rare_as_promised():
    """In control: |z| > 3 in 0.27 % of days; CUSUM alarms about once in 465 days (both sides)."""
    rng = np.random.default_rng(1)
    days = [f"{k:06d}" for k in range(20_000)]
    z = rng.normal(0, 0.2, len(days))
    found = chart(FACTS, [control(d, r) for d, r in zip(days, z, strict=True)])
    alarms = sum(max(one.high, one.low) > 5 for one in found)
    assert 20_000 / 700 < alarms < 20_000 / 330  # ARL0 of k 0.5, h 5 is 465 (Montgomery table 9.3)


@given(st.floats(-2, 2), st.integers(0, 100))
def test_a_known_shift_is_found(moved, seed):
    rng = np.random.default_rng(seed)
    x = np.arange(200.0)
    middle, width = rng.uniform(30, 170, 5), rng.uniform(5, 12, 5)

    def at(axis):
        return np.exp(-(((axis[:, None] - middle) / width) ** 2)).sum(axis=1)

    (found,) = channel_shift(at(x - moved)[None], at(x))
    assert found == pytest.approx(moved, abs=0.03)


def test_shift_of_what_has_none_is_not_a_number():
    x = np.sin(np.arange(50) / 4)
    for row in (np.zeros(50), np.full(50, np.nan), np.ones(50)):
        assert np.isnan(channel_shift(row[None], x))[0]
    assert np.isnan(channel_shift(x[None], np.zeros(50)))[0]
    assert np.isnan(channel_shift(x[None, :4], x[:4]))[0]


def test_facts_of_replicates_are_those_of_the_textbook():
    rng = np.random.default_rng(0)
    names = ["a", "a", "a", "b", "b", "c"]
    predicted = rng.normal(size=(6, 1))
    spectra = spectra_of(heights(["s1"] * 6), seed=1)
    facts = control_facts(
        names, spectra, predicted, ["fat"], {"fat": np.array([0.3, np.nan, -0.4])}
    )
    a, b = predicted[:3, 0], predicted[3:5, 0]
    pooled = sqrt((a.var(ddof=1) * 2 + b.var(ddof=1)) / 3)
    assert facts["repeatability"]["fat"] == pytest.approx(pooled)
    assert facts["residual"]["fat"] == pytest.approx(sqrt((0.09 + 0.16) / 2))
    assert facts["samples"]["a"]["fat"] == pytest.approx(a.mean())
    assert facts["replicates"] == {"a": 3, "b": 2, "c": 1}
    alone = control_facts(["a", "b"], spectra[:2], predicted[:2], ["fat"], {})
    assert alone["repeatability"]["fat"] is alone["residual"]["fat"] is alone["shift"]["sd"] is None
    json.dumps(facts, allow_nan=False)


def test_the_history_keeps_what_it_was_given(tmp_path):
    one = control("2026-01-02", float("nan"), "ü\udc80")
    two = control("2026-01-01", 0.25)
    add_controls(tmp_path, [one])
    assert len(add_controls(tmp_path, [two, one])) == 2
    assert [c.date for c in read_controls(tmp_path)] == ["2026-01-01", "2026-01-02"]
    assert repr(read_controls(tmp_path)[0]) == repr(two)
    assert read_controls(tmp_path)[1].sample == "ü?"


@pytest.mark.parametrize(
    ("shift", "residual", "verdict"),
    [(0.03, 0.0, "keep"), (0.07, 0.0, "watch"), (-0.12, 0.0, "transfer again"),
     (0.07, 1.0, "transfer again"), (0.0, 1.0, "bias correction"), (0.05, 0.5, "watch")],
)  # fmt: skip
def test_a_small_shift_matters_where_answers_are_off_too(shift, residual, verdict):
    found = judge(FACTS, [control("d", residual, shift=shift)], "d", {"fat": "%"})
    assert found.verdict == verdict


def test_spectra_with_gaps_at_the_fit_keep_what_is_known(tmp_path):
    spectra = spectra_of(heights(["s1", "s1", "s2"]), seed=1)
    spectra[:, 3] = np.nan
    predicted = np.array([[1.0], [1.2], [np.nan]])
    facts = control_facts(["s1", "s1", "s2"], spectra, predicted, ["fat"], {})
    kept = json.loads(json.dumps(facts).replace("NaN", "null"))  # as the manifest keeps it
    assert kept["shift"] == {"samples": {"s1": None, "s2": None}, "sd": None}
    assert kept["samples"] == {"s1": {"fat": 1.1}, "s2": {"fat": None}}
    calibration = {"half_width": [None, None], "drift": facts}
    bundle, _ = fit_into(tmp_path, "meal@1", said_otherwise={"calibration": calibration})
    read = ControlFacts.of(bundle)
    assert read.samples["s1"] == {"fat": 1.1}
    assert np.isnan(read.samples["s2"]["fat"])
    assert np.isnan(read.mean_spectrum).sum() == 1
