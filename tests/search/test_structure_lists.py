import gzip

import pytest

from spectrakit.errors import InputError
from spectrakit.search.structure_lists import read_structure_list

CAFFEINE = "Cn1cnc2c1c(=O)n(C)c(=O)n2C"
CAFFEINE_INCHI = "InChI=1S/C8H10N4O2/c1-10-4-9-6-5(10)7(13)12(3)8(14)11(6)2/h4H,1-3H3"


@pytest.mark.parametrize("delimiter", ["\t", ",", ";"])
@pytest.mark.parametrize("end", ["\n", "\r\n"])
def test_tables_with_any_delimiter_and_line_end(tmp_path, delimiter, end):
    lines = [["Name", "SMILES", "ID", "note"], ["caffeine", CAFFEINE, "7", "x"], ["", "CCO", "8"]]
    path = tmp_path / "list.txt"
    path.write_bytes(end.join(delimiter.join(line) for line in lines).encode())
    table = read_structure_list(path)
    assert table.exact_mass.tolist() == pytest.approx([46.0418648, 194.0803756], abs=1e-6)
    assert table.text["inchikey14"].take([0, 1]) == ["LFQSCWFLJHTTHZ", "RYYVLZVUVIJVGH"]
    assert table.text["name"][1] == "caffeine" and table.text["source_id"][1] == "7"


def test_given_keys_are_used_and_rdkit_is_not_asked(tmp_path):
    path = tmp_path / "list.csv.gz"
    with gzip.open(path, "wt") as handle:
        handle.write("smiles,inchikey14,formula,exact_mass\nCCO,AAAAAAAAAAAAAA,C2H6O,46.5\n")
    table = read_structure_list(path)
    assert table.text["inchikey14"][0] == "AAAAAAAAAAAAAA"
    assert table.exact_mass[0] == 46.5


def test_an_inchi_alone_is_enough(tmp_path):
    path = tmp_path / "list.tsv"
    path.write_text(f"name\tinchi\ncaffeine\t{CAFFEINE_INCHI}\n")
    table = read_structure_list(path)
    assert table.text["inchikey14"][0] == "RYYVLZVUVIJVGH"
    (row,) = table.finish([0])
    assert row.inchikey == "RYYVLZVUVIJVGH-UHFFFAOYSA-N"
    assert row.smiles == "Cn1c(=O)c2c(ncn2C)n(C)c1=O"  # canonical for RDKit


def test_salts_are_read_as_their_organic_part(tmp_path):
    path = tmp_path / "list.smi"
    path.write_text("[Na+].CC(=O)[O-] sodium acetate\nC[N+](C)(C)CCO.[Cl-] choline chloride\n")
    table = read_structure_list(path)
    assert table.exact_mass.tolist() == pytest.approx([60.0211294, 104.1075391], abs=1e-6)
    assert table.charge.tolist() == [0, 1]
    assert table.text["name"].take([0, 1]) == ["sodium acetate", "choline chloride"]


def test_rejects_are_counted_with_their_reason(tmp_path):
    path = tmp_path / "list.csv"
    path.write_text("smiles,exact_mass\nCCO,\nOCC,\nC(C,\n,12\nCC,heavy\n")
    account = read_structure_list(path).account()
    assert (account.read, account.kept) == (5, 1)
    assert account.dropped == {
        "another form of a compound kept": 1,
        "structure that RDKit cannot read": 1,
        "no SMILES and no InChI": 1,
        "exact mass that is no number": 1,
    }


def test_sdf(tmp_path):
    from rdkit import Chem

    with Chem.SDWriter(str(tmp_path / "a.sdf")) as writer:
        molecule = Chem.MolFromSmiles(CAFFEINE)
        molecule.SetProp("_Name", "caffeine")
        writer.write(molecule)
    table = read_structure_list(tmp_path / "a.sdf")
    assert table.text["name"][0] == "caffeine"
    assert table.text["inchikey14"][0] == "RYYVLZVUVIJVGH"


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"a,b\n1,2\n",
        b"smiles,name\n",
        b"\x1f\x8bbroken",
        b"smiles\n\x00\x01",
        b"smiles\nC(C\n",
    ],
)
def test_a_list_without_structures_is_an_input_error(tmp_path, content):
    path = tmp_path / "list.csv"
    path.write_bytes(content)
    with pytest.raises(InputError) as caught:
        read_structure_list(path)
    assert str(path) in str(caught.value)
