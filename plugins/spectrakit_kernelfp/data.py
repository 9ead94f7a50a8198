"""From spectra as read to what the kernel learns from: measurements by molecule and polarity."""

import re
from collections import Counter
from collections.abc import Collection, Iterable

import numpy as np

from spectrakit.search.known_mass import neutral_mass, precursor_of
from spectrakit.spectrum import Spectrum
from spectrakit_kernelfp.features import Measurement

MASSBANK = "MassBank, "  # stands before the contributor that an accession names
_ACCESSION = re.compile(r"MSBNK-(.+)-[^-]+")

Spectra = dict[tuple[str, int], list[Measurement]]
Sources = Counter[tuple[str, str]]  # (who, under which licence) -> spectra


def measurement(spectrum: Spectrum, mass: float) -> Measurement:
    """Return the peaks of a spectrum with the precursor that losses are counted from.

    Args:
        spectrum: as read; no adduct means [M+H]+ or [M-H]-.
        mass: neutral mass (Da) that is known or was searched, or NaN. A stated precursor that is
            missing, nominal or more than 20 ppm off is replaced by the one of this mass.
    """
    mz = np.asarray(spectrum.mz, np.float64)
    return Measurement(mz, np.asarray(spectrum.intensity, np.float64), precursor_of(spectrum, mass))


def source_of(spectrum: Spectrum) -> tuple[str, str]:
    """Return who measured a spectrum, as its record says, and its licence; empty: not said."""
    who = str(spectrum.extra.get("AUTHORS", "")).strip()
    accession = _ACCESSION.fullmatch(spectrum.native_id)
    if accession and not who:
        who = f"{MASSBANK}{accession[1]}"
    return who, str(spectrum.extra.get("LICENSE", "")).strip()


def training_set(
    spectra: Iterable[Spectrum], licences: Collection[str] = (), sources: Sources | None = None
) -> tuple[Spectra, dict[str, str], int]:
    """Return spectra by (molecule, polarity), the SMILES of each molecule, and how many were used.

    Molecules are told apart by the first block of their InChIKey, else by their SMILES. Spectra
    without a polarity, a SMILES, or (where ``licences`` are given) one of these licences in
    their record are left out. Those used are counted in ``sources``.
    """
    found: Spectra = {}
    smiles: dict[str, str] = {}
    used = 0
    for spectrum in spectra:
        molecule = spectrum.molecule
        if molecule is None or not molecule.smiles or spectrum.polarity == 0:
            continue
        if licences and str(spectrum.extra.get("LICENSE", "")) not in licences:
            continue
        key = molecule.inchikey[:14] or molecule.smiles
        structure = smiles.setdefault(key, molecule.smiles)
        one = measurement(spectrum, neutral_mass(structure))
        found.setdefault((key, spectrum.polarity), []).append(one)
        used += 1
        if sources is not None:
            sources[source_of(spectrum)] += 1
    return found, smiles, used
