"""Profile spectra to centroids, by OpenMS' high-resolution peak picker."""

import dataclasses

import numpy as np

from spectrakit.spectrum import Axis, Spectrum


def centroided(spectrum: Spectrum) -> Spectrum:
    """Return the spectrum with its profile replaced by peak centroids.

    Peaks come from OpenMS' PeakPickerHiRes (Lange et al. 2006, spline maxima); a profile in
    which it finds none (a handful of points) keeps its local maxima.
    """
    import pyopenms

    profile = pyopenms.MSSpectrum()
    profile.set_peaks((spectrum.mz.astype(np.float64), spectrum.intensity.astype(np.float32)))
    picked = pyopenms.MSSpectrum()
    pyopenms.PeakPickerHiRes().pick(profile, picked)
    mz, intensity = picked.get_peaks()
    if len(mz) == 0 and len(spectrum):
        mz, intensity = _local_maxima(spectrum)
    return dataclasses.replace(
        spectrum,
        axis=Axis(np.asarray(mz, np.float64), spectrum.axis.unit),
        value=np.asarray(intensity, spectrum.value.dtype),
        is_profile=False,
        columns={},
    )


def _local_maxima(spectrum: Spectrum) -> tuple[np.ndarray, np.ndarray]:
    padded = np.pad(spectrum.intensity, 1)
    peak = (padded[1:-1] > padded[:-2]) & (padded[1:-1] >= padded[2:]) & (padded[1:-1] > 0)
    return spectrum.mz[peak], spectrum.intensity[peak]
