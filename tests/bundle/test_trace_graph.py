"""Graphs of traces give what numpy gives: any chain of steps, heads and gates, any batch."""

import numpy as np
import onnx
import onnxruntime
import pytest
from hypothesis import HealthCheck, assume, given, reject, settings
from hypothesis import strategies as st

from spectrakit.bundle.trace_graph import Member, TraceGraph
from spectrakit.errors import MismatchError
from spectrakit.preprocess.trace_chain import parse_chain
from spectrakit.preprocess.trace_steps import STEPS, TraceStep, apply_trace_steps, fit_steps

P = 90
AXIS = np.linspace(1100, 1278, P)
BATCHES = (1, 3, 17)
EVERY_STEP = (
    "absorbance,als(lam=1000,iterations=4),resample(1110-1270/2.5),smooth(window=5),msc,detrend,"
    "snv,sg1,area,cut(1120-1160,1200-1260),autoscale,mean_centre"
)


def spectra(seed, n=17, p=P):
    """Transmittances: a few broad bands, a slope and noise."""
    rng = np.random.default_rng(seed)
    x = np.linspace(0, 1, p)
    bands = np.exp(-(((x - rng.uniform(0, 1, (n, 4, 1))) / 0.1) ** 2))
    absorbed = (rng.uniform(0.05, 0.5, (n, 4, 1)) * bands).sum(axis=1)
    absorbed += rng.uniform(0, 0.3, (n, 1)) * x + 0.001 * rng.normal(size=(n, p))
    return 10.0**-absorbed


def run(model, values):
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    session = onnxruntime.InferenceSession(model, options, providers=["CPUExecutionProvider"])
    names = [one.name for one in session.get_outputs()]
    return dict(zip(names, session.run(names, {"spectrum": values}), strict=True))


def close(found, expected, tolerance=1e-9):
    size = np.abs(expected[np.isfinite(expected)]).max(initial=0.0)
    np.testing.assert_allclose(found, expected, rtol=0, atol=tolerance * size)


STEP_TEXTS = st.one_of(
    st.sampled_from(
        ["snv", "msc", "sg1", "sg2", "area", "max", "vector", "range", "mean_centre", "autoscale",
         "cut(1120-1250)", "cut(1100-1190,1200-1278)", "absorbance"]
    ),
    st.builds(
        lambda half, order, derivative: (
            f"sg(window={2 * half + 1},order={min(order, 2 * half)},derivative={derivative})"
        ),
        st.integers(1, 6), st.integers(0, 4), st.integers(0, 2),
    ),
    st.builds("detrend(order={})".format, st.integers(0, 4)),
    st.builds("smooth(window={}%)".format, st.integers(5, 15)),
    st.builds("als(lam={:.4g},p={:.3g},iterations={})".format, st.floats(1, 1e5),
              st.floats(0.001, 0.5), st.integers(1, 4)),
    st.builds("resample({:.6g}-{:.6g}/{:.3g})".format, st.floats(1125, 1140),
              st.floats(1230, 1245), st.floats(0.5, 3)),
)  # fmt: skip


@settings(deadline=None, max_examples=60, suppress_health_check=[HealthCheck.filter_too_much])
@given(st.lists(STEP_TEXTS, min_size=1, max_size=4), st.integers(0, 5), st.booleans())
def test_any_chain_is_the_same_in_the_graph(texts, seed, falling):
    values = spectra(seed)
    axis = AXIS[::-1] if falling else AXIS
    try:
        steps = fit_steps(parse_chain(",".join(texts)), values, axis)
    except MismatchError:  # a resampling outside of what a cut left, negative "transmittance"
        reject()
    assume(np.isfinite(apply_trace_steps(values, axis, steps)[0]).all())
    graph = TraceGraph(axis)
    graph.apply(steps)
    graph.output("x")
    model = graph.to_bytes()
    for batch in BATCHES:
        expected, new_axis = apply_trace_steps(values[:batch], axis, steps)
        np.testing.assert_array_equal(graph.axis_of(), new_axis)
        close(run(model, values[:batch])["x"], expected)


def test_every_step_has_a_graph():
    values = spectra(0)
    steps = fit_steps(parse_chain(EVERY_STEP), values, AXIS)
    assert {(one.step, one.version) for one in steps} == set(STEPS)
    graph = TraceGraph(AXIS, dtype=np.float32, output_dtype=np.float32)
    graph.apply(steps)
    graph.output("x")
    found = run(graph.to_bytes(), values.astype(np.float32))["x"]
    expected, _ = apply_trace_steps(values.astype(np.float32), AXIS, steps)
    assert found.dtype == np.float32
    close(found, expected, 1e-6)


def members(graph, q=2, seed=1):
    rng = np.random.default_rng(seed)
    made = []
    for basis in ("snv", "snv", "first", "mapped"):
        p = len(graph.axis_of(basis))
        width = {"coefficients": rng.normal(size=(p, q)), "offset": rng.normal(size=q)}
        limits = {"lower": np.array([-2.0, -np.inf]), "upper": np.array([2.0, np.inf])}
        made.append(Member(basis, weight=rng.uniform(size=q), **width, **limits))
    return made


def transfer_graph(**kinds):
    values = spectra(0)
    graph = TraceGraph(AXIS, **kinds)
    graph.apply(fit_steps(parse_chain("absorbance,resample(1110-1270/2)"), values, AXIS))
    common, axis = apply_trace_steps(values, AXIS, parse_chain("absorbance,resample(1110-1270/2)"))
    shift = np.eye(len(axis)) + 0.01 * np.random.default_rng(3).normal(size=(len(axis),) * 2)
    graph.affine("transferred", shift, np.full(len(axis), 0.1))
    graph.basis("snv", fit_steps(parse_chain("snv"), common, axis))
    graph.basis("first", fit_steps(parse_chain("sg1"), common, axis))
    graph.basis("mapped", fit_steps(parse_chain("msc"), common, axis), of="transferred")
    return graph, values, common, axis, shift


def test_a_head_is_the_weighted_sum_of_clipped_models():
    graph, values, common, axis, shift = transfer_graph()
    made = members(graph)
    graph.head(made)
    model = graph.to_bytes(check=values)
    msc = fit_steps(parse_chain("msc"), common, axis)
    bases = {
        "snv": apply_trace_steps(common, axis, parse_chain("snv"))[0],
        "first": apply_trace_steps(common, axis, parse_chain("sg1"))[0],
        "mapped": apply_trace_steps(common @ shift + 0.1, axis, msc)[0],
    }
    expected = sum(
        one.weight * np.clip(one.offset + bases[one.basis] @ one.coefficients, one.lower, one.upper)
        for one in made
    )
    for batch in BATCHES:
        close(run(model, values[:batch])["value"], expected[:batch])
    clipped = [one.offset + bases[one.basis] @ one.coefficients for one in made]
    assert any((np.abs(one[:, 0]) > 2).any() for one in clipped)  # the limits were needed


def test_gates_are_the_residual_and_the_distance_in_scores():
    graph, _, common, axis, _ = transfer_graph()
    mean = common.mean(axis=0)
    _, singular, rows = np.linalg.svd(common - mean, full_matrices=False)
    loadings, variances = rows[:3].T, singular[:3] ** 2 / (len(common) - 1)
    graph.gate(mean, loadings, variances)
    new = spectra(9)
    moved, _ = apply_trace_steps(new, AXIS, parse_chain("absorbance,resample(1110-1270/2)"))
    found = run(graph.to_bytes(check=new), new)
    projector = np.eye(len(axis)) - loadings @ loadings.T
    centred = moved - mean
    np.testing.assert_allclose(found["q"], np.diag(centred @ projector @ centred.T), rtol=1e-9)
    covariance = loadings @ np.diag(1 / variances) @ loadings.T
    np.testing.assert_allclose(found["t2"], np.diag(centred @ covariance @ centred.T), rtol=1e-9)
    assert found["q"].shape == (17,)


def test_a_spectrum_with_nan_answers_nan_and_harms_no_other():
    graph, values, common, _, _ = transfer_graph()
    graph.head(members(graph))
    mean, loadings = common.mean(axis=0), np.eye(common.shape[1])[:, :2]
    graph.gate(mean, loadings, np.ones(2))
    model = graph.to_bytes()
    bad = values.copy()
    bad[2, 40], bad[5, 50], bad[6] = np.nan, np.inf, -1.0  # the last is no transmittance
    for one in (bad, bad[2:3]):
        found, expected = run(model, one), graph.expected(one)
        for name in found:
            np.testing.assert_array_equal(np.isnan(found[name]), np.isnan(expected[name]))
    found, whole = run(model, bad), run(model, values)
    good = ~np.isin(np.arange(17), (2, 5, 6))
    for name in found:
        assert np.isnan(found[name][~good]).all()
        np.testing.assert_array_equal(found[name][good], whole[name][good])


@pytest.mark.parametrize("text", ["snv", "msc", "sg1", "detrend", "als(lam=10)", "area", "range",
                                  "max", "vector", "sg1,snv", "absorbance"])  # fmt: skip
def test_missing_and_constant_rows_are_missing_in_both(text):
    values = spectra(0)
    values[0] = 0.1
    values[1, [0, -1]] = np.nan
    values[2, 30] = -np.inf
    values[3] = 0.0
    steps = fit_steps(parse_chain(text), np.abs(spectra(1)), AXIS)
    graph = TraceGraph(AXIS)
    graph.apply(steps)
    graph.output("x")
    found = run(graph.to_bytes(), values)["x"]
    expected, _ = apply_trace_steps(values, AXIS, steps)
    assert np.isnan(expected[[1, 2]]).any(axis=1).all()
    np.testing.assert_array_equal(np.isnan(found), np.isnan(expected))
    close(found[4:], expected[4:])


def test_a_dead_channel_that_is_cut_away_does_no_harm():
    values = spectra(0)
    values[:, 0] = np.nan
    graph = TraceGraph(AXIS)
    graph.apply(fit_steps(parse_chain("cut(1120-1250),snv"), values, AXIS))
    graph.output("x")
    assert np.isfinite(run(graph.to_bytes(check=values), values)["x"]).all()


def test_a_stiff_baseline_has_the_same_digits_in_the_graph():
    """lam 1e9 is conditioned so badly that another order of operations gives other digits."""
    values = spectra(4, p=300)
    graph = TraceGraph(np.arange(300.0))
    graph.apply(fit_steps(parse_chain("als(lam=1e9,p=0.001)"), values, np.arange(300.0)))
    graph.output("x")
    np.testing.assert_array_equal(run(graph.to_bytes(), values)["x"], graph.expected(values)["x"])


def test_models_are_of_an_old_enough_format_and_the_same_bytes_twice(tmp_path):
    models = []
    for name in ("a.onnx", "b.onnx"):
        graph, values, *_ = transfer_graph(output_dtype=np.float32)
        graph.head(members(graph))
        graph.output("common")
        models.append(graph.save(tmp_path / name, outputs=["value"], check=values).read_bytes())
    assert models[0] == models[1]
    model = onnx.load_from_string(models[0])
    onnx.checker.check_model(model, full_check=True)
    assert (model.ir_version, model.opset_import[0].version) == (8, 18)
    assert [one.name for one in model.graph.output] == ["value"]
    assert run(models[0], values)["value"].dtype == np.float32


def test_an_empty_batch_has_an_empty_answer():
    graph, values, *_ = transfer_graph()
    graph.head(members(graph))
    assert run(graph.to_bytes(), values[:0])["value"].shape == (0, 2)


def test_what_does_not_fit_is_refused():
    graph, *_ = transfer_graph()
    good = members(graph)[0]
    with pytest.raises(MismatchError, match="no basis 'snw'"):
        graph.basis("x", of="snw")
    with pytest.raises(MismatchError, match="needs a member"):
        graph.head([])
    with pytest.raises(MismatchError, match=r"coefficients of shape .81, 2. stands where .3, 2."):
        cut = graph.basis("cut", [TraceStep("cut", 1, {"ranges": [[1110, 1114]]})])
        graph.head([Member(cut, good.coefficients, good.offset, good.weight, good.lower,
                           good.upper)])  # fmt: skip
    with pytest.raises(MismatchError, match="lacks reference"):
        graph.basis("x", [TraceStep("msc")])
    with pytest.raises(MismatchError, match="outside the axis"):
        graph.basis("x", [TraceStep("resample", 1, {"points": [1.0]})])
    with pytest.raises(MismatchError, match="no output 'valu'"):
        graph.to_bytes(outputs=["valu"])


def test_a_graph_that_differs_from_numpy_is_not_written(tmp_path, monkeypatch):
    graph, values, *_ = transfer_graph()
    graph.head(members(graph))
    truth = graph.expected
    monkeypatch.setattr(graph, "expected", lambda v: {k: a + 1e-6 for k, a in truth(v).items()})
    with pytest.raises(MismatchError, match="'value' differs from numpy"):
        graph.save(tmp_path / "a.onnx", check=values)
    assert not list(tmp_path.iterdir())
