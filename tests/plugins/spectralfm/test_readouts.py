"""The spline read-out and the meta-learned start, each against an oracle."""

import numpy as np
import pytest
import torch
from scipy.interpolate import BSpline
from spectrakit_spectralfm.calibration import Calibration
from spectrakit_spectralfm.meta import first_order, start_for_instruments
from spectrakit_spectralfm.model import ModelConfig, SpectralModel
from spectrakit_spectralfm.spectra import CommonAxis
from spectrakit_spectralfm.spline import DEGREE, INTERVALS, basis, fitted_readout

from spectrakit.transfer.ridge import Ridge


def test_the_basis_is_that_of_scipy():
    x = np.linspace(-1.0, 0.999, 41)
    knots = np.arange(-DEGREE, INTERVALS + DEGREE + 1) * (2.0 / INTERVALS) - 1.0
    expected = BSpline.design_matrix(x, knots, DEGREE).toarray()
    np.testing.assert_allclose(basis(torch.from_numpy(x)).numpy(), expected, atol=1e-12)


def heads_of(x, y):
    model = Ridge(x, y[:, None])
    choice = model.source_mse.argmin(axis=0)
    slope, offset = model.affine(choice)
    return (model.loo[choice[0], :, 0] + y), (x @ slope + offset)[:, 0]


@pytest.mark.parametrize("bent", [False, True])
def test_a_straight_relation_stays_straight_and_a_bent_one_is_found(bent):
    rng = np.random.default_rng(0)
    x = rng.normal(size=(80, 4))
    index = x @ rng.normal(size=4) / 2
    y = index + 0.5 * index**2 if bent else 2.0 * index + 1.0
    y = y + 0.02 * y.std() * rng.normal(size=80)
    left, answers = heads_of(x, y)
    made, residuals, bending = fitted_readout(x, y, left, answers)
    linear = np.mean((left - y) ** 2)
    if bent:
        assert np.isfinite(bending)
        assert np.mean(residuals**2) < 0.5 * linear
    else:
        assert np.mean(residuals**2) < 1.3 * linear
        curve = made.curves(torch.linspace(-1, 1, 50, dtype=torch.float64)[:, None].expand(-1, 5))
        straight = np.polyfit(np.linspace(-1, 1, 50), curve[:, 0].numpy(), 1, full=True)[1]
        assert straight[0] < 0.01 * float(curve[:, 0].var() * 50)


def test_residuals_are_those_of_fits_without_the_sample():
    """Brute force with the inputs of the curves as they are."""
    from spectrakit_spectralfm.spline import _penalised

    rng = np.random.default_rng(1)
    design, y = rng.normal(size=(20, 3 + 3 * (INTERVALS + DEGREE))), rng.normal(size=20)
    _, residuals = _penalised(design, y, 3, 1.0)
    for row in (0, 7, 19):
        kept = np.arange(20) != row
        weight, _ = _penalised(design[kept], y[kept], 3, 1.0)
        told = weight[0] + design[row] @ weight[1:] - y[row]
        np.testing.assert_allclose(residuals[row], told, rtol=1e-6)


def test_the_first_order_gradient_is_that_of_the_closed_form():
    """Squares: after k steps theta - c has shrunk by (1 - rate a)^k."""
    theta = torch.tensor([3.0], dtype=torch.float64, requires_grad=True)
    a, c, b, d, rate, steps = 0.8, 1.0, 2.0, -1.0, 0.1, 4
    loss = first_order(
        [theta],
        lambda: 0.5 * a * (theta - c).square().sum(),
        lambda: 0.5 * b * (theta - d).square().sum(),
        rate,
        steps,
    )
    reached = c + (1 - rate * a) ** steps * (3.0 - c)
    assert theta.item() == 3.0
    assert theta.grad is not None
    assert theta.grad.item() == pytest.approx(b * (reached - d), rel=1e-12)
    assert loss == pytest.approx(0.5 * b * (reached - d) ** 2, rel=1e-12)


def test_a_learned_start_lowers_the_error_after_few_steps():
    torch.manual_seed(0)
    config = ModelConfig(
        points=64, levels=3, width=16, states=2, experts=2, chem=6, inst=3, heads=2, lora=2
    )
    axis = np.linspace(1100.0, 2300.0, 90)
    calibration = Calibration(SpectralModel(config), CommonAxis(axis, "nm", 0)).eval()
    rng = np.random.default_rng(0)
    known = rng.uniform(0.2, 1.0, 24)
    spectra = known[:, None] * np.exp(-(((axis - 1700) / 90) ** 2)) + np.exp(
        -(((axis - 1400) / 90) ** 2)
    )
    calibration.set_scales(calibration.each(calibration.numbers, spectra), level=True)
    features = calibration.each(calibration.features, spectra).double().numpy()
    slope, offset = Ridge(features, known[:, None]).affine(np.array([12]))
    calibration.slope.copy_(torch.from_numpy(slope))
    calibration.offset.copy_(torch.from_numpy(offset))
    calibration.requires_grad_(False)
    added = [p for name, p in calibration.model.named_parameters() if "lora" in name]
    for p in added:
        p.requires_grad_(True)

    def judged():  # a rate of 0 moves nothing: the errors after a task's steps, 12 tasks
        told = {"steps": 12, "rate": 0.0, "seed": 1}
        return np.mean(start_for_instruments(calibration, added, spectra, known, **told))

    before = judged()
    start_for_instruments(calibration, added, spectra, known, steps=40, seed=0)
    assert judged() < 0.8 * before


def test_a_spline_readout_through_the_command_line(tiny, cli, pretrained, labelled, tmp_path):
    """The bundle's graph answers as the checkpoint does: curves are exported and kept."""
    from spectrakit_spectralfm.load import load_calibration

    from spectrakit.store import Store

    result = tiny("adapt", tmp_path / "a", "readout=spline", inputs=[labelled], model=pretrained)
    assert result.exit_code == 0, result.stderr
    assert "(linear: " in result.stderr
    found = cli("identify", labelled, "-m", tmp_path / "a")
    assert found.exit_code == 0, found.stderr
    head, *lines = [line.split("\t") for line in found.stdout.splitlines()]
    values = [float(line[head.index("value")]) for line in lines]
    calibration, told = load_calibration(tmp_path / "a")
    assert told["calibration"]["curves"] == 5
    spectra = np.stack([s.value for s in Store(labelled)])
    np.testing.assert_allclose(values, calibration.each(calibration, spectra)[:, 0], atol=2e-3)
