"""Peptidoforms: spellings, identity, and masses against pyopenms."""

from math import isnan

import pytest
from hypothesis import given
from hypothesis import strategies as st

from spectrakit.peptides import nist_peptide, peptide_key, peptide_mass, read_peptide
from spectrakit.peptides.modifications import _TABLE, mass_of


@pytest.mark.parametrize(
    ("text", "proforma", "charge"),
    [
        ("PEPTIDE", "PEPTIDE", 0),
        ("PEPTIDE/2", "PEPTIDE", 2),
        ("[Acetyl]-PEPC[Carbamidomethyl]K", "[Acetyl]-PEPC[Carbamidomethyl]K", 0),
        ("PEPTIDE-[Amidated]/3", "PEPTIDE-[Amidated]", 3),
        ("+42.011PEPC+57.021", "[+42.011]-PEPC[+57.021]", 0),
        ("K.PEPC(+57.02)R.T", "PEPC[+57.02]R", 0),
        ("K.PEPTIDE.R/3", "PEPTIDE", 3),
        ("_(ac)PEPM(ox)_", "[Acetyl]-PEPM[Oxidation]", 0),
        ("PEPM(Oxidation (M))K", "PEPM[Oxidation]K", 0),
        ("<13C>PEPTIDE", "<13C>PEPTIDE", 0),  # ProForma that is kept, not taken apart
        ("<[Carbamidomethyl]@C>PEPC/2", "<[Carbamidomethyl]@C>PEPC", 2),
        ("(?DQ)NGTWEM/2", "(?DQ)NGTWEM", 2),  # was [?DQ]-NGTWEM
        ("PEP(TIDE)[+79.966]", "PEP(TIDE)[+79.966]", 0),  # was PEP[TIDE][+79.966]
        ("*..*", "", 0),  # GNPS writes this everywhere
        ("n-AC", "", 0),  # a sequence tag of Mascot's query language
        ("", "", 0),
        ("caffeine", "", 0),
        ("PEP TIDE", "", 0),
        ("PEPTIDE\x00", "", 0),
        ("(" * 5000, "", 0),
    ],
)
def test_peptides_are_read_however_they_are_spelt(text, proforma, charge):
    assert read_peptide(text) == (proforma, charge)
    if proforma:
        assert read_peptide(proforma) == (proforma, 0)


@pytest.mark.parametrize(
    ("name", "mods", "proforma"),
    [
        ("AAAAGPEMVR/2", "0", "AAAAGPEMVR"),
        ("AAAAGPEMVR/2_2(0,A,Acetyl)(7,M,Oxidation)", "2(0,A,Acetyl)(7,M,Oxidation)",
         "[Acetyl]-AAAAGPEM[Oxidation]VR"),
        ("AM(O)FDK/2", "1/1,M,Oxidation", "AM[Oxidation]FDK"),
        ("QCK/1", "2/0,Q,Pyro-glu/1,C,CAM", "Q[Gln->pyro-Glu]C[Carbamidomethyl]K"),
        ("n[43]AAC[160]K/2", "2/-1,A,Acetyl/2,C,Carbamidomethyl",
         "[Acetyl]-AAC[Carbamidomethyl]K"),
        ("KAAK/2", "1/0,K,Acetyl", "K[Acetyl]AAK"),
        ("AAK/2", "1/1,C,CAM", ""),  # another residue stands there
        ("AAK/2", "2/1,A,Methyl", ""),  # a modification is missing
        ("DDT/1", "", ""),
    ],
)  # fmt: skip
def test_nist_names_and_mods_become_proforma(name, mods, proforma):
    assert nist_peptide(name, mods)[0] == proforma


def test_spellings_of_one_peptidoform_have_one_key_and_isomers_have_not():
    keys = {
        peptide_key(t) for t in ("C[Carbamidomethyl]K", "C[UNIMOD:4]K", "C[+57.0215]K", "C[U:4]K")
    }
    assert len(keys) == 2  # U:4 is no accession: it stays as it is
    assert peptide_key("PEPTIDE") != peptide_key("PEPTLDE")
    assert peptide_key("SS[Phospho]K") != peptide_key("S[Phospho]SK")


def test_modifications_weigh_what_unimod_says():
    pyopenms = pytest.importorskip("pyopenms")
    database = pyopenms.ModificationsDB()
    for name, (record, _) in _TABLE.items():
        known = database.searchModifications(name)
        same = [m for m in known if m.getUniModRecordId() == record]
        assert same, name
        assert (
            mass_of(name)
            == mass_of(f"UNIMOD:{record}")
            == pytest.approx(same[0].getDiffMonoMass(), abs=2e-5)
        ), name


RESIDUE = st.sampled_from("ACDEFGHIKLMNPQRSTVWY")


@given(st.lists(RESIDUE, min_size=1, max_size=30), st.booleans())
def test_masses_equal_those_of_pyopenms(residues, modified):
    pyopenms = pytest.importorskip("pyopenms")
    ours = "".join(f"{r}[Oxidation]" if modified and r == "M" else r for r in residues)
    theirs = "".join(f"{r}(Oxidation)" if modified and r == "M" else r for r in residues)
    mass = pyopenms.AASequence.fromString(theirs).getMonoWeight()
    assert peptide_mass(ours) == pytest.approx(mass, abs=1e-3)


def test_what_has_no_mass_says_so():
    for text in ("PEPXIDE", "PEPC[Unheardof]K", "<13C>PEPTIDE"):
        assert isnan(peptide_mass(text))


@given(st.text(max_size=60))
def test_no_text_breaks_the_reader(text):
    proforma, charge = read_peptide(text)
    assert charge >= 0
    if proforma:
        assert read_peptide(proforma)[0] == proforma
    nist_peptide(text, "1/0,A,Acetyl")
    peptide_key(text)
