"""Samples of one group are left out together: their errors against fits that were made again."""

import numpy as np
from spectrakit_spectralfm.fitting import folds_of
from spectrakit_spectralfm.leftout import left_out

from spectrakit.spectrum import Axis, Modality, Spectrum
from spectrakit.store import StoreWriter
from spectrakit.transfer.ridge import PENALTIES, Ridge


def test_a_group_left_out_has_the_errors_of_a_fit_without_it():
    rng = np.random.default_rng(0)
    x, y = rng.normal(size=(12, 30)), rng.normal(size=12)
    groups = ["a", "b", "b", "c", "a", "a", "d", "c", "d", "d", "d", "b"]
    model = Ridge(x, y[:, None])
    found = left_out(model, x, y, groups)
    mean = (((x - x.mean(0)) ** 2).sum()) / 12
    for k in (3, 12, 21):
        for group in "abcd":
            out = np.array([g == group for g in groups])
            inner, known = x[~out] - x[~out].mean(0), y[~out] - y[~out].mean()
            penalty = PENALTIES[k] * mean * np.eye(30)
            slope = np.linalg.solve(inner.T @ inner + penalty, inner.T @ known)
            told = (x[out] - x[~out].mean(0)) @ slope + y[~out].mean()
            np.testing.assert_allclose(found[k][out], told - y[out], rtol=1e-6)


def test_without_groups_each_sample_is_left_out_alone():
    rng = np.random.default_rng(1)
    x, y = rng.normal(size=(8, 5)), rng.normal(size=8)
    model = Ridge(x, y[:, None])
    for groups in ("abcdefgh", "aaaabbbb"):  # two groups are too few
        np.testing.assert_array_equal(left_out(model, x, y, list(groups)), model.loo[:, :, 0])


def test_folds_keep_groups_whole():
    groups = list("aabbccddeeff")
    folds = folds_of(groups, 0)
    assert len({(g, f) for g, f in zip(groups, folds.tolist(), strict=True)}) == 6
    assert set(folds.tolist()) == {0, 1, 2, 3}


def test_adapt_says_that_groups_were_left_out(tiny, pretrained, tmp_path):
    """Batches differ, samples of a batch hardly do: by sample the error would look small."""
    rng = np.random.default_rng(0)
    axis = np.linspace(1100.0, 2300.0, 121)
    with StoreWriter(tmp_path / "g.h5", compression="none") as writer:
        for number in range(24):
            batch = number // 4
            writer.add_sample(f"s{number}", group=f"batch {batch}", split="train")
            writer.add_target(f"s{number}", "moisture", float(rng.uniform(0, 1) + batch))
            place = 1400 + 60 * ((batch * 5) % 7)  # what tells a batch is no law
            value = np.exp(-(((axis - place) / 60) ** 2)) + 0.01 * rng.normal(size=121)
            writer.add(
                Spectrum(
                    Modality.NIR, Axis(axis, "nm"), value.astype(np.float32), is_trace=True,
                    native_id=f"{number}", sample=f"s{number}",
                )
            )  # fmt: skip
    result = tiny("adapt", tmp_path / "a", inputs=[tmp_path / "g.h5"], model=pretrained)
    assert result.exit_code == 0, result.stderr
    # a sixth batch is held out by the split
    assert "error of whole groups (of 5) left out" in result.stderr
    error = float(result.stderr.split("left out ")[1].split()[0])
    assert error > 1.0  # by sample it is a third of that
