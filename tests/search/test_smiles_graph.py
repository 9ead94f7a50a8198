import pytest

from spectrakit.chemistry import ELECTRON_MASS
from spectrakit.search.smiles_graph import HYDROGEN_MASS, net_charge, read_smiles
from spectrakit.search.structure_sources import load_structures

HAND_WRITTEN = [
    "C", "[H]C([H])([H])[H]", "[2H]C([2H])O", "[13CH4]", "C%11CCCC%11", "C=1CCCC=1", "C(C1)CC1",
    "C[N+](C)(C)CCO", "CC(=O)[O-].[Na+]", "c1cc[nH]c1", "n1ccccc1", "c1ccsc1", "c1ccoc1",
    "O=c1cc[nH]cc1", "F/C=C/Cl", "N[C@@H](C)C(=O)O", "OP(=O)(O)O", "CS(=O)(=O)N", "CN(=O)=O",
    "C[N+](=O)[O-]", "Brc1ccccc1I", "B(O)(O)c1ccccc1", "[Se]1C=CC=C1", "C#N",
    "[O-][Cl+3]([O-])[O-]",
    "C1CC2CCC1C2", "c1ccc2ccccc2c1", "c1ccccc1-c1ccccc1", "CC1=CC=[N+](C)C=C1", "[Fe+2]",
    "C[C@]12CC[C@H]3[C@@H](CCc4cc(O)ccc34)[C@@H]1CC[C@@H]2O", "[nH]1c2ccccc2cc1", "C[Si](C)(C)C",
]  # fmt: skip


def rdkit_mass(smiles):
    """Oracle: (mass with electrons added back, charge) of the component with most heavy atoms."""
    from rdkit import Chem, RDLogger
    from rdkit.Chem import Descriptors

    RDLogger.DisableLog("rdApp.*")
    molecule = Chem.MolFromSmiles(smiles)
    if molecule is None:
        return None
    parts = Chem.GetMolFrags(molecule, asMols=True)
    part = max(parts, key=lambda p: p.GetNumHeavyAtoms())
    charge = Chem.GetFormalCharge(part)
    return Descriptors.ExactMolWt(part) + charge * ELECTRON_MASS, charge


@pytest.mark.parametrize("smiles", HAND_WRITTEN)
def test_hand_written_smiles_weigh_what_rdkit_says(smiles):
    graph = read_smiles(smiles)
    mass, charge = rdkit_mass(smiles)
    assert sum(graph.mass) + sum(graph.n_h) * HYDROGEN_MASS == pytest.approx(mass, abs=1e-4)
    assert graph.charge == charge


def test_hmdb_smiles_weigh_what_rdkit_says():
    table = load_structures("hmdb")
    for row in range(0, len(table), 59):
        smiles = table.text["smiles"][row]
        expected = rdkit_mass(smiles)
        if expected is None or set(smiles) <= set("[H+-]"):  # hydrogen itself has no heavy atom
            continue
        graph = read_smiles(smiles)
        assert sum(graph.mass) + sum(graph.n_h) * HYDROGEN_MASS == pytest.approx(
            expected[0], abs=2e-4
        ), smiles
        assert graph.charge == expected[1], smiles


def test_atoms_below_a_bond_are_an_interval():
    graph = read_smiles("CC(C(N)O)C1CC1")
    assert graph.parent == [-1, 0, 1, 2, 2, 1, 5, 6]
    assert graph.closures == [(5, 7, 1)]


@pytest.mark.parametrize(
    "text",
    ["", "C(", "C)", "C1CC", "C11", "xyz", "[Zz]", "[", "C[", "1CC1", "*", "[H][H]", "C.1CC1"],
)
def test_what_is_no_smiles_is_a_value_error(text):
    with pytest.raises(ValueError):
        read_smiles(text)


def test_net_charge():
    assert net_charge("C[N+](C)(C)CCO.[Cl-]") == 1
    assert net_charge("C(") == 0
