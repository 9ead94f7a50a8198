"""Bundles answer what numpy answers, and refuse spectra that they were not made for."""

import pickle
from math import isnan, nan

import numpy as np
import pytest
from onnx import TensorProto, helper
from small_models import OFFSET, TRACE, WEIGHTS, model, straight_line, trace_bundle

from spectrakit.bundle import Bundle, Step, find_bundle, write_bundle
from spectrakit.bundle.predict import inputs_of, predict
from spectrakit.errors import InputError, MismatchError, UsageError
from spectrakit.preprocess.peaks import PeakLists
from spectrakit.preprocess.steps import Context, apply_steps
from spectrakit.spectrum import Axis, Modality, Spectrum

AXIS = np.array([1000.0, 1010.0, 1020.0])


def trace(values, axis=AXIS, unit="nm", modality=Modality.NIR, name="s"):
    return Spectrum(modality, Axis(np.asarray(axis, float), unit), np.asarray(values, np.float32),
                    is_trace=True, native_id=name)  # fmt: skip


def peaks(mz, intensity, **fields):
    return Spectrum(Modality.MSMS, Axis(np.array(mz, float), "m/z"), np.array(intensity, float),
                    **fields)  # fmt: skip


def test_a_regression_answers_what_numpy_answers(tmp_path):
    calibration = {"coverage": 0.9, "half_width": [0.5, None]}
    bundle = Bundle(trace_bundle(tmp_path, calibration=calibration))
    rows = np.random.default_rng(0).normal(size=(600, 3))
    spectra = [trace(row, name=str(k)) for k, row in enumerate(rows)]
    answers = list(predict(bundle, iter(spectra)))
    expected = rows @ WEIGHTS + OFFSET
    np.testing.assert_allclose(
        np.array([a.value for a in answers]).reshape(-1, 2), expected, atol=1e-5
    )
    assert [a.property for a in answers[:2]] == ["moisture", "fat"]
    assert [a.spectrum for a in answers[:4]] == ["0", "0", "1", "1"]
    assert answers[0].unit == "%"
    assert answers[0].upper - answers[0].value == pytest.approx(0.5)
    assert answers[0].value - answers[0].lower == pytest.approx(0.5)
    assert isnan(answers[1].lower)


def test_the_graph_s_own_interval_is_preferred(tmp_path):
    names = ("value", "lower", "upper")
    whole = model(
        [helper.make_node("Sub" if n == "lower" else "Add", ["spectrum", n + "0"], [n])
         for n in names],
        [("spectrum", TensorProto.FLOAT, ["batch", 1])],
        [(n, TensorProto.FLOAT, ["batch", 1]) for n in names],
        {n + "0": np.array([k], np.float32) for k, n in enumerate(names)},
    )  # fmt: skip
    fields = {
        **TRACE,
        "input": {"kind": "trace", "axis": [1000.0], "axis_unit": "nm"},
        "properties": ({"name": "p", "unit": ""},),
        "calibration": {"half_width": [9.0]},
    }
    path = write_bundle(tmp_path / "a@1", graphs={"predict": whole.SerializeToString()}, **fields)
    (answer,) = predict(Bundle(path), iter([trace([5.0], axis=[1000.0])]))
    assert (answer.lower, answer.value, answer.upper) == (4.0, 5.0, 7.0)


def test_a_classification_names_the_likeliest_class(tmp_path):
    whole = model(
        [helper.make_node("Softmax", ["spectrum"], ["probability"], axis=1)],
        [("spectrum", TensorProto.FLOAT, ["batch", 3])],
        [("probability", TensorProto.FLOAT, ["batch", 3])],
    )
    fields = {**TRACE, "task": "classify", "properties": (), "classes": ("rye", "oat", "rice")}
    path = write_bundle(tmp_path / "a@1", graphs={"predict": whole.SerializeToString()}, **fields)
    first, second = predict(Bundle(path), iter([trace([0, 2, 1]), trace([9, 0, 0])]))
    assert (first.value, second.value) == ("oat", "rye")
    assert first.probability == pytest.approx(np.exp(2) / (1 + np.exp(1) + np.exp(2)), rel=1e-5)


def test_a_trace_in_the_other_direction_is_the_same_trace(tmp_path):
    bundle = Bundle(trace_bundle(tmp_path))
    one = list(predict(bundle, iter([trace([1, 2, 3])])))
    other = list(predict(bundle, iter([trace([3, 2, 1], axis=AXIS[::-1])])))
    assert [a.value for a in one] == [a.value for a in other]


@pytest.mark.parametrize(
    ("spectrum", "word"),
    [
        (trace([1, 2]), "2 points"),
        (trace([1, 2], axis=AXIS[:2]), "2 points, 1000 to 1010 nm"),
        (trace([1, 2, 3], axis=AXIS + 0.1), "takes 3 points, 1000 to 1020 nm"),
        (trace([1, 2, 3], unit="cm^-1"), "cm"),
        (trace([1, 2, 3], modality=Modality.RAMAN), "is raman"),
        (trace(np.ones((3, 2))), "3 points"),
    ],
)
def test_spectra_that_do_not_fit_are_refused(tmp_path, spectrum, word):
    if len(spectrum.axis.values) != len(spectrum.value):
        spectrum = trace([1, 2], axis=AXIS[:2])
    with pytest.raises(MismatchError, match=word):
        list(predict(Bundle(trace_bundle(tmp_path)), iter([spectrum])))


def peak_bundle(folder, **fields):
    """Sum of m/z times intensity, plus the first precursor field."""
    whole = model(
        [
            helper.make_node("Cast", ["mz"], ["mz32"], to=TensorProto.FLOAT),
            helper.make_node("Mul", ["mz32", "intensity"], ["product"]),
            helper.make_node("ReduceSum", ["product", "axis"], ["sum"], keepdims=1),
            helper.make_node("Add", ["sum", "precursor"], ["value"]),
        ],
        [("mz", TensorProto.DOUBLE, ["b", "p"]), ("intensity", TensorProto.FLOAT, ["b", "p"]),
         ("precursor", TensorProto.FLOAT, ["b", 1])],
        [("value", TensorProto.FLOAT, ["b", 1])],
        {"axis": np.array([1])},
    )  # fmt: skip
    told = {
        "task": "regress",
        "modality": "msms",
        "input": {"kind": "peaks", "precursor": ["precursor_mz"]},
        "properties": ({"name": "p", "unit": ""},),
        **fields,
    }
    return Bundle(
        write_bundle(folder / "peaks@1", graphs={"predict": whole.SerializeToString()}, **told)
    )


def test_peaks_are_padded_masked_and_cleaned_as_the_manifest_says(tmp_path):
    steps = (Step("below_precursor", 1, {"margin": 1.0}), Step("base_peak_one", 1),
             Step("power", 1, {"exponent": 2.0}))  # fmt: skip
    bundle = peak_bundle(tmp_path, preprocessing=steps)
    spectra = [peaks([100, 200, 300], [1, 2, 8], precursor_mz=250.0),
               peaks([50], [4], precursor_mz=nan), peaks([], [], precursor_mz=10.0)]  # fmt: skip
    arrays = inputs_of(bundle, spectra)
    assert arrays["mz"].tolist() == [[100, 200], [50, 0], [0, 0]]
    assert arrays["intensity"].tolist() == [[0.25, 1.0], [1.0, 0], [0, 0]]
    assert arrays["mask"].tolist() == [[True, True], [True, False], [False, False]]
    assert arrays["mz"].dtype == np.float64
    assert arrays["intensity"].dtype == np.float32
    values = [a.value for a in predict(bundle, iter(spectra))]
    assert values[0] == 25 + 200 + 250
    assert isnan(values[1])
    assert values[2] == 10


def test_more_peaks_than_the_graph_takes_and_unknown_fields_are_refused(tmp_path):
    bundle = peak_bundle(tmp_path / "a", input={"kind": "peaks", "max_peaks": 2, "precursor": []})
    assert inputs_of(bundle, [peaks([1], [1])])["mz"].shape == (1, 2)
    with pytest.raises(MismatchError, match="3 peaks, its graph takes 2"):
        inputs_of(bundle, [peaks([1, 2, 3], [1, 1, 1])])
    bundle = peak_bundle(tmp_path / "b", input={"kind": "peaks", "precursor": ["colour"]})
    with pytest.raises(MismatchError, match="'colour'"):
        inputs_of(bundle, [peaks([1], [1])])


def test_what_a_bundle_cannot_do_is_said(tmp_path):
    line = straight_line(WEIGHTS, OFFSET).SerializeToString()
    bundle = Bundle(trace_bundle(tmp_path, properties=({"name": "moisture"},)))
    with pytest.raises(MismatchError, match="where value"):
        list(predict(bundle, iter([trace([1, 2, 3])])))
    with pytest.raises(MismatchError, match="needs the input 'spectrum'"):
        bundle.run("predict", {"mz": np.ones((1, 3))})
    with pytest.raises(MismatchError, match="fails on spectrum"):
        bundle.run("predict", {"spectrum": np.ones((1, 4))})
    with pytest.raises(MismatchError, match="has no 'rank'; it has predict"):
        bundle.run("rank", {})
    with pytest.raises(InputError, match="none of its files"):
        bundle.read("other.onnx")
    with pytest.raises(UsageError, match="is there already"):
        write_bundle(bundle.path, graphs={"predict": line}, **TRACE)


def test_a_session_opens_once_on_one_thread(tmp_path):
    bundle = Bundle(trace_bundle(tmp_path))
    session = bundle.session("predict")
    assert bundle.session("predict") is session
    assert session.get_session_options().intra_op_num_threads == 1
    again = pickle.loads(pickle.dumps(bundle))  # for worker processes; the session stays here
    assert again.digest == bundle.digest


def test_a_run_means_its_only_student(tmp_path):
    path = trace_bundle(tmp_path / "run" / "student")
    assert find_bundle(str(tmp_path / "run")) == path
    trace_bundle(tmp_path / "run" / "student", "line@2.0")
    with pytest.raises(UsageError, match="holds 2 bundles"):
        find_bundle(str(tmp_path / "run"))


def test_steps_do_what_they_say():
    lists = PeakLists.from_arrays([(np.array([10.0, 20.0]), np.array([1.0, 3.0]))])
    context = Context(np.array([25.0]))

    def after(name, **parameters):
        return apply_steps(lists, context, [(name, 1, parameters)])

    assert after("sum_one").intensity.tolist() == [0.25, 0.75]
    assert after("power", exponent=0.5).intensity.tolist() == [1, np.sqrt(3)]
    assert after("below_precursor", margin=5.0).mz.tolist() == [10, 20]
    assert after("below_precursor", margin=5.1).mz.tolist() == [10]
    assert after("clean_peaks", max_peaks=1).mz.tolist() == [20]
