"""Many mass spectra at once, as columns: what a store is written from at full speed."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from spectrakit.spectrum import Axis, FloatArray, Modality, Spectrum


@dataclass(frozen=True, slots=True)
class SpectrumTable:
    """Consecutive spectra of a file: peaks on an m/z axis, in the order of the file.

    The reader that makes one vouches for what ``Spectrum`` objects are checked for: ascending
    finite m/z, finite intensities, whole numbers of sane size, extras that JSON can hold, and no
    further columns of peaks.
    """

    fields: Mapping[str, Sequence[Any]]
    """Column by name of a field of ``Spectrum``: ``n`` values; a field left out has its default.
    A molecule, or a mapping of extras, may be one object for many rows."""
    lengths: NDArray[np.int64]  # (n,) peaks of each spectrum
    mz: FloatArray  # (points,) float64
    intensity: FloatArray  # (points,) float32 or float64

    def __len__(self) -> int:
        return len(self.lengths)

    def spectra(self) -> Iterator[Spectrum]:
        """Yield each row as a spectrum; its peaks are views of the table's."""
        rows = zip(*self.fields.values(), strict=True) if self.fields else [()] * len(self)
        start = 0
        for row, stop in zip(rows, np.cumsum(self.lengths).tolist(), strict=True):
            axis = Axis(self.mz[start:stop], "m/z")
            said = dict(zip(self.fields, row, strict=True))
            yield Spectrum(Modality.MSMS, axis, self.intensity[start:stop], **said)
            start = stop

    def with_sample(self, sample: str) -> Self:
        """Return the table with one sample for all spectra."""
        return replace(self, fields={**self.fields, "sample": [sample] * len(self)})


NO_PEAKS = np.empty(0)
PROTOTYPE = Spectrum(Modality.MSMS, Axis(NO_PEAKS, "m/z"), NO_PEAKS)  # the kind of every row
