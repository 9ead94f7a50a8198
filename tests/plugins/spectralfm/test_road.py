"""pretrain, distill, adapt, identify, ttt through the command line, at tiny sizes."""

import json
from collections import Counter

import numpy as np
import pytest
import torch

from spectrakit.bundle import Bundle
from spectrakit.bundle.predict import inputs_of
from spectrakit.spectrum import Axis, Modality, Spectrum
from spectrakit.store import Store, StoreWriter


def answers(cli, store, model):
    """Return (n,) values and the rows of identify."""
    result = cli("identify", store, "-m", model)
    assert result.exit_code == 0, result.stderr
    head, *lines = [line.split("\t") for line in result.stdout.splitlines()]
    rows = [dict(zip(head, line, strict=True)) for line in lines]
    return np.array([float(row["value"]) for row in rows]), rows


def samples(path, name="moisture"):
    """Return all labelled samples of a store."""
    from spectrakit_spectralfm.references import labelled

    from spectrakit.store.dataset import BlockRows, Dataset

    store = Store(path)
    parts = (BlockRows(store, k, np.arange(len(block))) for k, block in store.blocks.items())
    return labelled(Dataset(tuple(parts)), name, Counter().update)


def known(store):
    return Store(store).targets["value"][:, 0]


@pytest.fixture
def encoder(tiny, pretrained, labelled, runs):
    if not (runs / "encoder").exists():
        result = tiny("distill", runs / "encoder", inputs=[labelled], model=pretrained)
        assert result.exit_code == 0, result.stderr
    return runs / "encoder"


def test_distill_gives_a_bundle_that_equals_torch_and_is_shown(cli, encoder, pretrained, labelled):
    from spectrakit_spectralfm.distill import EncoderGraph
    from spectrakit_spectralfm.load import load_pretrained
    from spectrakit_spectralfm.spectra import CommonAxis

    path = encoder / "student" / "spectralfm@1"
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


def test_an_encoder_of_traces_ranks_no_molecules(cli, encoder, labelled):
    result = cli("identify", labelled, "-m", encoder)
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


@pytest.mark.parametrize("how", ["head", "lora", "adapters"])
def test_tuning_lowers_the_error_and_is_judged_by_folds(pretrained, labelled, how):
    """No graph is written here: exporting takes most of the time of a command."""
    from spectrakit_spectralfm.fitting import Tuning, fitted, total_steps
    from spectrakit_spectralfm.load import load_pretrained

    model, _ = load_pretrained(pretrained)
    data = samples(labelled)
    tuning, losses = Tuning(how=how, steps=30, rate=1e-4), {}
    found = fitted(model, data, tuning, losses.__setitem__)
    assert len(losses) == total_steps(data.n_groups, tuning)
    if losses:
        assert (
            losses[total_steps(data.n_groups, tuning)]
            < losses[total_steps(data.n_groups, tuning) - 29]
        )
    assert found.error < 0.5 * data.known.std()
    answers = found.calibration.each(found.calibration, data.spectra).numpy()[:, 0]
    inside = np.sqrt(np.mean((answers - data.known) ** 2))
    assert inside < found.error  # errors of what was learned from are smaller, and not told
    again = fitted(model, data, tuning)
    for one, two in zip(found.calibration.buffers(), again.calibration.buffers(), strict=True):
        assert torch.equal(one, two)
    np.testing.assert_array_equal(found.residuals, again.residuals)


@pytest.mark.slow  # for its graphs
@pytest.mark.parametrize("how", ["lora", "adapters"])
def test_a_tuned_encoder_through_the_command_line(tiny, cli, pretrained, labelled, tmp_path, how):
    settings = (f"how={how}", "steps=8", "meta=2")
    result = tiny("adapt", tmp_path / "a", *settings, inputs=[labelled], model=pretrained)
    assert result.exit_code == 0, result.stderr
    assert "the head alone" in result.stderr
    values, _ = answers(cli, labelled, tmp_path / "a")
    truth = known(labelled)
    assert np.sqrt(np.mean((values - truth) ** 2)) < 0.6 * truth.std()


def test_replicates_of_a_sample_are_averaged(tmp_path):
    axis = np.linspace(1100.0, 2300.0, 30)
    with StoreWriter(tmp_path / "r.h5") as writer:
        for sample, level in (("a", 1.0), ("a", 3.0), ("b", 5.0)):
            writer.add_target(sample, "x", ord(sample))
            value = level * np.sin(axis / 100)
            writer.add(
                Spectrum(Modality.NIR, Axis(axis, "nm"), value, is_trace=True, sample=sample)
            )
    data = samples(tmp_path / "r.h5", "x")
    np.testing.assert_allclose(data.spectra[0], 2 * np.sin(axis / 100), rtol=1e-6)
    np.testing.assert_array_equal(data.known, [97, 98])


def test_a_graph_is_compared_on_samples_that_differ():
    """Two samples of nearly the same answer made rounding look like another graph (corn)."""
    from spectrakit_spectralfm.writing import _apart

    assert _apart(np.array([5.0, 1.0, 3.0, 9.0])).tolist() == [1, 3, 2, 0]
    assert _apart(np.array([5.0, 1.0, 3.0])).tolist() == [1, 0, 2]


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
        ((labelled, pretrained), ("meta=3",), 2, "how=head has neither"),
        ((labelled, pretrained), ("how=lora", "readout=spline"), 2, "how=head only"),
    ]
    for number, ((store, model), settings, code, told) in enumerate(cases):
        result = tiny("adapt", tmp_path / f"{number}", *settings, inputs=[store], model=model)
        assert result.exit_code == code, result.stderr
        assert told in result.stderr


def test_lora_without_blocks_to_change_is_refused(tiny, corpus, labelled, tmp_path):
    off = ("steps=1", "attention_blocks=0")
    assert tiny("pretrain", tmp_path / "p", *off, inputs=[corpus]).exit_code == 0
    result = tiny("adapt", tmp_path / "a", "how=lora", inputs=[labelled], model=tmp_path / "p")
    assert result.exit_code == 2
    assert "how=lora changes transformer blocks" in result.stderr


def test_spectra_outside_what_was_pretrained_are_said(caplog):
    from spectrakit_spectralfm.adapt import say_unseen
    from spectrakit_spectralfm.spectra import CommonAxis

    seen = {"nir": [3.6, 4.0], "raman": []}
    vis = np.linspace(400.0, 1000.0, 80)  # nm: 10,000 to 25,000 cm-1
    for axis, technique, told in (
        (vis, 0, "goes beyond the 3981 to 10000 cm-1 of the nir spectra"),
        (vis, 1, "no ir spectra were pretrained on"),
        (np.linspace(1100.0, 2400.0, 80), 0, ""),
    ):
        caplog.clear()
        with caplog.at_level("INFO"):
            say_unseen(CommonAxis(axis, "nm", technique), seen)
        assert told in caplog.text
        assert bool(caplog.text) == bool(told)
