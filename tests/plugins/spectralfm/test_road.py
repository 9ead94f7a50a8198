"""pretrain, distill, adapt, identify, ttt through the command line, at tiny sizes."""

import json

import numpy as np
import pytest
import torch

from spectrakit.bundle import Bundle
from spectrakit.bundle.predict import inputs_of
from spectrakit.run import Run
from spectrakit.spectrum import Axis, Modality, Spectrum
from spectrakit.store import Store, StoreWriter


def answers(cli, store, model):
    """Return (n,) values and the rows of identify."""
    result = cli("identify", store, "-m", model)
    assert result.exit_code == 0, result.stderr
    head, *lines = [line.split("\t") for line in result.stdout.splitlines()]
    rows = [dict(zip(head, line, strict=True)) for line in lines]
    return np.array([float(row["value"]) for row in rows]), rows


def known(store):
    return Store(store).targets["value"][:, 0]


def test_distill_gives_a_bundle_that_equals_torch_and_is_shown(
    tiny, cli, pretrained, labelled, tmp_path
):
    from spectrakit_spectralfm.distill import EncoderGraph
    from spectrakit_spectralfm.load import load_pretrained
    from spectrakit_spectralfm.spectra import CommonAxis

    result = tiny("distill", tmp_path / "d", inputs=[labelled], model=pretrained)
    assert result.exit_code == 0, result.stderr
    path = tmp_path / "d" / "student" / "spectralfm@1"
    shown = cli("models", "show", path)
    assert shown.exit_code == 0, shown.stderr
    told = json.loads(shown.stdout)
    assert told["task"] == "embed"
    assert told["modality"] == "nir"
    bundle = Bundle(path)
    spectra = list(Store(labelled))[:7]
    arrays = inputs_of(bundle, spectra)
    found = bundle.run("encode_spectrum", arrays)
    axis = np.asarray(bundle.manifest.input["axis"])
    graph = EncoderGraph(load_pretrained(pretrained)[0], CommonAxis(axis, "nm", 0)).eval()
    with torch.no_grad():
        expected = graph(torch.from_numpy(np.stack([s.value for s in spectra])))
    for name, value in zip(("embedding", "denoised"), expected, strict=True):
        np.testing.assert_allclose(found[name], value.numpy(), atol=2e-4)


def test_spectra_on_several_axes_cannot_share_one_graph(tiny, pretrained, corpus, tmp_path):
    result = tiny("distill", tmp_path / "d", inputs=[corpus], model=pretrained)
    assert result.exit_code == 4
    assert "--where" in result.stderr


def test_an_encoder_of_traces_ranks_no_molecules(tiny, cli, pretrained, labelled, tmp_path):
    made = tiny("distill", tmp_path / "d", inputs=[labelled], model=pretrained)
    assert made.exit_code == 0, made.stderr
    result = cli("identify", labelled, "-m", tmp_path / "d")
    assert result.exit_code == 4
    assert len(result.stderr.strip().splitlines()) <= 4


def test_a_calibration_predicts_samples_that_it_did_not_see(cli, adapted, labelled):
    values, rows = answers(cli, labelled, adapted)
    truth = known(labelled)
    held = np.arange(len(truth)) % 5 == 0
    assert np.sqrt(np.mean((values - truth)[held] ** 2)) < 0.5 * truth.std()
    assert rows[0]["property"] == "moisture"
    assert rows[0]["unit"] == "%"
    assert all(float(row["lower"]) < float(row["value"]) < float(row["upper"]) for row in rows)


@pytest.mark.parametrize("how", ["lora", "adapters"])
def test_tuning_the_encoder_reports_honest_errors_beside_the_head_alone(
    tiny, cli, pretrained, labelled, tmp_path, how
):
    settings = (f"how={how}", "steps=8")
    result = tiny("adapt", tmp_path / "a", *settings, inputs=[labelled], model=pretrained)
    assert result.exit_code == 0, result.stderr
    assert "the head alone" in result.stderr
    last = Run.open(tmp_path / "a").metrics()[-1]
    assert last["rmsecv"] > 0
    assert last["rmsecv_head"] > 0
    values, _ = answers(cli, labelled, tmp_path / "a")
    truth = known(labelled)
    assert np.sqrt(np.mean((values - truth) ** 2)) < 0.6 * truth.std()


def test_the_same_seed_gives_the_same_calibration(tiny, pretrained, labelled, adapted, tmp_path):
    assert tiny("adapt", tmp_path / "a", inputs=[labelled], model=pretrained).exit_code == 0
    one, two = (
        run / "student" / "calibration@1" / "predict.onnx" for run in (adapted, tmp_path / "a")
    )
    assert one.read_bytes() == two.read_bytes()


def test_a_constant_spectrum_gets_no_value(cli, adapted, tmp_path):
    axis = np.linspace(1100.0, 2300.0, 121)
    with StoreWriter(tmp_path / "flat.h5") as writer:
        writer.add(Spectrum(Modality.NIR, Axis(axis, "nm"), np.ones(121), is_trace=True))
    result = cli("identify", tmp_path / "flat.h5", "-m", adapted)
    assert result.exit_code == 0, result.stderr
    head, line = (row.split("\t") for row in result.stdout.splitlines())
    assert dict(zip(head, line, strict=True))["value"] in ("", "nan")


def test_what_cannot_be_adapted_is_said_in_one_line(
    tiny, pretrained, adapted, labelled, constant, corpus, tmp_path
):
    cases = [
        ((labelled, adapted), (), 4, "was adapted already (pretrain -> adapt head to moisture"),
        ((constant, pretrained), (), 4, "have 'moisture' 7: nothing can be learned"),
        ((corpus, pretrained), (), 4, "no reference values"),
        ((labelled, pretrained), ("property=protein",), 2, "no property 'protein'"),
    ]
    for number, ((store, model), settings, code, told) in enumerate(cases):
        result = tiny("adapt", tmp_path / f"{number}", *settings, inputs=[store], model=model)
        assert result.exit_code == code, result.stderr
        assert told in result.stderr


def test_spectra_outside_what_was_pretrained_are_said(tiny, pretrained, tmp_path):
    axis = np.linspace(400.0, 1000.0, 80)  # nm: beyond the NIR of the corpus
    rng = np.random.default_rng(0)
    with StoreWriter(tmp_path / "vis.h5") as writer:
        for number in range(12):
            amount = rng.uniform(1, 2)
            value = amount * np.exp(-(((axis - 700) / 50) ** 2)) + axis / 1000
            writer.add_target(f"s{number}", "x", amount)
            writer.add(
                Spectrum(
                    Modality.NIR, Axis(axis, "nm"), value, is_trace=True, sample=f"s{number}"
                )
            )  # fmt: skip
    result = tiny("adapt", tmp_path / "a", inputs=[tmp_path / "vis.h5"], model=pretrained)
    assert result.exit_code == 0, result.stderr
    assert "goes beyond the" in result.stderr
