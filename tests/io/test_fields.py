"""How programs spell collision energies, charges, times and polarities."""

from math import nan

import pytest

from spectrakit.io import fields as f


@pytest.mark.parametrize(
    ("text", "value", "unit", "activation"),
    [
        ("6V", 6, "V", ""),
        ("10 eV", 10, "eV", ""),
        ("10 ev", 10, "eV", ""),
        ("35eV", 35, "eV", ""),
        ("35 (NCE)", 35, "NCE", ""),
        ("10(NCE)", 10, "NCE", ""),
        ("40.0 NCE", 40, "NCE", ""),
        ("30 % (nominal)", 30, "NCE", ""),
        ("30%", 30, "NCE", ""),
        ("30 (nominal)", 30, "", ""),
        ("HCD 45", 45, "", "HCD"),
        ("35HCD", 35, "", "HCD"),
        ("35 eV FT-MS II", 35, "eV", ""),
        ("3 kV", 3000, "V", ""),
        ("0.70", 0.7, "", ""),
        ("20", 20, "", ""),
        ("Ramp 5-60 V", nan, "V", ""),
        ("Ramp 20%-70% (nominal)", nan, "NCE", ""),
        ("30-50", nan, "", ""),
        ("15, 30, 45, 60, 70 or 90 (nominal)", nan, "", ""),
        ("45CE +-15CES", nan, "", ""),
        ("unknown", nan, "", ""),
    ],
)
def test_collision_energies(text, value, unit, activation):
    found = f.collision_energy(text)
    assert found[0] == pytest.approx(value, nan_ok=True)
    assert found[1:] == (unit, activation)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("2+", (2, 1)),
        ("1-", (1, -1)),
        ("-2", (2, -1)),
        ("+3", (3, 1)),
        ("3", (3, 0)),
        ("0", (0, 0)),
        ("2+ and 3+", (0, 1)),
        ("2+,3+", (0, 1)),
        ("", (0, 0)),
        ("9" * 30, (0, 0)),
    ],
)
def test_charges(text, expected):
    assert f.charge_of(text) == expected


@pytest.mark.parametrize(
    ("text", "unit", "expected"),
    [
        ("51.6", "s", 51.6),
        ("7.5", "min", 450.0),
        ("523.416 sec", "min", 523.416),
        ("2.5 min", "s", 150.0),
        ("50-60", "s", 55.0),
        ("-1", "min", nan),
        ("late", "s", nan),
    ],
)
def test_retention_times(text, unit, expected):
    assert f.seconds(text, unit) == pytest.approx(expected, nan_ok=True)


@pytest.mark.parametrize(("text", "expected"), [("P", 1), ("Negative", -1), ("N", -1), ("x", 0)])
def test_polarities(text, expected):
    assert f.polarity_of(text) == expected
