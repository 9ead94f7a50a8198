"""The synthetic run: reproducible, readable by others, chemically right."""

import hashlib
import re
import sys
import zlib
from collections import Counter
from pathlib import Path

import numpy as np
import pytest

DATA = Path(__file__).resolve().parents[1] / "data"


@pytest.fixture(scope="module")
def script():
    """The authoring script as a module, with the facts it is made from."""
    sys.path.insert(0, str(DATA))
    try:
        import make_sample

        yield make_sample
    finally:
        sys.path.remove(str(DATA))


@pytest.fixture(scope="module")
def truth() -> dict[str, dict[str, str]]:
    header, *rows = (DATA / "sample_truth.tsv").read_text(encoding="utf-8").splitlines()
    columns = header.split("\t")
    table = [dict(zip(columns, row.split("\t"), strict=True)) for row in rows]
    return {row["spectrum"]: row for row in table}


@pytest.fixture(scope="module")
def spectra() -> dict[str, dict]:
    """The file as pyteomics reads it, by native id, through its own index."""
    from pyteomics import mzml

    with mzml.MzML(str(DATA / "sample.mzML"), use_index=True) as reader:
        return {spectrum["id"]: spectrum for spectrum in reader}


def inflated(text: str) -> str:
    """Return the file with its arrays unpacked and everything that depends on zlib taken out."""
    text = re.sub(r"<binary>(.*?)</binary>", lambda m: unpack(m[1]), text)
    text = re.sub(r' encodedLength="\d+"', "", text)
    return text[: text.index("<indexList")]


def unpack(payload: str) -> str:
    import base64

    return zlib.decompress(base64.b64decode(payload)).hex()


def test_the_script_writes_the_committed_files_again(script, tmp_path):
    script.main(tmp_path)
    truth = "sample_truth.tsv"
    assert (tmp_path / truth).read_bytes() == (DATA / truth).read_bytes()
    ours, committed = ((folder / "sample.mzML").read_bytes() for folder in (tmp_path, DATA))
    if "ng" in zlib.ZLIB_RUNTIME_VERSION:  # zlib-ng packs the same numbers differently
        assert inflated(ours.decode()) == inflated(committed.decode())
    else:
        assert ours == committed


def test_the_file_is_small_and_says_that_it_is_synthetic():
    content = (DATA / "sample.mzML").read_bytes()
    assert len(content) < 400_000
    assert b'<userParam name="synthetic"' in content


def test_index_and_checksum_are_right():
    content = (DATA / "sample.mzML").read_bytes()
    start = content.index(b"<fileChecksum>") + len(b"<fileChecksum>")
    assert content[start : start + 40].decode() == hashlib.sha1(content[:start]).hexdigest()
    at = int(re.search(rb"<indexListOffset>(\d+)<", content)[1])
    assert content[at:].startswith(b"<indexList ")
    offsets = re.findall(rb'<offset idRef="(.*?)">(\d+)<', content)
    assert len(offsets) == 119
    for name, offset in offsets:
        assert re.match(rb'<spectrum index="\d+" id="%s"' % name, content[int(offset) :][:60])


def test_the_file_is_valid_mzml():
    """Against the schema and the semantic rules that OpenMS carries."""
    import pyopenms
    from lxml import etree

    schemas = Path(pyopenms.__file__).parent / "share" / "OpenMS" / "SCHEMAS"
    schema = etree.XMLSchema(etree.parse(schemas / "mzML_idx_1_10.xsd"))
    schema.assertValid(etree.parse(DATA / "sample.mzML"))
    valid, errors, warnings = pyopenms.MzMLFile().isSemanticallyValid(str(DATA / "sample.mzML"))
    assert (valid, errors, warnings) == (True, [], [])


def test_pyteomics_and_openms_read_the_same_spectra(spectra):
    import pyopenms

    experiment = pyopenms.MSExperiment()
    pyopenms.MzMLFile().load(str(DATA / "sample.mzML"), experiment)
    assert Counter(s["ms level"] for s in spectra.values()) == {1: 80, 2: 39}
    assert experiment.getNrSpectra() == len(spectra)
    for other in experiment:
        ours = spectra[other.getNativeID()]
        mz, intensity = other.get_peaks()
        np.testing.assert_array_equal(mz, ours["m/z array"])
        np.testing.assert_allclose(intensity, ours["intensity array"], rtol=1e-6)
        assert other.getMSLevel() == ours["ms level"]
        assert other.getRT() == pytest.approx(ours["scanList"]["scan"][0]["scan start time"] * 60)


def test_every_special_case_is_there(spectra, truth):
    tandem = {i: s for i, s in spectra.items() if s["ms level"] == 2}
    assert Counter("positive scan" in s for s in tandem.values()) == {True: 32, False: 7}
    assert sum("profile spectrum" in s for s in tandem.values()) == 1
    assert sum(len(s["m/z array"]) == 0 for s in tandem.values()) == 1
    windows = Counter(
        round(2 * s["precursorList"]["precursor"][0]["isolationWindow"][
            "isolation window lower offset"], 3)
        for s in tandem.values()
    )  # fmt: skip
    assert windows == {1.0: 38, 25.0: 1}
    charges = Counter(ion(s).get("charge state") for s in tandem.values())
    assert charges == {1: 36, 2: 1, None: 2}
    assert Counter(row["known"] for row in truth.values()) == {"1": 32, "0": 5}
    assert len({row["molecule"] for row in truth.values() if row["known"] == "1"}) == 22
    assert set(truth) < set(tandem)
    assert all("synthetic" in row["note"] for row in truth.values())


def ion(spectrum: dict) -> dict:
    return spectrum["precursorList"]["precursor"][0]["selectedIonList"]["selectedIon"][0]


def test_precursors_are_within_three_ppm_of_the_molecule(spectra, truth):
    """Masses from RDKit and the adduct by hand: an oracle apart from the script's own tables."""
    from rdkit.Chem import MolFromSmiles
    from rdkit.Chem.Descriptors import ExactMolWt

    proton, electron, sodium = 1.007276466621, 0.000548579909, 22.989218
    for name, row in truth.items():
        mass = ExactMolWt(MolFromSmiles(row["smiles"]))
        expected = {
            "[M+H]+": mass + proton,
            "[M-H]-": mass - proton,
            "[M+Na]+": mass + sodium,
            "[M+2H]2+": (mass + 2 * proton) / 2,
            "[M]+": mass - electron,  # RDKit weighs the atoms, not the charge
        }[row["adduct"]]
        if "first isotope" in row["note"]:
            expected += 1.003354835
        assert ion(spectra[name])["selected ion m/z"] == pytest.approx(expected, rel=3e-6), name


def test_structures_formulas_and_keys_agree(script):
    from rdkit.Chem import MolFromSmiles, MolToInchiKey
    from rdkit.Chem.rdMolDescriptors import CalcMolFormula

    for compound in (*script.COMPOUNDS, *script.UNKNOWNS):
        molecule = MolFromSmiles(compound.smiles)
        assert CalcMolFormula(molecule).rstrip("+") == compound.formula, compound.name
        if compound.known:
            assert MolToInchiKey(molecule) == compound.inchikey, compound.name


def test_every_fragment_is_part_of_its_precursor_ion(script):
    for compound in (*script.COMPOUNDS, *script.UNKNOWNS):
        whole = script.atoms(compound.ion)
        for entry in compound.fragments.split():
            part = script.atoms(entry.split(":")[0])
            assert all(n <= whole.get(element, 0) for element, n in part.items()), entry


def test_the_strongest_fragments_are_in_the_spectra(script, spectra, truth):
    facts = {c.name: c for c in (*script.COMPOUNDS, *script.UNKNOWNS)}
    for name, row in truth.items():
        compound = facts[row["name"]]
        mz = spectra[name]["m/z array"]
        for entry in compound.fragments.split():
            formula, intensity = entry.split(":")
            exact = script.ion_mz(formula, 1 if compound.charge > 0 else -1)
            if float(intensity) >= 5:
                assert np.abs(mz - exact).min() < 4e-6 * exact, (name, entry)


def test_hmdb_has_the_known_compounds_and_not_the_unknown_ones(script):
    """Against the tables inside pyopenms: by formula mass, 10 ppm, over the common adducts."""
    import pyopenms

    tables = Path(pyopenms.__file__).parent / "share" / "OpenMS" / "CHEMISTRY"
    lines = (tables / "HMDBMappingFile.tsv").read_text(encoding="utf-8").splitlines()
    masses = np.array([float(line.split("\t")[0]) for line in lines if line[:1].isdigit()])
    proton = 1.007276466621
    water = 18.010564684
    shifts = {  # (molecules in the ion, charge, mass added)
        1: [
            (1, 1, proton), (1, 1, 22.989218), (1, 1, 38.963158), (1, 1, 18.033826),
            (1, 1, proton - water), (2, 1, proton), (1, 2, 2 * proton), (1, 1, -0.000549),
        ],
        -1: [
            (1, 1, -proton), (1, 1, 34.969402), (1, 1, 44.998201), (1, 1, 59.013851),
            (1, 1, -proton - water), (2, 1, -proton), (1, 2, -2 * proton),
        ],
    }  # fmt: skip

    def candidates(compound) -> int:
        sign = 1 if compound.charge > 0 else -1
        mz = script.ion_mz(compound.ion, compound.charge)
        return sum(
            int((np.abs(masses - mass) <= 1e-5 * mass).sum())
            for isotope in (0.0, 1.003355)
            for n, z, shift in shifts[sign]
            for mass in [((mz - isotope) * z - shift) / n]
        )

    found = {c.name: candidates(c) for c in script.UNKNOWNS}
    assert [found[f"invented {letter}"] for letter in "ABC"] == [0, 0, 0]
    assert min(found["invented D"], found["invented E"]) > 0
    assert all(candidates(compound) > 0 for compound in script.COMPOUNDS)


def test_hmdb_holds_each_compound_by_structure(script):
    import pyopenms
    from rdkit.Chem import MolFromSmiles, MolToInchi

    path = Path(pyopenms.__file__).parent / "share/OpenMS/CHEMISTRY/HMDB2StructMapping.tsv"
    skeletons = {
        "/".join(line.split("\t")[3].split("/")[1:4])
        for line in path.read_text(encoding="utf-8").splitlines()
        if line.count("\t") >= 3
    }
    for compound in (*script.COMPOUNDS, *script.UNKNOWNS):
        inchi = MolToInchi(MolFromSmiles(compound.smiles))
        assert ("/".join(inchi.split("/")[1:4]) in skeletons) == compound.known, compound.name
