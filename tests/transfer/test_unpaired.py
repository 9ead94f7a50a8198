"""Transfer without standards; spectra authored here: absorption bands times concentrations."""

import numpy as np
import pytest

from spectrakit.transfer.unpaired import fit_unpaired

POINTS, BANDS = 120, 5


def instruments(seed):
    """Return a way to measure (n, 5) concentrations on either instrument."""
    chance = np.random.default_rng(seed)
    channel = np.arange(POINTS)
    centres = chance.uniform(15, 105, BANDS)
    pure = np.exp(-0.5 * ((channel - centres[:, None]) / 7) ** 2)
    tilt = 0.05 + 0.1 * channel / POINTS

    def measure(amounts, second):
        spectra = amounts @ pure + 2e-3 * chance.normal(size=(len(amounts), POINTS))
        return 1.08 * spectra + tilt if second else spectra

    return chance, measure


def rmsep(calibration, spectra, known):
    return np.sqrt(np.mean((calibration.predict(spectra) - known) ** 2))


@pytest.mark.parametrize("spread", [1.0, 0.2, 0.05])
@pytest.mark.parametrize("seed", range(5))
def test_samples_on_the_target_may_vary_less(seed, spread):
    """A pool of more uniform samples must not teach a wrong scale.

    The amounts asked for have a standard deviation of 0.29; their mean would be wrong by that,
    and half of it is the limit here.
    """
    chance, measure = instruments(seed)
    amounts, others, asked = (chance.uniform(0.2, 1.2, (n, BANDS)) for n in (30, 15, 60))
    pool = measure(0.7 + spread * (others - 0.7), True)
    fitted = fit_unpaired(measure(amounts, False), amounts[:, :2], pool)
    assert rmsep(fitted, measure(asked, True), asked[:, :2]) < 0.145


def test_one_value_for_all_samples_is_predicted():
    _, measure = instruments(0)
    amounts = np.full((12, BANDS), 0.5)
    fitted = fit_unpaired(measure(amounts, False), amounts[:, :1], measure(amounts, True))
    np.testing.assert_allclose(fitted.predict(measure(amounts, True)), 0.5)
