"""Tolerances as users write them."""

import numpy as np
import pytest

from spectrakit.errors import UsageError
from spectrakit.spectrum import Tolerance


@pytest.mark.parametrize(
    ("text", "at_500"), [("10ppm", 0.005), ("10 ppm", 0.005), ("0.02Da", 0.02), ("20 mDa", 0.02)]
)
def test_half_width_in_da(text, at_500):
    assert Tolerance.parse(text).half_width(500.0) == pytest.approx(at_500)
    np.testing.assert_allclose(Tolerance.parse(text).half_width(np.array([500.0])), [at_500])


@pytest.mark.parametrize("text", ["", "10", "ppm", "-5ppm", "0Da", "infDa", "10 Th", "1e999ppm"])
def test_tolerances_without_meaning_are_refused(text):
    with pytest.raises(UsageError, match="tolerance"):
        Tolerance.parse(text)
