"""Do the precursors of a peptide library agree with their sequences? Counted, never dropped."""

from dataclasses import dataclass, field
from math import isnan
from typing import Any

import numpy as np

from spectrakit.chemistry import C13_C12, PROTON_MASS
from spectrakit.peptides import peptide_mass
from spectrakit.spectrum import Spectrum

AGREES_PPM = 20.0  # a precursor further off disagrees
_NO_MASS = "a modification without a known mass"
_NO_CHARGE = "no charge"
_NO_PRECURSOR = "no precursor m/z"


@dataclass(slots=True)
class PeptidePrecursors:
    """What was found of the annotated peptides of a library."""

    errors_ppm: list[float] = field(default_factory=list[float])  # of those that were compared
    isotopes: int = 0  # disagree by whole 13C, one to three
    largest: tuple[float, str, str] = (0.0, "", "")  # difference in Da, native id, peptidoform
    unchecked: dict[str, int] = field(default_factory=dict[str, int])  # reason -> spectra

    def check(self, spectrum: Spectrum) -> None:
        """Compare the stated precursor m/z with that of the sequence, of one spectrum."""
        assert spectrum.molecule is not None
        peptide = spectrum.molecule.peptide
        charge, stated, mass = abs(spectrum.charge), spectrum.precursor_mz, peptide_mass(peptide)
        for missing, reason in (
            (isnan(stated), _NO_PRECURSOR), (not charge, _NO_CHARGE), (isnan(mass), _NO_MASS),
        ):  # fmt: skip
            if missing:
                self.unchecked[reason] = self.unchecked.get(reason, 0) + 1
                return
        sign = -1 if spectrum.charge < 0 else 1
        theory = mass / charge + sign * PROTON_MASS
        error = (stated - theory) / theory * 1e6
        self.errors_ppm.append(error)
        if abs(error) <= AGREES_PPM:
            return
        difference = (stated - theory) * charge
        carbons = round(difference / C13_C12)
        off = abs(difference - carbons * C13_C12) / charge / theory * 1e6
        self.isotopes += 1 <= carbons <= 3 and off <= AGREES_PPM
        if abs(difference) > abs(self.largest[0]):
            self.largest = (difference, spectrum.native_id, peptide)

    def __len__(self) -> int:
        """Return how many annotated peptides were met."""
        return len(self.errors_ppm) + sum(self.unchecked.values())

    def attrs(self) -> dict[str, Any]:
        """Return the counts, for the library's description."""
        errors = np.abs(self.errors_ppm)
        return {
            "spectra": len(self),
            "precursors_checked": len(errors),
            "precursors_disagree": int((errors > AGREES_PPM).sum()),
            "off_by_isotopes": self.isotopes,
            "median_abs_ppm": round(float(np.median(errors)), 3) if len(errors) else None,
            "unchecked": dict(sorted(self.unchecked.items())),
        }

    def sentence(self) -> str:
        """Return what a person is told."""
        known = self.attrs()
        text = f"peptides: {known['precursors_checked']} precursors compared with their sequences"
        if len(self.errors_ppm):
            text += (
                f" (median {known['median_abs_ppm']:g} ppm off); {known['precursors_disagree']} "
                f"differ by more than {AGREES_PPM:g} ppm"
            )
        if self.largest[0]:
            difference, native_id, peptide = self.largest
            text += f", at most {difference:+.4f} Da ({peptide} in '{native_id}')"
        if self.isotopes:
            text += f", {self.isotopes} of them by whole isotopes"
        for reason, n in known["unchecked"].items():
            text += f"; {n} not compared: {reason}"
        return text + ". All are kept."
