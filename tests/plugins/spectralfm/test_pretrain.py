"""pretrain: what is learned, how it is counted, and that it can be stopped at any step."""

from contextlib import contextmanager

import numpy as np
import pytest

from spectrakit.run import Run
from spectrakit.spectrum import Axis, Modality, Spectrum
from spectrakit.store import StoreWriter
from spectrakit.verbs import training


def test_the_loss_falls_and_held_out_groups_are_judged(tiny, corpus, tmp_path):
    plain = ("steps=80", "rate=0.01", "crop=1", "instruments=0.1", "bottleneck=0")
    result = tiny("pretrain", tmp_path / "run", *plain, inputs=[corpus])
    assert result.exit_code == 0, result.stderr
    rows = Run.open(tmp_path / "run").metrics()
    for name in ("masked", "denoise"):
        losses = [row[name] for row in rows if name in row]
        assert losses[-1] < 0.7 * losses[0], (name, losses)
    assert any("valid_masked" in row for row in rows)


def test_a_stopped_run_goes_on_to_the_same_bytes(tiny, cli, corpus, tmp_path, monkeypatch):
    whole, broken = tmp_path / "whole", tmp_path / "broken"
    assert tiny("pretrain", whole, "steps=6", inputs=[corpus]).exit_code == 0

    @contextmanager
    def after_some_steps():
        yield lambda: len(Run.open(broken).metrics()) >= 2

    with monkeypatch.context() as patched:
        patched.setattr(training, "stop_on_signals", after_some_steps)
        assert tiny("pretrain", broken, "steps=6", inputs=[corpus]).exit_code == 130
    assert cli("pretrain", "--resume", broken).exit_code == 0
    ends = [Run.open(run).last_checkpoint() for run in (whole, broken)]
    assert ends[0].name == ends[1].name
    for file in sorted(ends[0].iterdir()):
        assert file.read_bytes() == (ends[1] / file.name).read_bytes(), file.name


@pytest.mark.parametrize(
    "off", ["invariance=0", "denoise=0", "bottleneck=0", "experts=0", "state_blocks=0", "wavelet="]
)
def test_each_technique_can_be_switched_off(tiny, corpus, tmp_path, off):
    result = tiny("pretrain", tmp_path / "run", "steps=2", off, inputs=[corpus])
    assert result.exit_code == 0, result.stderr
    name = off.partition("=")[0]
    assert name not in Run.open(tmp_path / "run").metrics()[-1]


def test_spectra_that_hold_nothing_are_counted_and_said(tiny, tmp_path):
    axis = np.linspace(1000.0, 2000.0, 50)
    with StoreWriter(tmp_path / "a.h5") as writer:
        for number, value in enumerate([np.sin(axis / 50), np.ones(50), np.full(50, np.nan)] * 2):
            writer.add(
                Spectrum(Modality.NIR, Axis(axis, "nm"), value, is_trace=True, sample=f"s{number}")
            )
    result = tiny("pretrain", tmp_path / "run", "steps=1", inputs=[tmp_path / "a.h5"])
    assert result.exit_code == 0, result.stderr
    assert "constant" in result.stderr
    assert "fewer than 16 points" in result.stderr


@pytest.mark.parametrize(
    ("setting", "told"),
    [("points=100", "points=100 cannot be divided"), ("heads=5", "cannot be divided among 5"),
     ("wavelet=db400", "wavelet=db400 is unknown")],
)  # fmt: skip
def test_numbers_that_do_not_fit_are_refused(cli, spectralfm, corpus, tmp_path, setting, told):
    result = cli("pretrain", corpus, "-m", "spectralfm", "-o", tmp_path / "r", "-s", setting)
    assert result.exit_code == 2
    assert told in result.stderr
