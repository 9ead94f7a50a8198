"""Authored infrared spectra: Lorentzian bands at stated group frequencies, no measurement.

The positions are the textbook ranges of group frequencies (C-H 2850-2960, C=O 1715-1740,
aromatic C=C 1600 and 1493, C-O 1100-1250 cm-1, ...), heights and widths are made up.
"""

import numpy as np

from spectrakit.spectrum import Axis, Modality, Molecule, Spectrum

BANDS = {  # name: (wavenumber in cm-1, height, half width at half height in cm-1)
    "polyethylene": [(2915, 1.0, 12), (2848, 0.8, 10), (1472, 0.4, 6), (718, 0.3, 6)],
    "polystyrene": [
        (3026, 0.5, 10), (2923, 0.6, 15), (1601, 0.4, 6), (1493, 0.6, 6), (1452, 0.6, 8),
        (757, 0.8, 8), (697, 1.0, 8),
    ],
    "polyester": [(1713, 1.0, 10), (1410, 0.3, 8), (1245, 0.9, 20), (1095, 0.8, 20), (725, 0.7, 8)],
    "polyamide": [
        (3300, 0.6, 30), (2932, 0.5, 15), (2858, 0.4, 12), (1637, 1.0, 15), (1541, 0.8, 18),
    ],
    "nitrile": [(2237, 0.9, 8), (2925, 0.5, 18), (1452, 0.6, 10), (1072, 0.3, 25)],
}  # fmt: skip
UNSEEN = [
    (2920, 0.4, 14),
    (2110, 0.9, 9),
    (1980, 0.7, 12),
    (1340, 1.0, 14),
    (1170, 0.5, 9),
    (905, 0.8, 10),
]


def absorbance(bands, axis):
    """(n,) sum of Lorentzian bands at wavenumbers (n,) cm-1."""
    return sum(h / (1 + ((axis - x) / w) ** 2) for x, h, w in bands)


def trace(values, axis, unit="cm-1", modality=Modality.IR, value_unit="absorbance", **fields):
    """Build a trace."""
    axis = Axis(np.asarray(axis, np.float64), unit)
    return Spectrum(modality, axis, np.asarray(values), value_unit, is_trace=True, **fields)


def even(start=3998.0, stop=450.0, step=2.0):
    """Wavenumbers from ``start`` down or up to ``stop``."""
    n = round(abs(stop - start) / step) + 1
    return np.linspace(start, stop, n)


def library_traces(noise=0.003, seed=1, copies=2):
    """Each material of ``BANDS`` a few times, with another noise, scale and baseline."""
    rng = np.random.default_rng(seed)
    made = []
    for name, bands in BANDS.items():
        for copy in range(copies):
            axis = even() if copy % 2 == 0 else even(600.0, 3900.0, 3.7)
            values = absorbance(bands, axis) * rng.uniform(0.5, 2) + rng.uniform(0, 0.3)
            values = values + rng.normal(0, noise, len(axis)) + 2e-5 * rng.uniform(0, 1) * axis
            molecule = Molecule(name=name)
            made.append(trace(values, axis, native_id=f"{name}-{copy}", molecule=molecule))
    return made


def write(path, spectra):
    """Write a store."""
    from spectrakit.store import StoreWriter

    with StoreWriter(path) as writer:
        for one in spectra:
            writer.add(one)
    return path
