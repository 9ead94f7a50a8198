"""What the structure of a training spectrum says of its precursor."""

from functools import lru_cache
from math import isfinite, nan

from spectrakit.chemistry import known_adduct
from spectrakit.spectrum import Spectrum

FAR_PPM = 20.0  # a stated precursor further from its molecule is nominal or wrong


@lru_cache(maxsize=1 << 16)
def neutral_mass(smiles: str) -> float:
    """Return the monoisotopic mass (Da) of a structure, NaN when RDKit cannot read it."""
    from rdkit import Chem, rdBase
    from rdkit.Chem.rdMolDescriptors import CalcExactMolWt

    with rdBase.BlockLogs():
        molecule = Chem.MolFromSmiles(smiles) if smiles else None
    return nan if molecule is None else float(CalcExactMolWt(molecule))


def stated_or_expected(stated: float, polarity: int, adduct: str, mass: float) -> float:
    """Return a precursor m/z: as stated, or that of the molecule where it is missing or nominal.

    Args:
        stated: m/z, NaN where missing.
        polarity: +1 or -1.
        adduct: as spelled; none means [M+H]+ or [M-H]-.
        mass: neutral mass (Da) that is known or was searched, or NaN.
    """
    ion = known_adduct(adduct or ("[M+H]+" if polarity > 0 else "[M-H]-"))
    expected = ion.mz(mass) if ion is not None and isfinite(mass) else nan
    if not isfinite(expected):
        return stated
    near = abs(stated - expected) <= FAR_PPM * 1e-6 * expected
    return stated if near else expected


def precursor_of(spectrum: Spectrum, mass: float) -> float:
    """Return the precursor m/z of a spectrum of a molecule (see ``stated_or_expected``)."""
    stated = float(spectrum.precursor_mz)
    return stated_or_expected(stated, spectrum.polarity, spectrum.adduct, mass)
