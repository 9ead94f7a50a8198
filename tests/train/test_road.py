"""pretrain, resume and distill of a torch plugin through the command line, in seconds."""

import subprocess
import sys

import numpy as np
import pytest

from spectrakit.bundle import Bundle
from spectrakit.bundle.predict import predict
from spectrakit.store import Store

pytestmark = pytest.mark.usefixtures("torchtoy")


def settings(**values):
    return [word for key, value in values.items() for word in ("-s", f"{key}={value}")]


def pretrain(cli, store, run, seed=0, **values):
    words = ("pretrain", "-m", "torchtoy", store, "-o", run, "--seed", seed, "--device", "cpu")
    return cli(*words, *settings(**values))


def newest(run):
    return sorted((run / "checkpoints").iterdir())[-1]


def same_files(one, other):
    """Check that two folders hold the same bytes."""
    names = sorted(path.name for path in one.iterdir())
    assert names == sorted(path.name for path in other.iterdir())
    for name in names:
        assert (one / name).read_bytes() == (other / name).read_bytes(), name


def test_eight_spectra_are_learned_by_heart(cli, store, tmp_path, losses):
    result = pretrain(cli, store, tmp_path / "run", steps=150, dropout=0.0)
    assert result.exit_code == 0, result.stderr
    found = losses(tmp_path / "run")
    match, line = found[150], found[300]
    assert found[3] > 1.5  # nearly ln 8: nothing is known
    assert match < 0.5 * found[3]
    assert line < 0.1 * found[153]


def test_resumed_run_equals_an_unbroken_one_bit_for_bit(cli, store, tmp_path):
    """Dropout, accumulation, a moving average, the best weights and two stages are all on."""
    options = {"steps": 20, "batch": 4, "accumulate": 2, "average": 0.9, "choose": "loss"}
    whole, broken = tmp_path / "whole", tmp_path / "broken"
    assert pretrain(cli, store, whole, **options).exit_code == 0
    stopped = pretrain(cli, store, broken, **options, trap="stop@7")
    assert stopped.exit_code == 130, stopped.stderr
    assert (broken / "status").read_text() == "stopped\n"
    assert newest(broken).name == "step-000000004"  # in the midst of a recording interval
    plan = broken / "plan.toml"
    plan.write_text(plan.read_text().replace("stop@7", ""))
    resumed = cli("pretrain", "--resume", broken)
    assert resumed.exit_code == 0, resumed.stderr
    same_files(newest(whole), newest(broken))
    assert (whole / "metrics.jsonl").read_bytes() == (broken / "metrics.jsonl").read_bytes()


def test_run_stopped_in_its_second_stage_goes_on_there(cli, store, tmp_path):
    whole, broken = tmp_path / "whole", tmp_path / "broken"
    assert pretrain(cli, store, whole, steps=10, every=5).exit_code == 0
    assert pretrain(cli, store, broken, steps=10, every=5).exit_code == 0
    import shutil

    shutil.rmtree(newest(broken))
    assert newest(broken).name == "step-000000015"
    (broken / "status").write_text("stopped\n")
    resumed = cli("pretrain", "--resume", broken)
    assert resumed.exit_code == 0, resumed.stderr
    same_files(newest(whole), newest(broken))
    assert (whole / "metrics.jsonl").read_bytes() == (broken / "metrics.jsonl").read_bytes()


def test_one_seed_gives_one_result_and_another_another(cli, store, tmp_path, losses):
    for name, seed in (("a", 3), ("b", 3), ("c", 4)):
        assert pretrain(cli, store, tmp_path / name, seed, steps=6, stages=1).exit_code == 0
    assert losses(tmp_path / "a") == losses(tmp_path / "b") != losses(tmp_path / "c")


def test_student_answers_like_torch_through_the_bench(cli, store, tmp_path):
    assert pretrain(cli, store, tmp_path / "run", steps=60, dropout=0.0).exit_code == 0
    out = tmp_path / "distilled"
    result = cli("distill", "-m", tmp_path / "run", store, "-o", out, *settings(steps=150))
    assert result.exit_code == 0, result.stderr
    assert result.stdout == ""
    bundle = Bundle(out / "student" / "torchtoy@1.0")
    with Store(store) as opened:
        spectra = list(opened)
    answers = np.array([one.value for one in predict(bundle, iter(spectra))])
    expected = np.array([spectrum.precursor_mz for spectrum in spectra])
    assert np.corrcoef(answers[:8], expected[:8])[0, 1] > 0.9
    import torch
    from spectrakit_torchtoy.model import Config, Network
    from spectrakit_torchtoy.training import STEPS

    from spectrakit.store.split import split_stores
    from spectrakit.train.checkpoint import load_weights, trained
    from spectrakit.train.data import PeakSource

    folder, checkpoint, which = trained(out)
    network = Network(Config(**checkpoint.maker.architecture)).eval()
    load_weights(folder, network, checkpoint, which)
    data = split_stores([Store(store)], modalities={"msms"}).train
    batch = PeakSource(data, steps=STEPS).batch(np.arange(8))
    with torch.no_grad():
        by_torch = network(batch.mz, batch.intensity, batch.mask)[0][:, 0].numpy()
    np.testing.assert_allclose(answers[:8], by_torch, atol=1e-4 * np.ptp(by_torch))


def test_graph_that_differs_from_torch_is_not_written(cli, store, tmp_path):
    assert pretrain(cli, store, tmp_path / "run", steps=2, stages=1).exit_code == 0
    out = tmp_path / "distilled"
    words = ("distill", "-m", tmp_path / "run", store, "-o", out)
    result = cli(*words, *settings(steps=2, broken="true"))
    assert result.exit_code == 4, result.stderr
    assert not (out / "student").exists()


def test_loss_that_is_not_finite_stops_and_names_the_batch(cli, store, tmp_path):
    run = tmp_path / "run"
    result = pretrain(cli, store, run, steps=20, every=5, batch=4, trap="nan@7")
    assert result.exit_code == 4, result.stderr
    assert "step 7: the loss is nan in the batch of eight.h5 'scan=" in result.stderr
    assert (run / "status").read_text().startswith("failed: step 7")
    assert newest(run).name == "step-000000005"


def test_memory_that_is_short_suggests_parts_or_a_smaller_batch(cli, store, tmp_path):
    result = pretrain(cli, store, tmp_path / "run", steps=20, trap="memory@3")
    assert result.exit_code == 4, result.stderr
    assert "-s accumulate=2" in result.stderr
    assert "-s batch=N" in result.stderr


def test_run_of_another_architecture_is_refused_with_both(cli, store, tmp_path):
    run = tmp_path / "run"
    assert pretrain(cli, store, run, steps=5, every=5, stages=1).exit_code == 0
    (run / "status").write_text("stopped\n")
    plan = run / "plan.toml"
    plan.write_text(plan.read_text().replace("width = 16", "width = 24"))
    result = cli("pretrain", "--resume", run)
    assert result.exit_code == 4, result.stderr
    assert "width is 16 there and 24 here" in result.stderr


def test_checkpoint_of_another_plugin_version_is_refused_with_both(cli, store, tmp_path):
    run = tmp_path / "run"
    assert pretrain(cli, store, run, steps=5, every=5, stages=1).exit_code == 0
    (run / "status").write_text("stopped\n")
    state = newest(run) / "state.json"
    state.write_text(state.read_text().replace('"version": "1"', '"version": "0.7"'))
    result = cli("pretrain", "--resume", run)
    assert result.exit_code == 4, result.stderr
    assert "version 0.7" in result.stderr
    assert "version 1" in result.stderr


def test_damaged_checkpoint_is_named(cli, store, tmp_path):
    run = tmp_path / "run"
    assert pretrain(cli, store, run, steps=5, every=5, stages=1).exit_code == 0
    (run / "status").write_text("stopped\n")
    (newest(run) / "model.safetensors").write_bytes(b"no tensors at all")
    result = cli("pretrain", "--resume", run)
    assert result.exit_code == 3, result.stderr
    assert "step-000000005" in result.stderr


FULL_DISK = """
import resource, sys
from spectrakit.cli import main
resource.setrlimit(resource.RLIMIT_FSIZE, (5000, resource.RLIM_INFINITY))
sys.exit(main(sys.argv[1:]))
"""


@pytest.mark.skipif(sys.platform == "win32", reason="limits of file sizes are of POSIX")
def test_disk_that_is_full_leaves_the_checkpoint_before(cli, store, tmp_path):
    """No file may grow beyond a limit that the small model passes and the optimiser does not."""
    run = tmp_path / "run"
    assert pretrain(cli, store, run, steps=10, every=5, stages=1).exit_code == 0
    import shutil

    shutil.rmtree(newest(run))
    before = {path.name: path.read_bytes() for path in newest(run).iterdir()}
    assert len(before["model.safetensors"]) < 5000 < len(before["optimiser.safetensors"])
    (run / "status").write_text("stopped\n")
    done = subprocess.run(
        [sys.executable, "-c", FULL_DISK, "pretrain", "--resume", str(run)],
        capture_output=True, text=True, check=False, timeout=120,
    )  # fmt: skip
    assert done.returncode == 3, done.stderr
    assert "cannot be written" in done.stderr
    assert [path.name for path in (run / "checkpoints").iterdir()] == ["step-000000005"]
    assert {path.name: path.read_bytes() for path in newest(run).iterdir()} == before


def test_patience_ends_a_stage(cli, store, tmp_path, losses):
    run = tmp_path / "run"
    result = pretrain(cli, store, run, steps=200, every=2, stages=1, rate=0.5, choose="loss",
                      patience=2)  # fmt: skip
    assert result.exit_code == 0, result.stderr
    found = losses(run, "valid_loss")
    assert max(found) < 200
    best = min(found, key=lambda step: (found[step], step))
    assert max(found) == best + 2 * 2
    assert f"the weights of step {best} are the best" in result.stderr


def test_number_that_is_not_validated_is_answered_with_the_nearest(cli, store, tmp_path):
    result = pretrain(cli, store, tmp_path / "run", steps=4, every=2, choose="los")
    assert result.exit_code == 2, result.stderr
    assert "Did you mean 'loss'?" in result.stderr
