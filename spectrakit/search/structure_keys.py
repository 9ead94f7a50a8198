"""Keys, masses and canonical SMILES through RDKit; imported only where a row needs them."""

from functools import cache, lru_cache
from typing import Any, NamedTuple

from rdkit import Chem, rdBase
from rdkit.Chem import rdMolDescriptors

from spectrakit.search.inchi_key import inchikey14, main_layer, main_layer_mass


@cache
def quiet() -> None:
    """Keep RDKit's own warnings off the user's terminal; what is rejected is counted."""
    rdBase.DisableLog("rdApp.*")


class Described(NamedTuple):
    """What RDKit computes for a structure."""

    smiles: str
    inchikey14: str
    formula: str
    exact_mass: float  # Da, electrons not subtracted
    charge: int


def _largest_component(molecule: Any) -> Any:
    parts = Chem.GetMolFrags(molecule, asMols=True)
    if len(parts) == 1:
        return molecule

    def size(part: Any) -> tuple[bool, int, float]:
        carbon = any(atom.GetAtomicNum() == 6 for atom in part.GetAtoms())
        return carbon, part.GetNumHeavyAtoms(), rdMolDescriptors.CalcExactMolWt(part)

    return max(parts, key=size)


def describe(smiles: str, inchi: str) -> Described:
    """Return keys and mass of the largest organic component of a SMILES, else of an InChI.

    Raises:
        ValueError: RDKit refuses the structure; the message is the reason that is counted.
    """
    quiet()
    molecule = Chem.MolFromSmiles(smiles) if smiles else None
    if molecule is None and inchi:
        molecule = Chem.MolFromInchi(inchi)
    if molecule is None or not molecule.GetNumAtoms():
        raise ValueError("structure that RDKit cannot read")
    molecule = _largest_component(molecule)
    inchi = Chem.MolToInchi(molecule)
    try:
        main = main_layer(inchi)
        mass, charge = main_layer_mass(inchi)
    except ValueError:
        raise ValueError("structure without an InChI") from None
    return Described(
        smiles=Chem.MolToSmiles(molecule),
        inchikey14=inchikey14(main),
        formula=main.split("/", 1)[0],
        exact_mass=mass,
        charge=charge,
    )


@lru_cache(maxsize=65536)
def canonical_smiles(smiles: str) -> str:
    """Return RDKit's canonical SMILES; the text as given when RDKit refuses it."""
    quiet()
    molecule = Chem.MolFromSmiles(smiles) if smiles else None
    return Chem.MolToSmiles(molecule) if molecule is not None else smiles


@lru_cache(maxsize=65536)
def full_inchikey(smiles: str, inchi: str, inchikey14: str) -> str:
    """Return the full InChIKey whose first block is ``inchikey14``, else an empty text."""
    quiet()
    if inchi:
        key = Chem.InchiToInchiKey(inchi) or ""
    else:
        molecule = Chem.MolFromSmiles(smiles) if smiles else None
        key = (Chem.MolToInchiKey(molecule) or "") if molecule is not None else ""
    return key if not inchikey14 or key[:14] == inchikey14 else ""
