"""Formulas and adducts against RDKit, pyteomics and values computed by hand."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from spectrakit.chemistry import (
    ELECTRON_MASS,
    PROTON_MASS,
    Adduct,
    canonical_adduct,
    exact_mass,
    parse_formula,
)
from spectrakit.elements import ELEMENT_MASS
from spectrakit.errors import UsageError


def test_element_masses_agree_with_rdkit_and_pyteomics():
    from pyteomics.mass import nist_mass
    from rdkit.Chem import GetPeriodicTable

    table = GetPeriodicTable()
    for symbol, mass in ELEMENT_MASS.items():
        assert mass == pytest.approx(table.GetMostCommonIsotopeMass(symbol), abs=2e-4), symbol
        assert mass in [isotope[0] for isotope in nist_mass[symbol].values()], symbol


@pytest.mark.parametrize(
    ("formula", "mass"),
    [
        ("C8H10N4O2", 194.08038),  # caffeine
        ("CuSO4.5H2O", 248.93415),
        ("(CH3)2CO", 58.04186),
        ("[13C]6H12O6", 186.08352),  # glucose, uniformly labelled
        ("CDCl3", 118.92064),
        ("C5H14NO+", 104.10754),  # choline: atoms only, the electron is the adduct's business
    ],
)
def test_exact_mass_of_known_compounds(formula, mass):
    assert exact_mass(formula) == pytest.approx(mass, abs=2e-5)


@pytest.mark.parametrize("text", ["", "C6H12O6)", "(CH2", "Xx2", "6", "C6 H12", "c6h12"])
def test_formulas_that_are_none_are_refused(text):
    with pytest.raises(ValueError):
        parse_formula(text)


@given(st.dictionaries(st.sampled_from(sorted(ELEMENT_MASS)), st.integers(1, 99), min_size=1))
def test_formula_survives_writing_and_reading(atoms):
    text = "".join(f"{symbol}{n if n > 1 else ''}" for symbol, n in atoms.items())
    assert parse_formula(text) == atoms


SPELLINGS = {
    "[M+H]+": [
        "[M+H]+",
        "M+H",
        "[M+H]",
        "(M+H)+",
        "[M+H]1+",
        "[M+H]+1",
        "M+H+",
        " [M + H]+ ",
        "MH+",
        "[MH]+",
        "[M+H]⁺",
    ],
    "[M+2H]2+": ["[M+2H]2+", "[M+2H]++", "[M+2H]+2", "M+2H", "[M+H+H]2+"],
    "[M+HCOO]-": [
        "[M+HCOO]-",
        "[M+HCO2]-",
        "[M+HCOOH-H]-",
        "[M+FA-H]-",
        "[M-H+HCOOH]-",
        "[M+CHO2]-",
    ],
    "[M-H2O+H]+": ["[M-H2O+H]+", "[M+H-H2O]+", "M+H-H2O", "[M-OH]+"],
    "[M+CH3COO]-": ["[M+OAc]-", "[M+CH3COOH-H]-", "[M+Hac-H]-", "[M+C2H3O2]-"],
    "[M]+": ["[M]+", "[M]+.", "[M]+*", "[M]*+", "M+", "[Cat]+", "[M]+•"],
    "[2M+Na]+": ["[2M+Na]+", "2M+Na", "[2M+Na]1+"],
    "[M+NH4]+": ["[M+NH4]+", "[M+NH3+H]+", "M+NH4"],
    "[M-H]-": ["[M-H]-", "[M-H]1-", "M-H", "M-H-", "[M-H1]-", "[M−H]−"],
    "[M-2H]2-": ["[M-2H]2-", "[M-2H]--", "M-2H"],
    "[M+ACN+H]+": ["[M+ACN+H]+", "[M+H+CH3CN]+", "[M+C2H3N+H]+"],
}


@pytest.mark.parametrize(("name", "text"), [(n, t) for n, ts in SPELLINGS.items() for t in ts])
def test_every_spelling_of_an_ion_has_one_name(name, text):
    assert canonical_adduct(text) == name


@pytest.mark.parametrize(
    "text", ["", "NA", "?", "[M+Zz]+", "[M+H]+,[M+Na]+", "M", "[H]+", "[99M+H]+"]
)
def test_text_that_names_no_single_ion_is_refused(text):
    assert canonical_adduct(text) == ""
    with pytest.raises(UsageError):
        Adduct.parse(text)


CAFFEINE = exact_mass("C8H10N4O2")


@pytest.mark.parametrize(
    ("adduct", "mass", "mz"),
    [
        ("[M+H]+", CAFFEINE, CAFFEINE + PROTON_MASS),
        ("[M+Na]+", CAFFEINE, 217.06960),
        ("[M+2H]2+", CAFFEINE, (CAFFEINE + 2 * PROTON_MASS) / 2),
        ("[2M+H]+", CAFFEINE, 2 * CAFFEINE + PROTON_MASS),
        ("[M-H2O+H]+", exact_mass("C6H12O6"), 163.06010),
        ("[M+HCOO]-", exact_mass("C6H12O6"), 225.06159),
        ("[M]+", exact_mass("C5H14NO"), exact_mass("C5H14NO") - ELECTRON_MASS),  # choline
        ("[M-H]-", exact_mass("C6H8O7"), 191.01973),  # citric acid
    ],
)
def test_mz_of_known_ions_and_back(adduct, mass, mz):
    ion = Adduct.parse(adduct)
    assert ion.mz(mass) == pytest.approx(mz, abs=2e-5)
    assert ion.neutral_mass(ion.mz(mass)) == pytest.approx(mass, rel=1e-12)


@given(st.text(alphabet="[]M+-HNaKClOC2413 .*()", max_size=20))
def test_no_text_breaks_the_adduct_reader(text):
    name = canonical_adduct(text)
    assert not name or canonical_adduct(name) == name
