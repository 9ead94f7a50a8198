"""Spectra as values: a modality, an axis with its unit, intensities and what the file said.

A spectrum is *peaks* (ragged, mass spectrometry) or a *trace* (NMR, IR, NIR, Raman, optical).
Missing numbers are NaN, missing text is empty, missing integers are 0; nothing is guessed here.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from math import nan
from typing import Any, Self, TypeVar

import numpy as np
from numpy.typing import NDArray

from spectrakit.errors import UsageError

FloatArray = NDArray[np.floating[Any]]
ArrayOrFloat = TypeVar("ArrayOrFloat", float, FloatArray)


class Modality(StrEnum):
    """What kind of measurement a spectrum is; also the default name of its store block."""

    MSMS = "msms"  # mass spectra of any level; ms_level says which
    NMR_1H = "nmr-1h"
    NMR_13C = "nmr-13c"
    NMR = "nmr"  # other nuclei and two-dimensional experiments
    NIR = "nir"
    IR = "ir"
    RAMAN = "raman"
    REFLECTANCE = "reflectance"
    OPTICAL = "optical"


@dataclass(frozen=True, slots=True)
class Axis:
    """An abscissa: ``values`` (n,) float64 in ``unit`` (m/z, ppm, nm, cm^-1, s)."""

    values: FloatArray
    unit: str

    def __len__(self) -> int:
        return len(self.values)


@dataclass(frozen=True, slots=True)
class Molecule:
    """An annotation: the identity a record claims, as given."""

    name: str = ""
    inchikey: str = ""
    smiles: str = ""
    inchi: str = ""
    formula: str = ""
    exact_mass: float = nan  # Da, monoisotopic, neutral
    peptide: str = ""  # a peptidoform in ProForma: sequence and modifications, no charge


@dataclass(frozen=True, slots=True)
class ReferenceValue:
    """What a reference method found of one property of a sample."""

    value: float
    unit: str = ""
    sd: float = nan  # standard error of the reference method (SEL), in ``unit``


@dataclass(frozen=True, slots=True)
class SampleInfo:
    """What is known of the sample behind a spectrum beside its id."""

    group: str = ""  # samples of one group stay together in every split
    split: str = ""  # train, valid, test, as the data say
    columns: Mapping[str, str | float] = field(default_factory=dict[str, str | float])
    targets: Mapping[str, ReferenceValue] = field(default_factory=dict[str, ReferenceValue])


@dataclass(frozen=True, slots=True)
class Spectrum:
    """One measured spectrum.

    ``value`` is (n,) float32 or float64, or (n, 2) for complex data; ``columns`` are further
    per-peak arrays of length n (ion mobility, annotations). m/z ascend; traces keep the
    direction of the file.
    """

    modality: Modality
    axis: Axis
    value: FloatArray
    value_unit: str = "counts"
    is_trace: bool = False
    native_id: str = ""  # the file's own identifier of this spectrum
    name: str = ""
    ms_level: int = 0  # 0: not said
    polarity: int = 0  # +1, -1, 0 not said
    is_profile: bool | None = None  # None: not said
    precursor_mz: float = nan
    precursor_intensity: float = nan
    charge: int = 0  # signed by polarity where the file says so; 0: not said
    adduct: str = ""  # as the file spells it
    isolation_lower: float = nan  # m/z, lower edge of the isolation window
    isolation_upper: float = nan  # m/z, upper edge
    collision_energy: str = ""  # as the file spells it
    collision_energy_value: float = nan
    collision_energy_unit: str = ""  # "eV", "V", "NCE" or "" when not said
    activation: str = ""  # "HCD", "CID", "ETD", "EI", ...
    rt_seconds: float = nan
    instrument: str = ""
    sample: str = ""  # sample id; empty: the verb uses the file's stem
    replicate: int = 0
    molecule: Molecule | None = None
    columns: Mapping[str, NDArray[Any]] = field(default_factory=dict[str, NDArray[Any]])
    extra: Mapping[str, Any] = field(default_factory=dict[str, Any])  # everything else it said
    sample_info: SampleInfo | None = None

    @property
    def mz(self) -> FloatArray:
        """(n,) float64 m/z of a mass spectrum."""
        return self.axis.values

    @property
    def intensity(self) -> FloatArray:
        """(n,) intensities of a mass spectrum."""
        return self.value

    def __len__(self) -> int:
        return len(self.axis.values)


_UNITS = {"ppm": "ppm", "da": "Da"}
_WIDEST = {"ppm": 10_000, "Da": 10}


@dataclass(frozen=True, slots=True)
class Tolerance:
    """A half-width on the m/z axis, in ppm of the value or in Da."""

    value: float
    unit: str  # "ppm" or "Da"

    @classmethod
    def parse(cls, text: str) -> Self:
        """Read ``10ppm``, ``10 ppm``, ``0.02Da`` or ``20 mDa``.

        Raises:
            UsageError: no unit, an unknown unit, or a number that is not positive or is wider
                than any mass spectrometer needs (every candidate would be compared).
        """
        import re

        match = re.fullmatch(r"\s*([0-9.eE+-]+)\s*(ppm|da|mda)\s*", text, flags=re.IGNORECASE)
        hint = "Write a number with its unit: 10ppm, 0.02Da or 5mDa."
        if match is None:
            raise UsageError(f"tolerance '{text}' is not a number with ppm or Da.", hint=hint)
        try:
            number = float(match[1])
        except ValueError:
            raise UsageError(
                f"tolerance '{text}': '{match[1]}' is not a number.", hint=hint
            ) from None
        unit = match[2].lower()
        found = cls(number / 1000, "Da") if unit == "mda" else cls(number, _UNITS[unit])
        if not 0 < found.value <= _WIDEST[found.unit]:
            widest = " or ".join(f"{limit:,}{name}" for name, limit in _WIDEST.items())
            raise UsageError(
                f"tolerance '{text}' must be above zero and at most {widest}.", hint=hint
            )
        return found

    def half_width(self, mz: ArrayOrFloat) -> ArrayOrFloat:
        """Return the tolerance at ``mz`` in Da (scalar or array alike)."""
        return mz * (self.value * 1e-6) if self.unit == "ppm" else mz * 0 + self.value

    def __str__(self) -> str:
        return f"{self.value:g}{self.unit}"
