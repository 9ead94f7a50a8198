"""Two simulated instruments that measure mixtures of closed form (Beer-Lambert), as tidy CSV."""

import csv
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

AXIS = 1100 + 10.0 * np.arange(60)  # nm
BANDS = np.stack(
    [
        np.exp(-(((AXIS - centre) / width) ** 2))
        for centre, width in ((1200, 40), (1330, 50), (1450, 45), (1570, 60))
    ]
)


@dataclass(frozen=True)
class Instrument:
    """Spectra of some samples on one simulated instrument, and what a table says of them."""

    name: str
    axis: np.ndarray
    values: np.ndarray
    samples: tuple[str, ...]
    columns: Mapping[str, Iterable[Any]]

    def but(self, **changes):
        """Return another instrument with some fields changed."""
        return replace(self, **changes)

    def rows(self, order):
        """Return some rows, in this order."""
        return self.but(
            values=self.values[order],
            samples=tuple(self.samples[k] for k in order),
            columns={name: [list(cells)[k] for k in order] for name, cells in self.columns.items()},
        )

    def csv(self, path: Path, unit: str = "absorbance", axis: str = "nm") -> Path:
        """Write a tidy table."""
        with path.open("w", newline="", encoding="utf-8") as handle:
            table = csv.writer(handle)
            channels = [f"{one!r} {axis}".strip() for one in self.axis.tolist()]
            own = (
                {}
                if "instrument" in self.columns
                else {"instrument": [self.name] * len(self.samples)}
            )
            columns = {**own, **self.columns}
            table.writerow(["sample", "value_unit", *columns, *channels])
            for k, sample in enumerate(self.samples):
                told = [list(cells)[k] for cells in columns.values()]
                values = [repr(one) for one in self.values[k].tolist()]
                table.writerow([sample, unit, *told, *values])
        return path


def concentrations(n: int = 40, seed: int = 0) -> np.ndarray:
    """Return (n, 4) amounts of the four pure substances."""
    return np.random.default_rng(seed).uniform(0.2, 1.0, (n, 4))


def pair(noise: float = 1e-4, n: int = 40, tests: int = 12, seed: int = 0):
    """Return (old, new): new = 1.05 x + 0.02 + a smooth offset, 1 nm away, the last ``tests`` test.

    Protein is 10 times the first amount plus 2 times the second, fat 5 times the third.
    """
    amounts = concentrations(n, seed)
    rng = np.random.default_rng(seed + 100)
    pure = amounts @ BANDS
    moved = amounts @ np.stack([np.interp(AXIS - 1.0, AXIS, band) for band in BANDS])
    offset = 0.02 + 0.01 * np.sin((AXIS - 1100) / 90)
    told = {
        "split": ["test" if k >= n - tests else "train" for k in range(n)],
        "protein [%]": (10 * amounts[:, 0] + 2 * amounts[:, 1]).tolist(),
        "fat [%]": (5 * amounts[:, 2]).tolist(),
    }
    samples = tuple(f"s{k:02d}" for k in range(n))
    old = Instrument("old", AXIS, pure + noise * rng.normal(size=pure.shape), samples, told)
    new = 1.05 * moved + offset + noise * rng.normal(size=pure.shape)
    return old, Instrument("new", AXIS, new, samples, told)


def affine_pair(n: int = 40, tests: int = 12, offset: float = 0.03):
    """Return (old, new) without noise that differ by an offset: mean difference is exact."""
    old, _ = pair(0.0, n, tests)
    return old, old.but(name="new", values=old.values + offset + 0.02 * np.cos(AXIS / 70))
