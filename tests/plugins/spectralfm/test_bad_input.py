"""Bad input through the command line: one clear line for each."""

from contextlib import contextmanager
from shutil import copyfile

import numpy as np
import pytest

from spectrakit.run import Run
from spectrakit.spectrum import Axis, Modality, Spectrum
from spectrakit.store import Store, StoreWriter
from spectrakit.verbs import training


def written(path, n, axis, *, modality=Modality.NIR, labels=True, unit="nm"):
    rng = np.random.default_rng(0)
    with StoreWriter(path, compression="none") as writer:
        for number in range(n):
            sample = f"s{number}"
            writer.add_sample(sample, split="train")
            if labels:
                writer.add_target(sample, "moisture", float(number), "%")
            value = np.exp(-(((np.linspace(0, 1, len(axis)) - 0.4) / 0.1) ** 2)) * number
            value = value + 0.01 * rng.normal(size=len(axis)) + np.linspace(0, 1, len(axis))
            writer.add(
                Spectrum(
                    modality, Axis(axis, unit), value.astype(np.float32), is_trace=True,
                    native_id=sample, sample=sample,
                )
            )  # fmt: skip
    return path


def test_one_labelled_sample_is_too_few(one_error, tiny, pretrained, tmp_path):
    store = written(tmp_path / "one.h5", 1, np.linspace(1100.0, 2300.0, 121))
    result = tiny("adapt", tmp_path / "a", inputs=[store], model=pretrained)
    one_error(result, 4, "1 sample with 'moisture' to learn from; 3 are the least", "10 to 30")


def test_a_range_that_was_not_pretrained_on_is_said_and_fitted(tiny, pretrained, tmp_path):
    store = written(tmp_path / "vis.h5", 12, np.linspace(500.0, 900.0, 80))
    result = tiny("adapt", tmp_path / "a", inputs=[store], model=pretrained)
    assert result.exit_code == 0, result.stderr
    said = [line for line in result.stderr.splitlines() if "goes beyond" in line]
    assert len(said) == 1
    assert "11111 to 20000 cm-1, goes beyond the 4348 to 9091 cm-1 of the nir" in said[0]


def test_a_technique_or_range_that_the_calibration_does_not_read(cli, adapted, tmp_path):
    axis = np.linspace(1300.0, 2000.0, 80)
    short = written(tmp_path / "short.h5", 2, axis, labels=False)
    result = cli("identify", short, "-m", adapted)
    assert result.exit_code == 4, result.stderr
    assert "1300" in result.stderr
    raman = written(
        tmp_path / "raman.h5", 2, axis, modality=Modality.RAMAN, labels=False, unit="cm-1"
    )
    result = cli("identify", raman, "-m", adapted)
    assert result.exit_code == 4, result.stderr
    assert "raman" in result.stderr


def test_one_spectrum_gets_the_answer_that_it_gets_among_others(cli, adapted, labelled, tmp_path):
    first = next(iter(Store(labelled)))
    with StoreWriter(tmp_path / "one.h5") as writer:
        writer.add(first)
    alone, among = (
        cli("identify", path, "-m", adapted) for path in (tmp_path / "one.h5", labelled)
    )
    assert alone.exit_code == 0, alone.stderr

    def value(result):
        head, line, *_ = (row.split("\t") for row in result.stdout.splitlines())
        return float(line[head.index("value")])

    assert abs(value(alone) - value(among)) < 1e-3


def test_a_run_goes_on_with_its_own_data_only(
    one_error, tiny, cli, corpus, labelled, tmp_path, monkeypatch
):
    store, run = tmp_path / "mine.h5", tmp_path / "run"
    copyfile(corpus, store)

    @contextmanager
    def after_two_steps():
        yield lambda: len(Run.open(run).metrics()) >= 2

    with monkeypatch.context() as patched:
        patched.setattr(training, "stop_on_signals", after_two_steps)
        assert tiny("pretrain", run, "steps=6", inputs=[store]).exit_code == 130
    store.unlink()
    copyfile(labelled, store)
    one_error(cli("pretrain", "--resume", run), 4, "holds other data than when the run began")


def test_one_spectrum_alone_makes_batches_of_one_and_that_is_said(tiny, tmp_path):
    store = written(tmp_path / "one.h5", 1, np.linspace(1100.0, 2300.0, 121))
    result = tiny("pretrain", tmp_path / "p", "steps=2", inputs=[store])
    assert result.exit_code == 0, result.stderr
    assert "batches of 1 rows instead of 16" in result.stderr


@pytest.mark.parametrize(("unit", "scale"), [("um", 1e-3), ("cm-1", None)])
def test_ttt_reads_the_units_that_identify_reads(tiny, adapted, tmp_path, unit, scale):
    axis = np.linspace(1100.0, 2300.0, 121)
    nm = written(tmp_path / "nm.h5", 12, axis, labels=False)
    same = axis * scale if scale else 1e7 / axis
    other = written(tmp_path / "other.h5", 12, same, labels=False, unit=unit)
    for out, path in (("a", nm), ("b", other)):
        result = tiny(
            "ttt", tmp_path / out, "steps=2", "least_moved=0", inputs=[path], model=adapted
        )  # fmt: skip
        assert result.exit_code == 0, result.stderr
    assert f"from {unit} to nm, as of vacuum" in result.stderr
    one, two = (
        (tmp_path / run / "student/calibration@2/predict.onnx").read_bytes() for run in "ab"
    )
    assert one == two
