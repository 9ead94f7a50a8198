import random
from itertools import combinations

import numpy as np
import pytest

from spectrakit.search.fragment_match import FragmentQuery, score_candidates, score_fragments
from spectrakit.search.fragmenter import MAX_ATOMS, fragment, fragment_many
from spectrakit.search.smiles_graph import HYDROGEN_MASS, read_smiles

SMALL = [
    "CCO", "CC(C)C(N)C(=O)O", "C1CCCCC1", "CC1CCC1O", "c1ccccc1", "c1ccc2ccccc2c1", "C1CC2CCC1CC2",
    "CN1C=NC2=C1C(=O)N(C)C(=O)N2C", "OC1CC2CC1C2", "C1CC1C1CC1", "C1CC2(C1)CCC2", "CC12CC1C2C",
    "C1CCC2C(C1)CC1CC2C1", "O=C1CCC(=O)N1CC#N", "C12C3C4C1C5C2C3C45",
]  # fmt: skip


def brute_force(smiles):
    """Masses of all connected pieces that one or two cuts leave, from subsets of bonds.

    A cut is a bridge, or two bonds that are no bridges and separate the molecule together.
    """
    graph = read_smiles(smiles)
    n = len(graph.mass)
    bonds = [(i, up) for i, up in enumerate(graph.parent) if up >= 0]
    bonds += [(a, b) for a, b, _ in graph.closures]
    weight = [m + h * HYDROGEN_MASS for m, h in zip(graph.mass, graph.n_h, strict=True)]

    def pieces(removed):
        left = [bond for bond in bonds if bond not in removed]
        label = list(range(n))
        for _ in range(n):
            for a, b in left:
                label[a] = label[b] = min(label[a], label[b])
        return [frozenset(i for i in range(n) if label[i] == k) for k in set(label)]

    bridges = [bond for bond in bonds if len(pieces([bond])) > 1]
    ring = [bond for bond in bonds if bond not in bridges]
    cuts = [[bond] for bond in bridges]
    cuts += [list(pair) for pair in combinations(ring, 2) if len(pieces(pair)) > 1]
    sides = {piece for cut in cuts for piece in pieces(cut)}
    found = {frozenset(range(n))} | sides
    for one, two in combinations(sides, 2):
        both = one & two
        if both and any(both == piece for piece in connected(both, bonds)):
            found.add(both)
    return {round(sum(weight[i] for i in piece), 5) for piece in found}


def connected(atoms, bonds):
    left, parts = set(atoms), []
    while left:
        part = {left.pop()}
        grown = True
        while grown:
            near = {b for a, b in bonds if a in part} | {a for a, b in bonds if b in part}
            more = (near & left) - part
            part |= more
            left -= more
            grown = bool(more)
        parts.append(frozenset(part))
    return parts


@pytest.mark.parametrize("smiles", SMALL)
def test_fragments_are_those_of_brute_force(smiles):
    """Oracle: every subset of bonds, tried one by one."""
    found = fragment(smiles)
    assert {round(float(m), 5) for m in found.mass} == brute_force(smiles)


def test_single_cuts_weigh_what_rdkit_cuts():
    """Oracle: RDKit's FragmentOnBonds on the chain bonds of real drugs."""
    from rdkit import Chem
    from rdkit.Chem import Descriptors

    for smiles in ("CC(=O)Nc1ccc(O)cc1", "CN(C)CCCN1c2ccccc2Sc2ccc(Cl)cc12", "OC(=O)Cc1ccccc1"):
        molecule = Chem.MolFromSmiles(smiles)
        found = fragment(smiles).mass
        for bond in molecule.GetBonds():
            if bond.IsInRing() or bond.GetBondTypeAsDouble() > 1:
                continue
            cut = Chem.FragmentOnBonds(molecule, [bond.GetIdx()], addDummies=False)
            for piece in Chem.GetMolFrags(cut, asMols=True):
                # RDKit fills the open valence with a hydrogen
                mass = Descriptors.ExactMolWt(piece) - HYDROGEN_MASS
                assert np.abs(found - mass).min() < 1e-4, (smiles, bond.GetIdx())


@pytest.mark.parametrize(
    ("smiles", "polarity", "peak"),
    [
        ("CN1C=NC2=C1C(=O)N(C)C(=O)N2C", 1, 138.0662),  # caffeine less CH3NCO
        ("CC(=O)Nc1ccc(O)cc1", 1, 110.0600),  # paracetamol less ketene
        ("NCCc1ccc(O)c(O)c1", 1, 137.0597),  # dopamine less ammonia
        ("OC(=O)c1ccccc1O", -1, 93.0346),  # salicylate less carbon dioxide
        ("N[C@@H](CCC(=O)O)C(=O)O", 1, 84.0444),  # glutamate less formic acid and water
    ],
)
def test_published_fragment_ions_are_explained(smiles, polarity, peak):
    query = FragmentQuery(np.array([peak]), np.array([1.0]), polarity)
    (scores,) = score_candidates([smiles], [query])
    assert scores.matched_peaks.tolist() == [1]


def test_the_order_of_writing_changes_no_score():
    """The tree of the SMILES is only a way to count: random spellings give the same fragments."""
    from rdkit import Chem

    random.seed(0)
    molecule = Chem.MolFromSmiles("CC(=O)OC1=CC=CC=C1C(=O)NC1CCC2(CC1)OCCO2")
    query = FragmentQuery(np.linspace(40, 300, 60), np.ones(60), 1)
    spellings = [Chem.MolToSmiles(molecule, doRandom=True) for _ in range(10)]
    spellings += [Chem.MolToSmiles(molecule, kekuleSmiles=True)]
    (scores,) = score_candidates(spellings, [query])
    np.testing.assert_allclose(scores.score, scores.score[0], rtol=1e-6)
    masses = [fragment(s).mass for s in spellings]
    for other in masses[1:]:
        np.testing.assert_allclose(other, masses[0], atol=1e-6)


def test_many_at_once_equal_one_by_one():
    query = FragmentQuery(np.linspace(30, 200, 40), np.linspace(1, 2, 40), -1)
    smiles = SMALL * 30  # more than one batch
    (together,) = score_candidates(smiles, [query])
    alone = [score_candidates([s], [query])[0].score[0] for s in SMALL]
    np.testing.assert_allclose(together.score, alone * 30, rtol=1e-6)


def test_sodium_stays_on_fragments_of_a_sodium_adduct():
    glucose = fragment_many(["OCC1OC(O)C(O)C(O)C1O"])
    mz = np.array([203.0526, 185.0420])  # [M+Na]+ and less water
    plain = score_fragments(glucose, FragmentQuery(mz, np.ones(2), 1, "[M+H]+"))
    sodium = score_fragments(glucose, FragmentQuery(mz, np.ones(2), 1, "[M+Na]+"))
    assert plain.matched_peaks[0] == 0
    assert sodium.matched_peaks[0] == 2


def test_a_quaternary_ion_is_explained_as_drawn():
    query = FragmentQuery(np.array([104.1070, 60.0808, 45.0335]), np.ones(3), 1, "[M]+")
    (scores,) = score_candidates(["C[N+](C)(C)CCO"], [query])
    assert scores.matched_peaks.tolist() == [3]


def test_hard_structures_are_counted_or_cut_but_never_hang():
    polymer = "C(O)C" * 60  # 180 atoms: masks of several machine words elsewhere
    huge = "C" * (MAX_ATOMS + 1)
    macrocycle = "C1" + "CCO" * 30 + "C1"
    found = fragment_many(["C(", polymer, huge, "O", macrocycle, "[Na+].CC(=O)[O-]", ""])
    assert found.rejected[0].startswith("unreadable SMILES")
    assert found.rejected[2] == f"more than {MAX_ATOMS} heavy atoms"
    assert set(found.rejected) == {0, 2, 6}
    sizes = np.diff(found.indptr)
    assert sizes[[0, 2, 6]].tolist() == [0, 0, 0]
    assert sizes[3] == 1 and sizes[1] > 1000 and sizes[4] > 100
    assert found.mass[found.indptr[5] : found.indptr[6]].max() == pytest.approx(59.0133, abs=1e-3)


def test_spectra_without_use_score_zero():
    for mz in ([], [1e6], [0.1], [float("nan")]):
        query = FragmentQuery(np.array(mz), np.ones(len(mz)), 1)
        (scores,) = score_candidates(["CCO", "C("], [query])
        assert scores.score.tolist() == [0.0, 0.0]
        assert scores.matched_peaks.tolist() == [0, 0]


def test_the_score_ascends_with_the_evidence():
    mz = np.array([138.0662, 110.0713, 195.0877, 83.0604, 69.0447])
    smiles = ["CN1C=NC2=C1C(=O)N(C)C(=O)N2C", "CCCN1C2=C(NC=N2)C(=O)NC1=O", "CC(O)C(C)SC(C)C(C)S"]
    (scores,) = score_candidates(smiles, [FragmentQuery(mz, np.ones(5), 1)])
    order = np.argsort(scores.evidence)
    assert np.all(np.diff(scores.score[order]) >= 0)
    assert scores.score.argmax() == 0  # caffeine's own peaks
    assert np.all((scores.score >= 0) & (scores.score <= 1))


def test_fragments_and_matches_agree_with_a_plain_loop():
    """Oracle: the formula of the docstring, written out over all fragments and peaks."""
    from spectrakit.chemistry import ELECTRON_MASS
    from spectrakit.search.fragment_model import FITTED as model

    mz, intensity = np.array([60.0444, 88.0393, 91.0542, 120.0808, 103.0542]), np.arange(1.0, 6.0)
    found = fragment("NC(Cc1ccccc1)C(=O)O")
    made = [np.zeros(6), np.zeros(5)]
    for mass, cost, state in zip(found.mass, found.cost, found.state, strict=True):
        if mass > model.lowest_mass:
            made[0][state] += np.exp(-cost)
        for k, peak in enumerate(mz):
            for h in range(-3, 4):
                neutral = peak + ELECTRON_MASS - h * HYDROGEN_MASS
                error = abs(mass - neutral)
                if error <= model.tolerance_da + model.tolerance_ppm * 1e-6 * neutral:
                    step = int(error / (model.error_da + model.error_ppm * 1e-6 * peak))
                    extra = model.hydrogen[0, state, h + 3] + model.error[min(step, 9)]
                    made[1][k] += np.exp(-(cost + extra))
    weight = np.sqrt(intensity * mz)
    possible = made[0] @ np.exp(-model.hydrogen[0, :, :7]).sum(1) + model.background
    gain = np.log1p(made[1]) @ weight / weight.sum()
    expected = model.kappa * (gain - model.gamma * np.log(possible))
    got = score_fragments(found, FragmentQuery(mz, intensity, 1))
    assert got.evidence[0] == pytest.approx(expected, rel=1e-5)
    assert got.matched_peaks[0] == np.count_nonzero(made[1])


def test_part_of_a_batch_scores_as_alone():
    query = FragmentQuery(np.linspace(30, 200, 40), np.ones(40), 1)
    smiles = [*SMALL[:4], "C(", *SMALL[4:8]]
    whole = fragment_many(smiles)
    part = score_fragments(whole.between(3, 7), query)
    (alone,) = score_candidates(smiles[3:7], [query])
    np.testing.assert_allclose(part.evidence, alone.evidence)
    assert part.rejected == alone.rejected == {1: whole.rejected[4]}
