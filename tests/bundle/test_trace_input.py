"""Spectra on other axes than a bundle's: flipped, converted, resampled, or refused by name."""

import csv
import logging

import numpy as np
import pytest
from small_models import trace_bundle

from spectrakit.bundle import Bundle, Step, write_bundle
from spectrakit.bundle.predict import inputs_of, predict
from spectrakit.bundle.trace_graph import Member, TraceGraph
from spectrakit.errors import MismatchError, UsageError
from spectrakit.preprocess.axes import convert_axis
from spectrakit.preprocess.trace_chain import parse_chain
from spectrakit.preprocess.trace_steps import apply_trace_steps, fit_steps
from spectrakit.spectrum import Axis, Modality, Spectrum
from spectrakit.store import StoreWriter

AXIS = np.linspace(1000.0, 1100.0, 51)
LINE = {"kind": "trace", "axis": [1000.0, 1010.0, 1020.0], "axis_unit": "nm", "resample": True}


def trace(values, axis, unit="nm", modality=Modality.NIR, name="s"):
    return Spectrum(modality, Axis(np.asarray(axis, float), unit), np.asarray(values, float),
                    is_trace=True, native_id=name)  # fmt: skip


def smooth(axis):
    return np.sin(axis / 15.0) + axis / 500


def calibrated(folder, **told):
    """A bundle of one graph, and what it must answer by numpy."""
    rng = np.random.default_rng(2)
    values = smooth(AXIS) + 0.1 * rng.normal(size=(20, 51)).cumsum(axis=1)
    graph = TraceGraph(AXIS)
    chain = fit_steps(parse_chain("resample(1004-1096/2),sg(window=7,derivative=1)"), values, AXIS)
    graph.apply(chain)
    reduced, axis = apply_trace_steps(values, AXIS, chain)
    graph.basis("msc", fit_steps(parse_chain("msc"), reduced, axis))
    p = len(axis)
    graph.head(
        [
            Member("common", rng.normal(size=(p, 1)), np.ones(1), 0.5),
            Member("msc", rng.normal(size=(p, 1)), np.zeros(1), np.array([0.5]), upper=1e3),
        ]
    )
    graph.gate(reduced.mean(axis=0), np.linalg.qr(rng.normal(size=(p, 2)))[0], np.ones(2))
    path = write_bundle(
        folder / "cal@1.0",
        graphs={"predict": graph.to_bytes(check=values)},
        task="regress",
        modality="nir",
        input={"kind": "trace", "axis": AXIS.tolist(), "axis_unit": "nm", **told},
        properties=({"name": "fat", "unit": "%"},),
    )
    return Bundle(path), graph, values


def answers(bundle, *spectra):
    return [one.value for one in predict(bundle, iter(spectra))]


def test_the_own_axis_is_answered_by_the_graph_alone_in_every_digit(tmp_path):
    bundle, graph, values = calibrated(tmp_path)
    found = answers(bundle, *(trace(row, AXIS) for row in values))
    np.testing.assert_allclose(found, graph.expected(values)["value"][:, 0], rtol=1e-9)
    turned = answers(bundle, *(trace(row[::-1], AXIS[::-1]) for row in values))
    assert turned == found


def test_another_axis_that_covers_is_resampled_where_the_manifest_says_so(tmp_path, caplog):
    bundle, graph, _ = calibrated(tmp_path / "a", resample=True)
    own = np.linspace(1110.0, 990.0, 400)  # falling, finer, wider
    values = smooth(own)
    onto = np.interp(AXIS, own[::-1], values[::-1])
    with caplog.at_level(logging.WARNING):
        found = answers(bundle, trace(values, own), trace(values, own))
    np.testing.assert_allclose(found, graph.expected(np.array([onto, onto]))["value"][:, 0])
    said = [one.getMessage() for one in caplog.records if "resampled" in one.getMessage()]
    assert said == ["spectra on 400 points, 1110 to 990 nm are resampled to the 51 points, 1000 to "
                    "1100 nm of bundle cal@1.0."]  # fmt: skip
    strict, *_ = calibrated(tmp_path / "b")
    with pytest.raises(
        MismatchError, match=r"400 points, 1110 to 990 nm; bundle cal@1\.0 takes 51"
    ):
        answers(strict, trace(values, own))


def test_wavenumbers_are_brought_to_wavelengths_and_said_so(tmp_path, caplog):
    bundle, _, values = calibrated(tmp_path)
    with caplog.at_level(logging.WARNING):
        found = answers(bundle, trace(values[0], convert_axis(AXIS, "nm", "cm-1"), "cm-1"))
    assert found == answers(bundle, trace(values[0], AXIS))
    assert "axes in cm-1 are brought to the nm of bundle cal@1.0, as of vacuum." in caplog.text
    covering, *_ = calibrated(tmp_path / "b", resample=True)
    wide = np.linspace(9000.0, 10100.0, 3000)
    found = answers(covering, trace(smooth(1e7 / wide), wide, "cm-1"))
    np.testing.assert_allclose(found, answers(covering, trace(smooth(AXIS), AXIS)), atol=2e-3)


@pytest.mark.parametrize(
    ("axis", "unit", "words"),
    [
        ([1000, 1010, 1019], "nm", "1 of 3 points lie outside the axis 1000 to 1019: 1020"),
        ([1, 2, 3], "ppm", "has 3 points, 1 to 3 ppm; bundle line@1.0 takes 3 points, 1000 to "
         "1020 nm: 'ppm' has no exact map to 'nm'"),
        ([0, 2, 3], "cm-1", "with the value 0"),
        ([1000, 1030, 1020, 1040], "nm", "does not rise or fall"),
        ([1000, np.nan, 1020], "nm", "does not rise or fall"),
        ([1000], "nm", "1 points"),
        ([], "nm", "0 points"),
    ],
)  # fmt: skip
def test_axes_that_do_not_fit_are_refused_by_name(tmp_path, axis, unit, words):
    bundle = Bundle(trace_bundle(tmp_path, input=LINE))
    with pytest.raises(MismatchError) as refused:
        answers(bundle, trace(np.ones(len(axis)), axis, unit))
    assert words in str(refused.value)


def test_a_raman_shift_is_no_wavelength(tmp_path):
    bundle = Bundle(trace_bundle(tmp_path, input=LINE, modality="raman"))
    with pytest.raises(MismatchError, match="no exact map to 'nm'"):
        answers(bundle, trace(np.ones(3), [9800, 9900, 10000], "cm-1", Modality.RAMAN))


def test_steps_of_the_manifest_are_applied_before_the_graph(tmp_path):
    steps = tuple(Step(one.step, one.version, one.parameters) for one in parse_chain("snv"))
    bundle = Bundle(trace_bundle(tmp_path, preprocessing=steps))
    given = trace([1.0, 2.0, 3.0], [1000, 1010, 1020])
    assert inputs_of(bundle, [given])["spectrum"].tolist() == [[-1.0, 0.0, 1.0]]
    unknown = Bundle(trace_bundle(tmp_path, "b@1", preprocessing=(Step("snw", 1),)))
    with pytest.raises(MismatchError, match=r"'snw' version 1 is unknown\. Did you mean 'snv'"):
        answers(unknown, given)


def test_resample_in_a_manifest_is_true_or_false(tmp_path):
    with pytest.raises(UsageError, match="resample is 'yes'"):
        trace_bundle(tmp_path, input={**LINE, "resample": "yes"})


def test_identify_answers_a_store_on_another_axis_and_refuses_one_that_is_too_short(cli, tmp_path):
    calibrated(tmp_path, resample=True)
    for name, start in (("wide", 990.0), ("short", 1001.0)):
        axis = np.linspace(start, 1110.0, 300)
        with StoreWriter(tmp_path / f"{name}.h5") as writer:
            writer.add(trace(smooth(axis), axis, name="scan 1"))
    found = cli("identify", tmp_path / "wide.h5", "-m", tmp_path / "cal@1.0")
    assert found.exit_code == 0, found.stderr
    (row,) = csv.DictReader(found.stdout.splitlines(), delimiter="\t", quoting=csv.QUOTE_NONE)
    assert row["property"] == "fat"
    assert np.isfinite(float(row["value"]))
    refused = cli("identify", tmp_path / "short.h5", "-m", tmp_path / "cal@1.0")
    assert refused.exit_code == 4
    assert "1 of 51 points lie outside the axis 1001 to 1110: 1000" in refused.stderr
