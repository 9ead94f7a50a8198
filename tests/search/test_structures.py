import csv
import gzip
import time

import numpy as np
import pytest

from spectrakit.chemistry import ELECTRON_MASS
from spectrakit.errors import InputError, UsageError
from spectrakit.search.inchi_key import inchikey14, main_layer, main_layer_mass
from spectrakit.search.structure_sources import load_structures
from spectrakit.search.structures import StructureRow, StructureTable, TextColumn, table_of
from spectrakit.spectrum import Tolerance


@pytest.fixture(scope="session")
def hmdb(tmp_path_factory):
    """The hmdb table, parsed once into a cache of the test's own."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("SPECTRAKIT_HOME", str(tmp_path_factory.mktemp("home")))
        yield load_structures("hmdb")


@pytest.fixture
def cache_home(tmp_path, monkeypatch):
    monkeypatch.setenv("SPECTRAKIT_HOME", str(tmp_path / "home"))
    return tmp_path / "home"


def small_table():
    rows = [
        StructureRow(194.08038, "Cn1cnc2c1c(=O)n(C)c(=O)n2C", "RYYVLZVUVIJVGH", "C8H10N4O2"),
        StructureRow(180.06339, "OCC1OC(O)C(O)C(O)C1O", "WQZGKKKJIJFFOK", "C6H12O6"),
        StructureRow(180.06471, "Cn1c(=O)c2[nH]cnc2n(C)c1=O", "ZFXYFBGIUFBOJW", "C7H8N4O2"),
    ]
    return table_of(rows, "test", {"kept": 3})


def test_rows_within_a_tolerance_are_found_inclusive():
    table = small_table()
    assert [table.text["inchikey14"][i] for i in range(3)] == [
        "WQZGKKKJIJFFOK",
        "ZFXYFBGIUFBOJW",
        "RYYVLZVUVIJVGH",
    ]
    assert table.by_mass(180.06339, Tolerance(5, "ppm")) == slice(0, 1)
    assert table.by_mass(180.064, Tolerance(0.001, "Da")) == slice(0, 2)
    start, stop = table.by_masses(np.array([194.08, np.nan, 50.0]), Tolerance(10, "ppm"))
    assert (stop - start).tolist() == [1, 0, 0]


def test_texts_of_a_range_equal_texts_one_by_one():
    column = TextColumn.of(["", "α-D-glucose", "x", ""])
    assert column.between(0, 4) == [column[i] for i in range(4)] == ["", "α-D-glucose", "x", ""]
    assert column.between(2, 2) == [] and column.take([2, 0]) == ["x", ""]


def test_a_written_table_is_mapped_back_unchanged(tmp_path):
    table = small_table()
    table.write(tmp_path / "t.bin")
    again = StructureTable.open(tmp_path / "t.bin")
    np.testing.assert_array_equal(again.exact_mass, table.exact_mass)
    assert again.smiles(slice(0, 3)) == table.smiles(slice(0, 3))
    table.write(tmp_path / "u.bin")
    assert (tmp_path / "t.bin").read_bytes() == (tmp_path / "u.bin").read_bytes()


def test_a_table_cut_short_is_refused_everywhere(tmp_path):
    small_table().write(tmp_path / "t.bin")
    whole = (tmp_path / "t.bin").read_bytes()
    for size in (0, 5, 12, 40, len(whole) // 2, len(whole) - 1):
        (tmp_path / "cut.bin").write_bytes(whole[:size])
        with pytest.raises(InputError):
            StructureTable.open(tmp_path / "cut.bin")


def test_first_block_of_the_inchikey_is_rdkits(hmdb):
    """Oracle: the InChI library inside RDKit, over a spread of HMDB compounds."""
    from rdkit import Chem

    for row in range(0, len(hmdb), 151):
        inchi = hmdb.text["inchi"][row]
        assert Chem.InchiToInchiKey(inchi)[:14] == hmdb.text["inchikey14"][row]


def test_mass_from_inchi_is_rdkits(hmdb):
    """Oracle: RDKit's ExactMolWt of the drawing, less the protons that InChI sets aside."""
    import re

    from rdkit import Chem, RDLogger
    from rdkit.Chem import Descriptors

    RDLogger.DisableLog("rdApp.*")
    checked = 0
    for row in range(0, len(hmdb), 97):
        molecule = Chem.MolFromSmiles(hmdb.text["smiles"][row])
        inchi = hmdb.text["inchi"][row]
        if molecule is None or "." in hmdb.text["formula"][row] or "/i" in inchi:
            continue
        protons = re.search(r"/p([+-]\d+)", inchi)
        mass = Descriptors.ExactMolWt(molecule) + Chem.GetFormalCharge(molecule) * ELECTRON_MASS
        mass -= 1.00782503207 * (int(protons[1]) if protons else 0)
        assert hmdb.exact_mass[row] == pytest.approx(mass, abs=1e-4)
        checked += 1
    assert checked > 800


@pytest.mark.parametrize(
    ("inchi", "mass", "charge"),
    [
        ("InChI=1S/C2H4O2/c1-2(3)4/h1H3,(H,3,4)/p-1", 60.02113, 0),  # acetate is acetic acid
        ("InChI=1S/C5H14NO/c1-6(2,3)4-5-7/h7H,4-5H2,1-3H3/q+1", 104.10754, 1),  # choline
        ("InChI=1S/CH4/h1H4/i1D4", 16.03130, 0),  # labels are ignored
    ],
)
def test_protons_and_charges_of_an_inchi(inchi, mass, charge):
    found = main_layer_mass(inchi)
    assert found[0] == pytest.approx(mass, abs=1e-5)
    assert found[1] == charge


def test_hmdb_has_one_row_for_a_compound_with_its_first_identifier(hmdb):
    keys = hmdb.text["inchikey14"].between(0, len(hmdb))
    assert len(set(keys)) == len(keys) > 90_000
    row = hmdb.by_mass(89.04768, Tolerance(1, "ppm"))
    found = {s.inchikey14: s for s in hmdb.finish(range(row.start, row.stop))}
    alanine = found["QNAYBMKLOCPYGJ"]
    assert (alanine.source_id, alanine.formula) == ("HMDB0000161", "C3H7NO2")
    assert alanine.inchikey.startswith("QNAYBMKLOCPYGJ-") and len(alanine.inchikey) == 27
    assert hmdb.account().read == 114_107
    assert np.all(np.diff(hmdb.exact_mass) >= 0)


def test_hmdb_opens_from_the_cache_and_without_pyopenms_being_imported(cache_home):
    import subprocess
    import sys

    code = (
        "import sys, time; from spectrakit.search.structure_sources import load_structures;"
        "load_structures('hmdb'); t = time.process_time(); load_structures('hmdb');"
        "print(time.process_time() - t, 'pyopenms' in sys.modules, 'rdkit' in sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    seconds, pyopenms, rdkit = done.stdout.split()
    assert float(seconds) < 0.05 and (pyopenms, rdkit) == ("False", "False")
    assert len(list((cache_home / "cache").iterdir())) == 1


def test_a_cache_that_cannot_be_written_or_is_damaged_is_no_error(cache_home, tmp_path):
    path = tmp_path / "list.csv"
    path.write_text("smiles,inchikey14,formula,exact_mass\nCCO,LFQSCWFLJHTTHZ,C2H6O,46.04186\n")
    cache_home.write_text("a file where the folder should be")
    assert len(load_structures(path)) == 1
    cache_home.unlink()
    assert len(load_structures(path)) == 1
    (cached,) = (cache_home / "cache").iterdir()
    cached.write_bytes(b"SKARRAY1 nonsense")
    assert load_structures(path).text["formula"][0] == "C2H6O"


def test_a_changed_list_is_read_again(cache_home, tmp_path):
    path = tmp_path / "list.csv"
    path.write_text("smiles,inchikey14,formula,exact_mass\nCCO,LFQSCWFLJHTTHZ,C2H6O,46.04186\n")
    assert len(load_structures(path)) == 1
    path.write_text(path.read_text() + "C,VNWKTOKETHGBQD,CH4,16.0313\n")
    assert len(load_structures(path)) == 2
    assert len(list((cache_home / "cache").iterdir())) == 1


def test_unknown_names_and_folders_are_usage_errors(tmp_path, cache_home):
    with pytest.raises(UsageError) as caught:
        load_structures("hdmb")
    assert "hmdb" in caught.value.hint
    with pytest.raises(UsageError):
        load_structures(tmp_path)


def test_molecules_of_the_shared_data_load_with_their_own_keys(shared_data, cache_home):
    path = shared_data / "ms" / "molecules.csv.gz"
    with gzip.open(path, "rt", encoding="utf-8") as handle:
        record = next(csv.DictReader(handle))
    start = time.process_time()
    table = load_structures(path)
    assert time.process_time() - start < 15
    assert len(table) == 440_925
    rows = table.by_mass(float(record["exact_mass"]), Tolerance(1, "ppm"))
    keys = table.text["inchikey14"].between(rows.start, rows.stop)
    at = rows.start + keys.index(record["inchikey14"])
    assert table.text["smiles"][at] == record["smiles"]


def test_main_layer_wants_a_standard_inchi():
    for text in ("", "InChI=1/CH4/h1H4", "CH4", "InChi=NA"):
        with pytest.raises(ValueError, match="no standard InChI"):
            main_layer(text)
    assert inchikey14(main_layer("InChI=1S/CH4/h1H4")) == "VNWKTOKETHGBQD"
