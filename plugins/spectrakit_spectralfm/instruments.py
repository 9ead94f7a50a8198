"""Simulated instruments for whole batches: each row is seen by an instrument of its own.

The same physics as ``spectrakit.transfer.simulated``, which shows all spectra of a calibration to
one instrument after another: here every row has its own, since a network learns from variety.
"""

import numpy as np

from spectrakit.spectrum import FloatArray

KERNEL = 7  # channels to each side that a line shape reaches
_WAVES = 3


def _curves(rng: np.random.Generator, rows: int, points: int) -> FloatArray:
    """Return (rows, points) smooth random curves of about unit size."""
    order = np.arange(1, _WAVES + 1)[:, None]
    position = np.linspace(0.0, np.pi, points)
    phase = rng.uniform(0, 2 * np.pi, (rows, _WAVES, 1))
    height = rng.normal(size=(rows, _WAVES, 1)) / np.sqrt(_WAVES)
    return (height * np.cos(order * position + phase)).sum(axis=1)


def _spread(rng: np.random.Generator, rows: int, low: float, high: float) -> FloatArray:
    """Return (rows, 1) log-uniform sizes."""
    return 10 ** rng.uniform(np.log10(low), np.log10(high), (rows, 1))


def seen_by_instruments(
    values: FloatArray, rng: np.random.Generator, strength: float = 1.0, *, shared: bool = False
) -> FloatArray:
    """Return (rows, p): each spectrum as another virtual instrument would show it.

    Wavelength axis warped by 0.05 to 2 channels, lines 0.3 to 2.5 channels wider or sharper,
    gain curve of 1 to 20 %, quadratic detector term (as stray light gives) of 5 %, baseline
    curve of 1 to 30 % and noise of 0.1 to 3 % of the standard deviation.

    Args:
        values: (rows, p) float64, each of standard deviation 1.
        rng: one state gives one result.
        strength: times all sizes; 0 changes nothing.
        shared: one instrument, with noise of its own for each row, shows all rows.
    """
    n, p = values.shape
    rows = 1 if shared else n
    if strength == 0:
        return values.copy()
    shift = _spread(rng, rows, 0.05, 2.0) * (
        rng.normal(size=(rows, 1)) + 0.5 * _curves(rng, rows, p)
    )
    where = np.clip(np.arange(p) + strength * shift, 0, p - 1)
    left = np.minimum(where.astype(np.int64), max(p - 2, 0))
    part = where - left
    row = np.arange(n)[:, None]
    seen = values[row, left] * (1 - part) + values[row, np.minimum(left + 1, p - 1)] * part
    smooth = _broadened(seen, strength * _spread(rng, rows, 0.3, 2.5))
    sharpened = seen + 0.5 * (seen - smooth)
    seen = np.where(rng.random((rows, 1)) < 0.6, smooth, sharpened)
    seen = seen * (1 + strength * _spread(rng, rows, 0.01, 0.2) * _curves(rng, rows, p))
    seen = seen + strength * 0.05 * rng.normal(size=(rows, 1)) * seen**2
    seen = seen + strength * _spread(rng, rows, 0.01, 0.3) * _curves(rng, rows, p)
    return seen + strength * _spread(rng, rows, 0.001, 0.03) * rng.normal(size=(n, p))


def _broadened(values: FloatArray, width: FloatArray) -> FloatArray:
    """Return rows convolved with Gaussians of their own widths (rows, 1), in channels."""
    offset = np.arange(-KERNEL, KERNEL + 1)
    kernel = np.exp(-0.5 * (offset / np.maximum(width, 1e-3)) ** 2)  # (rows, 2 KERNEL + 1)
    kernel /= kernel.sum(axis=1, keepdims=True)
    padded = np.pad(values, ((0, 0), (KERNEL, KERNEL)), mode="edge")
    result = np.zeros_like(values)
    for k in range(2 * KERNEL + 1):
        result += kernel[:, k : k + 1] * padded[:, k : k + values.shape[1]]
    return result
