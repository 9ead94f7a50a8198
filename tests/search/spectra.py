"""Random spectra that share peaks, for the tests of this folder."""

import numpy as np

from spectrakit.spectrum import Axis, Modality, Spectrum

POOL = np.random.default_rng(99).uniform(50.0, 600.0, 60)  # m/z that many spectra share


def spectrum(mz, intensity, precursor_mz=float("nan"), polarity=0, **fields):
    """Build an MS2 spectrum from two lists."""
    return Spectrum(
        Modality.MSMS,
        Axis(np.asarray(mz, dtype=np.float64), "m/z"),
        np.asarray(intensity, dtype=np.float64),
        ms_level=2,
        precursor_mz=precursor_mz,
        polarity=polarity,
        **fields,
    )


def random_spectra(n, seed, *, precursor=True, polarity=(1, -1), jitter=0.004, shifted=True):
    """Draw spectra of pool peaks, some of them shifted by the precursor difference."""
    rng = np.random.default_rng(seed)
    spectra = []
    for _ in range(n):
        size = int(rng.integers(1, 25))
        mz = rng.choice(POOL, size, replace=False) + rng.normal(0.0, jitter, size)
        precursor_mz = 610.0 + float(rng.integers(0, 4)) * 14.01565 + rng.normal(0.0, 0.002)
        if shifted:
            move = rng.random(size) < 0.3
            mz[move] += precursor_mz - 610.0
        order = np.argsort(mz)
        spectra.append(
            spectrum(
                mz[order],
                rng.lognormal(3.0, 2.0, size),
                precursor_mz if precursor else float("nan"),
                int(rng.choice(polarity)),
            )
        )
    return spectra


def pairs(one):
    """(n, 2) float32 peaks, as ms_entropy wants them."""
    return np.column_stack([one.mz, one.intensity]).astype(np.float32)
