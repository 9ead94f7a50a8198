"""Chains of steps: their text, what they learn, and what they do again after JSON."""

import json
from dataclasses import asdict

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import signal

from spectrakit.bundle.manifest import Step
from spectrakit.errors import MismatchError, UsageError
from spectrakit.preprocess import traces
from spectrakit.preprocess.trace_chain import chain_text, parse_chain
from spectrakit.preprocess.trace_steps import (
    STEPS,
    TraceStep,
    apply_trace_steps,
    as_matrix,
    axis_after,
    fit_steps,
)

RNG = np.random.default_rng(3)
AXIS = np.linspace(600, 1638, 520)
ROWS = np.cumsum(RNG.normal(size=(5, 520)), axis=1)


def test_a_chain_does_what_its_functions_do():
    steps = fit_steps(
        parse_chain("snv,sg(window=15,order=2,derivative=1),cut(700-900)"), ROWS, AXIS
    )
    values, axis = apply_trace_steps(ROWS, AXIS, steps)
    keep = (AXIS >= 700) & (AXIS <= 900)
    oracle = signal.savgol_filter(traces.snv(ROWS), 15, 2, deriv=1, axis=1)[:, keep]
    np.testing.assert_allclose(values, oracle, atol=1e-12)
    np.testing.assert_array_equal(axis, AXIS[keep])
    np.testing.assert_array_equal(axis_after(AXIS, steps), axis)


@pytest.mark.parametrize(
    "text", ["msc", "mean_centre", "autoscale", "cut(700-900),msc,sg1,autoscale"]
)
def test_what_is_learnt_is_stored_and_used_again(text):
    steps = fit_steps(parse_chain(text), ROWS, AXIS)
    plain = json.dumps([asdict(step) for step in steps])
    stored = [Step(**one) for one in json.loads(plain)]
    new = ROWS[:2] * 1.3 + 0.2
    again, _ = apply_trace_steps(new, AXIS, stored)
    np.testing.assert_array_equal(again, apply_trace_steps(new, AXIS, steps)[0])
    assert fit_steps(stored, new, AXIS) == steps  # learnt once, kept
    if text == "autoscale":
        done, _ = apply_trace_steps(ROWS, AXIS, steps)
        np.testing.assert_allclose(done.mean(axis=0), 0, atol=1e-12)
        np.testing.assert_allclose(done.std(axis=0, ddof=1), 1)


def test_constant_channels_are_centred_and_no_more():
    rows = ROWS[:, :4].copy()
    rows[:, 2] = 0.1
    steps = fit_steps(parse_chain("autoscale"), rows, np.arange(4.0))
    done, _ = apply_trace_steps(rows, np.arange(4.0), steps)
    np.testing.assert_allclose(done[:, 2], 0, atol=1e-12)


def test_spectra_with_nan_teach_nothing():
    rows = np.vstack([ROWS, np.full((1, 520), np.nan)])
    assert fit_steps(parse_chain("msc"), rows, AXIS) == fit_steps(parse_chain("msc"), ROWS, AXIS)
    with pytest.raises(MismatchError, match="none of 1 spectra"):
        fit_steps(parse_chain("msc"), rows[-1:], AXIS)


@pytest.mark.parametrize(
    "text", ["sg1", "sg2", "smooth", "detrend", "resample(700-800/0.7)", "cut(650-700,900-1000)"]
)
def test_linear_steps_are_matrices(text):
    (step,) = fit_steps(parse_chain(text), ROWS, AXIS)
    values, axis = apply_trace_steps(ROWS, AXIS, [step])
    matrix = as_matrix(step, AXIS)
    assert matrix.shape == (len(AXIS), len(axis))
    np.testing.assert_allclose(ROWS @ matrix, values, atol=1e-9)


def test_no_other_step_is_a_matrix():
    with pytest.raises(UsageError, match="'snv' is no matrix"):
        as_matrix(TraceStep("snv"), AXIS)


def test_a_window_in_percent_scales_with_the_channels():
    (step,) = fit_steps(parse_chain("sg(window=2.5%,derivative=1)"), ROWS, AXIS)
    assert step.parameters["window"] == 13  # of 520
    (step,) = fit_steps(parse_chain("smooth(window=0.1%)"), ROWS, AXIS)
    assert step.parameters["window"] == 3


@pytest.mark.parametrize(
    ("text", "canonical"),
    [
        ("raw", "raw"),
        ("", "raw"),
        (" SNV , sg1 ", "snv,sg(window=15,order=2,derivative=1)"),
        ("sg2", "sg(window=15,order=2,derivative=2)"),
        ("sg(window=7)", "sg(window=7,order=2,derivative=0)"),
        ("area,max,vector,range", "area,max,vector,range"),
        ("normalise(kind=max)", "max"),
        ("cut(1638-600,1700-1.8e3)", "cut(600-1638,1700-1800)"),
        ("cut(-100--50)", "cut(-100--50)"),
        ("resample(400-4000/4)", "resample(400-4000/4)"),
        ("resample(start=1,stop=2,step=.5)", "resample(1-2/0.5)"),
        ("als(lam=1e6)", "als(lam=1000000,p=0.01,iterations=10)"),
        ("absorbance(full=100)", "absorbance(full=100,floor=1e-06)"),
        (
            "detrend(order=1),msc,mean_centre,autoscale",
            "detrend(order=1),msc,mean_centre,autoscale",
        ),
        ("smooth(window=2%)", "smooth(window=2%,order=2)"),
    ],
)
def test_texts_of_chains(text, canonical):
    assert chain_text(parse_chain(text)) == canonical
    assert parse_chain(canonical) == parse_chain(text)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("snw", "'snw' is no preprocessing step. Did you mean 'snv'?"),
        ("snv,,sg1", "'' is no preprocessing step"),
        ("snv,detrnd(order=1)", "'detrnd' is no preprocessing step. Did you mean 'detrend'?"),
        ("sg(windw=3)", "'windw=3' in 'sg(windw=3)' is no parameter of sg. Did you mean 'window'?"),
        ("sg(window=a)", "'a' in 'sg(window=a)' is no value of window"),
        ("sg(15)", "'15' in 'sg(15)' is no parameter"),
        ("snv(3)", "no parameter of snv"),
        ("msc(reference=3)", "no parameter of msc"),
        ("cut", "cut lacks its ranges"),
        ("cut(600)", "'600' in a cut is no range"),
        ("resample", "resample lacks its points"),
        ("sg(window=3", "brackets"),
        ("sg)", "brackets"),
        ("normalise(kind=arae)", "'arae' is no kind of normalisation. Did you mean 'area'?"),
        ("snv sg1", "is no preprocessing step"),
    ],
)
def test_a_wrong_chain_is_named(text, words):
    with pytest.raises(UsageError) as refused:
        parse_chain(text)
    assert words in str(refused.value)
    assert refused.value.hint


@given(st.text(alphabet="snvgcut12(),-=./%1 aeo", max_size=30))
def test_any_text_is_a_chain_or_a_usage_error(text):
    try:
        steps = parse_chain(text)
    except UsageError:
        return
    assert parse_chain(chain_text(steps)) == steps


@pytest.mark.parametrize(
    ("step", "words"),
    [
        (TraceStep("snv", 9), "'snv' version 9 is unknown"),
        (TraceStep("smoth"), "Did you mean 'smooth'?"),
        (TraceStep("sg", 1, {"windw": 3}), "Did you mean 'window'?"),
        (TraceStep("msc"), "lacks reference"),
        (TraceStep("cut"), "lacks ranges"),
        (TraceStep("msc", 1, {"reference": [1.0, 2.0]}), "reference of msc of 2 channels"),
        (TraceStep("cut", 1, {"ranges": 5}), "refuses its parameters"),
        (TraceStep("detrend", 1, {"order": "x"}), "refuses its parameters"),
        (TraceStep("msc", 1, {"reference": ["a"]}), "refuses its parameters"),
        (TraceStep("als", 1, {"iterations": 10**9}), "iterations=1000000000"),
        (TraceStep("sg", 1, {"window": 10**12 + 1}), "does not fit 520"),
        (TraceStep("sg", 1, {"window": 4}), "cannot have window 4"),
        (TraceStep("cut", 1, {"ranges": [[1, 2]]}), "no channel lies in 1 to 2"),
        (TraceStep("resample", 1, {"start": 1, "stop": 2, "step": 1}), "lie outside"),
    ],
)
def test_a_stored_step_that_does_not_fit_is_refused(step, words):
    with pytest.raises(MismatchError) as refused:
        apply_trace_steps(ROWS, AXIS, [step])
    assert words in str(refused.value)


def test_steps_are_those_that_bundles_may_name():
    """Versions stay: a bundle of today names them in ten years."""
    assert set(STEPS) == {
        (name, 1)
        for name in (
            "snv", "msc", "sg", "smooth", "detrend", "als", "normalise", "resample", "cut",
            "absorbance", "mean_centre", "autoscale",
        )
    }  # fmt: skip


def test_a_dead_channel_outside_the_cut_does_no_harm():
    rows = ROWS.copy()
    rows[0, 0] = np.nan
    steps = fit_steps(parse_chain("cut(700-900),snv"), ROWS, AXIS)
    assert np.isfinite(apply_trace_steps(rows, AXIS, steps)[0]).all()
