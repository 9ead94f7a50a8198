"""Materials: classes are learned from a column, named with probabilities, or left unknown."""

import json
from collections import Counter

import numpy as np
import pytest
from spectrakit_spectralfm.classes import _softmax, named, temperature_and_limit

from spectrakit.spectrum import Axis, Modality, Spectrum
from spectrakit.store import Store, StoreWriter
from spectrakit.store.dataset import BlockRows, Dataset

AXIS = np.linspace(1100.0, 2300.0, 121)
PLACES = {"cellulose": (1500.0, 2100.0), "starch": (1550.0, 2000.0), "talc": (1390.0, 2300.0)}


def write(path, counts, *, split="train", seed=0):
    rng = np.random.default_rng(seed)
    with StoreWriter(path, compression="none") as writer:
        number = 0
        for name, n in counts.items():
            for _ in range(n):
                sample = f"{path.stem}{number}"
                writer.add_sample(sample, split=split, material=name)
                value = sum(np.exp(-(((AXIS - p) / 60) ** 2)) for p in PLACES[name])
                value = value * rng.uniform(0.5, 1.5) + 0.03 * rng.normal(size=len(AXIS))
                value += 0.1 * np.sin(AXIS / 400 + rng.uniform(0, 6))
                writer.add(
                    Spectrum(
                        Modality.NIR, Axis(AXIS, "nm"), value.astype(np.float32), is_trace=True,
                        native_id=f"{name} {number}", sample=sample,
                    )
                )  # fmt: skip
                number += 1
    return path


def test_classes_are_named_with_probabilities(tiny, cli, pretrained, tmp_path):
    learn = write(tmp_path / "learn.h5", {"cellulose": 14, "starch": 14, "talc": 14})
    result = tiny("adapt", tmp_path / "a", "label=material", inputs=[learn], model=pretrained)
    assert result.exit_code == 0, result.stderr
    assert "of 3 classes; left out: accuracy" in result.stderr
    told = json.loads((tmp_path / "a/student/calibration@1/bundle.json").read_text())
    assert told["task"] == "classify"
    assert told["classes"] == ["cellulose", "starch", "talc", "unknown"]
    new = write(tmp_path / "new.h5", {"cellulose": 5, "starch": 5, "talc": 5}, seed=1)
    found = cli("identify", new, "-m", tmp_path / "a")
    assert found.exit_code == 0, found.stderr
    head, *lines = [line.split("\t") for line in found.stdout.splitlines()]
    rows = [dict(zip(head, line, strict=True)) for line in lines]
    assert len(rows) == 15
    assert {row["property"] for row in rows} == {"material"}
    sure = [row for row in rows if row["value"] != "unknown"]
    assert len(sure) >= 12
    with StoreWriter(tmp_path / "flat.h5") as writer:
        writer.add(Spectrum(Modality.NIR, Axis(AXIS, "nm"), np.ones(121), is_trace=True))
    flat = cli("identify", tmp_path / "flat.h5", "-m", tmp_path / "a")
    assert flat.exit_code == 0, flat.stderr
    assert flat.stdout.splitlines()[1].split("\t")[head.index("value")] == "unknown"
    assert all(row["value"] == row["spectrum"].split()[0] for row in sure)
    assert all(0.3 < float(row["probability"]) <= 1 for row in sure)
    again = tiny("adapt", tmp_path / "b", "label=material", inputs=[learn], model=tmp_path / "a")
    assert again.exit_code == 4
    assert "was adapted already (pretrain -> adapt classes of material, n=" in again.stderr
    moved = tiny("ttt", tmp_path / "c", inputs=[new], model=tmp_path / "a")
    assert moved.exit_code == 4
    assert "test-time training is for numbers" in moved.stderr


def test_an_answer_that_nobody_can_be_sure_of_is_unknown():
    """Two classes between which a spectrum lies, at a limit of 0.9."""
    import torch
    from spectrakit_spectralfm.classes import ClassCalibration

    class Fixed(torch.nn.Module):
        def answers(self, spectrum):
            return spectrum

    graph = ClassCalibration(Fixed(), temperature=2.0, limit=0.9)
    scores = torch.tensor([[2.0, 0.0], [0.1, 0.0], [float("nan")] * 2])
    found = graph(scores).numpy()
    np.testing.assert_array_equal(found[2], [0.0, 0.0, 1.0])  # a constant spectrum
    expected = _softmax(2.0 * scores.numpy())
    np.testing.assert_allclose(found[0], [*expected[0], 0.0], atol=1e-6)
    np.testing.assert_allclose(found[1], [0.0, 0.0, 1 - expected[1].max()], atol=1e-6)


def test_the_limit_is_the_least_from_which_enough_answers_are_right():
    """Two classes; sureness falls from row to row, and rows 7 and 8 of ten are wrong."""
    scores = np.column_stack([np.linspace(2.0, 0.2, 10), np.zeros(10)])
    own = np.array([0, 0, 0, 0, 0, 0, 0, 1, 1, 0])
    temperature, limit, _ = temperature_and_limit(scores, own, 0.9)
    sure = _softmax(temperature * scores).max(axis=1)
    assert sure[6] > limit > sure[7]  # 7 of 7 are right, 7 of 8 are not enough
    assert temperature_and_limit(scores, own, 0.75)[1] < sure[9]  # 8 of 10
    assert temperature_and_limit(-scores, np.zeros(10, int), 0.9)[1] > 0.99  # none is right


@pytest.mark.parametrize(
    ("counts", "settings", "code", "told"),
    [
        ({"talc": 5}, ("label=material",), 4, "have 'material' talc: nothing can be learned"),
        ({"talc": 5, "starch": 1}, ("label=material",), 4, "class 'starch' has 1 sample; 2 are"),
        ({"talc": 5}, ("label=matrial",), 2, "Did you mean 'material'?"),
        ({"talc": 5}, ("label=material", "how=lora"), 2, "how= is of numbers"),
    ],
)
def test_what_cannot_be_named_is_said_in_one_line(
    tiny, pretrained, tmp_path, counts, settings, code, told
):
    store = write(tmp_path / "s.h5", counts)
    result = tiny("adapt", tmp_path / "a", *settings, inputs=[store], model=pretrained)
    assert result.exit_code == code, result.stderr
    assert told in result.stderr


def test_replicates_are_averaged_and_unnamed_samples_left_out(tmp_path):
    with StoreWriter(tmp_path / "r.h5") as writer:
        for sample, name, size in (("a", "talc", 1.0), ("a", "talc", 3.0), ("b", "", 5.0)):
            writer.add_sample(sample, material=name)
            value = size * np.sin(AXIS / 100)
            writer.add(
                Spectrum(Modality.NIR, Axis(AXIS, "nm"), value, is_trace=True, sample=sample)
            )
    store = Store(tmp_path / "r.h5")
    parts = (BlockRows(store, k, np.arange(len(block))) for k, block in store.blocks.items())
    found = named(Dataset(tuple(parts)), "material", Counter().update)
    assert found is not None
    assert found.classes == ("talc",)
    np.testing.assert_allclose(found.spectra, [2 * np.sin(AXIS / 100)], rtol=1e-6)
