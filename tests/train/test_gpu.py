"""Training on CUDA: run with -m gpu where there is a device."""

import numpy as np
import pytest

pytestmark = [pytest.mark.gpu, pytest.mark.usefixtures("torchtoy", "cuda")]


@pytest.fixture
def cuda():
    """Skip where torch sees no CUDA device."""
    torch = pytest.importorskip("torch", reason="torch is not installed")
    if not torch.cuda.is_available():
        pytest.skip("torch sees no CUDA device")


def pretrain(cli, store, run, device, **values):
    options = [word for key, value in values.items() for word in ("-s", f"{key}={value}")]
    result = cli("pretrain", "-m", "torchtoy", store, "-o", run, "--device", device, *options)
    assert result.exit_code == 0, result.stderr


def test_cuda_loses_what_the_cpu_loses(cli, store, tmp_path, losses):
    for device in ("cpu", "cuda"):
        pretrain(cli, store, tmp_path / device, device, steps=12, dropout=0.0, precision="fp32")
    cpu, cuda = (list(losses(tmp_path / device).values()) for device in ("cpu", "cuda"))
    np.testing.assert_allclose(cuda, cpu, rtol=1e-2, atol=1e-3)


def test_bf16_learns_eight_spectra_by_heart(cli, store, tmp_path, losses):
    pretrain(cli, store, tmp_path / "run", "cuda", steps=150, dropout=0.0, average=0.9)
    found = losses(tmp_path / "run")
    assert found[150] < 0.5 * found[3]


def test_stopped_run_goes_on(cli, store, tmp_path):
    run = tmp_path / "run"
    result = cli("pretrain", "-m", "torchtoy", store, "-o", run, "--device", "cuda",
                 "-s", "steps=12", "-s", "average=0.9", "-s", "trap=stop@5")  # fmt: skip
    assert result.exit_code == 130, result.stderr
    plan = run / "plan.toml"
    plan.write_text(plan.read_text().replace("stop@5", ""))
    assert cli("pretrain", "--resume", run).exit_code == 0


def test_more_devices_than_there_are_exit_5(cli, store, tmp_path):
    result = cli("pretrain", "-m", "torchtoy", store, "-o", tmp_path / "run",
                 "--device", "cuda", "--devices", 99)  # fmt: skip
    assert result.exit_code == 5, result.stderr
    assert "--devices 99" in result.stderr
