"""ttt: what the gate lets pass, what it refuses, and that labels are never looked at."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from spectrakit_spectralfm.calibration import Calibration
from spectrakit_spectralfm.model import ModelConfig, SpectralModel
from spectrakit_spectralfm.spectra import CommonAxis, Trace, Traces
from spectrakit_spectralfm.testtime import Training, distance, held_aside, judged, trained

from spectrakit.run import Run
from spectrakit.spectrum import Axis, Modality, Spectrum
from spectrakit.store import Store, StoreWriter

SMALL = ModelConfig(points=64, levels=3, width=16, states=2, experts=2, chem=6, inst=3, heads=2)
HALF = np.arange(20) % 2 == 1
AXIS = np.linspace(1100.0, 2300.0, 90)


def spectra(n, seed, *, shift=0.0, gain=1.0, amounts=(0.2, 1.0)):
    rng = np.random.default_rng(seed)
    amount = rng.uniform(*amounts, n)[:, None]
    bands = amount * np.exp(-(((AXIS - 1700 - shift) / 90) ** 2))
    return gain * bands + np.exp(-(((AXIS - 1400 - shift) / 90) ** 2)), amount[:, 0]


@pytest.fixture
def calibration():
    torch.manual_seed(0)
    found = Calibration(SpectralModel(SMALL), CommonAxis(AXIS, "nm", 0)).eval()
    values, known = spectra(40, 0)
    numbers = found.each(found.numbers, values)
    found.set_scales(numbers, level=True)
    found.slope.normal_(0, 0.01)
    found.set_source(found.each(found.features, values), known)
    return found


def test_the_distance_is_zero_for_the_calibrations_own_spectra(calibration):
    values, _ = spectra(40, 0)
    features = calibration.each(calibration.features, values)
    assert float(distance(calibration, features)) < 1e-6
    assert float(distance(calibration, features + 1.0)) > 0.1


def test_training_brings_spectra_of_another_instrument_nearer(calibration):
    values, _ = spectra(20, 1, shift=12.0, gain=1.2)
    before = distance(calibration, calibration.each(calibration.features, values))
    tuned = trained(calibration, values, Training(steps=10, rate=1e-2, alignment=1.0))
    after = distance(calibration, tuned.each(tuned.features, values))
    centred = trained(calibration, values, Training(steps=0))
    only_centred = distance(calibration, centred.each(centred.features, values))
    assert after < only_centred < before
    verdict = judged(calibration, values, Training(steps=5), most_moved=1e9, aside=HALF)
    assert verdict.reason == ""


def test_the_gate_refuses_what_helps_no_spectrum_held_aside(calibration):
    """Every other spectrum is of another instrument: what one half learns misleads the other."""
    one, _ = spectra(10, 1, shift=-30.0, gain=0.6)
    two, _ = spectra(10, 2)
    mixed = np.empty((20, len(AXIS)))
    mixed[::2], mixed[1::2] = one, two
    verdict = judged(calibration, mixed, Training(steps=2), most_moved=1e9, aside=HALF)
    assert "no nearer" in verdict.reason


def test_the_gate_refuses_answers_that_move_too_far(calibration):
    values, _ = spectra(20, 1, shift=12.0, gain=1.2)
    verdict = judged(calibration, values, Training(steps=2), most_moved=0.0, aside=HALF)
    assert "would move by" in verdict.reason


def test_the_gate_refuses_answers_that_hardly_move(calibration):
    """On real pairs the runs that moved farthest gained most, and tablets that hardly moved lost:
    a limit on how far answers may move refused what would have helped."""
    values, _ = spectra(20, 1, shift=12.0, gain=1.2)
    verdict = judged(
        calibration, values, Training(steps=2), most_moved=1e9, aside=HALF, least_moved=1e6
    )
    assert "mostly the samples that differ" in verdict.reason
    passed = judged(
        calibration, values, Training(steps=2), most_moved=1e9, aside=HALF,
        least_moved=verdict.moved,
    )  # fmt: skip
    assert passed.reason == ""


def test_replicates_of_a_sample_stay_on_one_side():
    def side(*samples):
        one = Trace(np.zeros(3), np.arange(3.0), "nm", 0, "", "")
        return held_aside(Traces(tuple(replace(one, sample=name) for name in samples))).tolist()

    assert side("a", "a", "b", "b", "a", "c") == [False, False, True, True, False, False]
    assert side("run", "run", "run") == [False, True, False]


@pytest.mark.parametrize(
    "off", [{"centre": False}, {"reconstruction": 0.0}, {"alignment": 0.0}, {"weights": "all"}]
)
def test_each_part_can_be_switched_off(calibration, off):
    values, _ = spectra(6, 1, shift=5.0)
    before = {name: p.clone() for name, p in calibration.named_parameters()}
    tuned = trained(calibration, values, replace(Training(steps=2, alignment=1.0), **off))
    assert any(not torch.equal(before[name], p) for name, p in tuned.named_parameters())
    assert all(torch.equal(before[name], p) for name, p in calibration.named_parameters())


def test_a_new_instrument_through_the_command_line(
    tiny, cli, adapted, other, unlabelled, labelled, tmp_path
):
    gate = "least_moved=0"
    result = tiny("ttt", tmp_path / "t", "steps=4", gate, inputs=[other], model=adapted)
    assert result.exit_code == 0, result.stderr
    assert "answers move by" in result.stderr
    assert "--standards 0` is expected to be better" in result.stderr
    found = cli("identify", other, "-m", tmp_path / "t")
    assert found.exit_code == 0, found.stderr
    head, *lines = [line.split("\t") for line in found.stdout.splitlines()]
    rows = [dict(zip(head, line, strict=True)) for line in lines]
    assert all(np.isfinite(float(row["value"])) for row in rows)
    assert {row["lower"] for row in rows} == {""}  # of the new instrument nothing is known

    # other labels, the same bytes: they were never looked at
    assert not np.array_equal(Store(other).targets["value"], Store(unlabelled).targets["value"])
    again = tiny("ttt", tmp_path / "u", "steps=4", gate, inputs=[unlabelled], model=adapted)
    assert again.exit_code == 0, again.stderr
    one, two = (tmp_path / run / "student/calibration@2/predict.onnx" for run in "tu")
    assert one.read_bytes() == two.read_bytes()

    assert "16 spectra to learn from, 4 held out" in again.stderr
    assert "the 4 held out are used as well" in again.stderr  # as n=20 in the lineage says

    twice = tiny("ttt", tmp_path / "v", inputs=[other], model=tmp_path / "t")
    assert twice.exit_code == 4
    assert "already (pretrain -> adapt head to moisture" in twice.stderr


def test_what_the_gate_refuses_leaves_no_bundle(tiny, adapted, other, tmp_path):
    result = tiny("ttt", tmp_path / "t", "most_moved=0", inputs=[other], model=adapted)
    assert result.exit_code == 4
    assert "refused: the answers would move by" in result.stderr
    assert "transfer fit OLD NEW -p PROPERTY --standards 0`" in result.stderr
    assert not list((tmp_path / "t").glob("student/*"))
    assert Run.open(tmp_path / "t").status.startswith("failed: refused")
    again = tiny("ttt", tmp_path / "t", inputs=[other], model=adapted)
    assert again.exit_code == 2
    assert "holds a run that failed: refused: the answers would move by" in again.stderr
    assert "choose another --out" in again.stderr


def test_three_spectra_and_models_that_predict_nothing_are_refused(
    tiny, adapted, pretrained, other, tmp_path
):
    with StoreWriter(tmp_path / "three.h5") as writer:
        axis = np.linspace(1100.0, 2300.0, 121)
        for number in range(3):
            value = np.sin(axis / 200 + number)
            writer.add(Spectrum(Modality.NIR, Axis(axis, "nm"), value, is_trace=True))
    few = tiny("ttt", tmp_path / "a", inputs=[tmp_path / "three.h5"], model=adapted)
    assert few.exit_code == 4
    assert "3 spectra are too few" in few.stderr
    early = tiny("ttt", tmp_path / "b", inputs=[other], model=pretrained)
    assert early.exit_code == 4
    assert "predicts nothing yet (pretrain)" in early.stderr
