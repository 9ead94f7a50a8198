"""Stores of made-up spectra on several axes; spectralfm installed; tiny models."""

import os
import sys
from pathlib import Path

import numpy as np
import pytest

from spectrakit.spectrum import Axis, Modality, Spectrum
from spectrakit.store import StoreWriter

os.environ.setdefault("OMP_NUM_THREADS", "1")  # tiny tensors: threads would only wait
PLUGINS = Path(__file__).resolve().parents[3] / "plugins"
if str(PLUGINS) not in sys.path:
    sys.path.append(str(PLUGINS))

pytest.importorskip("torch", reason="torch is not installed: pip install 'spectrakit[train]'")
pytest.importorskip("pywt", reason="PyWavelets is not installed: pip install 'spectrakit[train]'")

TINY = (
    "points=64", "levels=3", "width=16", "states=2", "experts=2", "attention_blocks=1", "heads=2",
    "chem=8", "inst=4", "batch=16",
)  # fmt: skip


def bands(axis, amounts, places, width):
    """Return the sum of Gaussian bands: amounts (k,), places (k,) and width in the axis' unit."""
    return (amounts * np.exp(-0.5 * ((axis[:, None] - places) / width) ** 2)).sum(axis=1)


def nir(amount, rng, axis, *, gain=1.0, offset=0.0, shift=0.0):
    """A NIR spectrum whose band at 1700 nm grows with the amount."""
    amounts = np.array([amount, 0.8 + 0.1 * rng.normal(), 0.5 + 0.05 * rng.normal()])
    value = bands(axis - shift, amounts, np.array([1700.0, 1400.0, 2050.0]), 60.0)
    return gain * value + offset + 0.002 * rng.normal(size=len(axis))


@pytest.fixture(scope="session")
def corpus(tmp_path_factory):
    """Spectra of three techniques on four axes, several of a group."""
    path = tmp_path_factory.mktemp("fm") / "corpus.h5"
    rng = np.random.default_rng(1)
    axes = [
        (Modality.NIR, np.linspace(1100, 2300, 120), "nm"),
        (Modality.IR, np.linspace(3900, 600, 150), "cm-1"),  # downwards
        (Modality.RAMAN, np.cumsum(rng.uniform(3, 9, 140)) + 100, "cm-1"),  # uneven
        (Modality.REFLECTANCE, np.linspace(0.4, 2.4, 90), "um"),
    ]
    with StoreWriter(path, compression="none") as writer:
        for number in range(48):
            modality, axis, unit = axes[number % 4]
            span = np.ptp(axis)
            places = axis.min() + span * np.array([0.2, 0.5, 0.75])
            value = bands(axis, rng.uniform(0.2, 1.0, 3), places, span / 20)
            writer.add_sample(f"s{number}", group=f"g{number // 3}")
            writer.add(
                Spectrum(
                    modality, Axis(axis, unit), value.astype(np.float32), is_trace=True,
                    native_id=f"{number}", sample=f"s{number}",
                )
            )  # fmt: skip
    return path


@pytest.fixture(scope="session")
def labelled(tmp_path_factory):
    """40 NIR spectra of one instrument with their moisture, every fifth held out."""
    path = tmp_path_factory.mktemp("fm") / "labelled.h5"
    return write_labelled(path, 40, seed=2)


@pytest.fixture(scope="session")
def other(tmp_path_factory):
    """20 spectra of another instrument: other samples, gain, offset and wavelengths."""
    path = tmp_path_factory.mktemp("fm") / "other.h5"
    return write_labelled(path, 20, seed=3, gain=1.1, offset=0.05, shift=6.0)


@pytest.fixture(scope="session")
def unlabelled(tmp_path_factory):
    """The spectra of ``other`` with other labels: what must make no difference."""
    path = tmp_path_factory.mktemp("fm") / "unlabelled.h5"
    told = {"gain": 1.1, "offset": 0.05, "shift": 6.0}
    return write_labelled(path, 20, seed=3, constant=True, **told)


@pytest.fixture(scope="session")
def constant(tmp_path_factory):
    """20 spectra whose samples all have the same moisture."""
    path = tmp_path_factory.mktemp("fm") / "constant.h5"
    return write_labelled(path, 20, seed=4, constant=True)


def write_labelled(path, n, *, seed, constant=False, **seen):
    rng = np.random.default_rng(seed)
    axis = np.linspace(1100.0, 2300.0, 121)
    with StoreWriter(path, compression="none") as writer:
        for number in range(n):
            amount = rng.uniform(0.2, 1.0)
            sample = f"s{number}"
            writer.add_sample(sample, split="valid" if number % 5 == 0 else "train")
            writer.add_target(sample, "moisture", 7.0 if constant else 10.0 * amount, "%")
            value = nir(amount, rng, axis, **seen)
            writer.add(
                Spectrum(
                    Modality.NIR, Axis(axis, "nm"), value.astype(np.float32), is_trace=True,
                    native_id=sample, sample=sample,
                )
            )  # fmt: skip
    return path


@pytest.fixture
def spectralfm(site, monkeypatch):
    """Install the plugin for this test, where the package is not installed as a whole."""
    from importlib.metadata import entry_points

    if "spectralfm" in entry_points(group="spectrakit.plugins").names:
        return
    folder = site / "spectrakit_spectralfm-1.0.dist-info"
    folder.mkdir()
    about = "Metadata-Version: 2.1\nName: spectrakit-spectralfm\nVersion: 1.0\n"
    (folder / "METADATA").write_text(about)
    (folder / "entry_points.txt").write_text(
        "[spectrakit.plugins]\nspectralfm = spectrakit_spectralfm.plugin:plugin\n"
    )
    monkeypatch.syspath_prepend(str(PLUGINS))


@pytest.fixture
def tiny(cli, spectralfm):
    """Run a training verb at tiny sizes."""

    def run(verb, out, *settings, inputs, model="spectralfm"):
        sizes = TINY if verb == "pretrain" and "stage=operator" not in settings else ()
        chosen = dict(one.split("=") for one in (*sizes, *settings))
        told = [word for item in chosen.items() for word in ("-s", "=".join(item))]
        return cli(verb, *inputs, "-m", model, "-o", out, *told)

    return run


@pytest.fixture(scope="session")
def runs(tmp_path_factory):
    """Where runs that several tests read are kept."""
    return tmp_path_factory.mktemp("runs")


@pytest.fixture
def pretrained(tiny, corpus, runs):
    if not (runs / "pre").exists():
        result = tiny("pretrain", runs / "pre", "steps=80", "rate=0.005", inputs=[corpus])
        assert result.exit_code == 0, result.stderr
    return runs / "pre"


@pytest.fixture
def adapted(tiny, pretrained, labelled, runs):
    if not (runs / "head").exists():
        result = tiny("adapt", runs / "head", inputs=[labelled], model=pretrained)
        assert result.exit_code == 0, result.stderr
    return runs / "head"


@pytest.fixture
def one_error():
    """Check the exit code, and that the error is one line and at most one hint."""

    def check(result, code, *told):
        assert result.exit_code == code, result.stderr
        lines = result.stderr.strip().splitlines()
        start = next(k for k, line in enumerate(lines) if line.startswith("spectrakit: error: "))
        assert len(lines) - start <= 2, lines[start:]
        for words in told:
            assert words in " ".join(lines[start:]), lines[start:]

    return check
