"""The keys of programs that write MSP and MGF, authored from facts: each has its place."""

import pytest
from builders import read, read_text

NIST_PEPTIDE = """Name: AC(CAM)DEFM(O)K/2
MW: 929.3
Comment: Spec=Consensus Pep=Tryptic Mods=2/1,C,CAM/5,M,Oxidation Parent=465.6 Inst=it Nreps=2/3
Num peaks: 2
147.1\t100\t"y1/0.01 2/2 1.1"
278.2\t50\t"? 1/2 0.4"

"""
SPECTRAST = """Name: n[43]AC[160]DEK/3
LibID: 0
MW: 700.2
PrecursorMZ: 233.8
Status: Normal
FullName: K.n[43]AC[160]DEK.L/3 (HCD)
Comment: CollisionEnergy=39.0 Mods=2/-1,A,Acetyl/1,C,Carbamidomethyl Parent=233.8 Spec=Consensus
NumPeaks: 1
147.1\t100\ty1/0.01\t5/5

"""
FRAGHUB = """FILENAME: lib.msp
PREDICTED: false
FRAGHUBID: 12
SPECTRUMID: CCMSLIB0001
NAME: Testine
PRECURSORMZ: 300.5
PRECURSORTYPE: [M+H]+
MSLEVEL: 2
FRAGMENTATIONMODE: HCD
IONIZATION: ESI
INSTRUMENTTYPE: LC-ESI-QTOF
INSTRUMENT: Maxis
SMILES: CCO
INCHIKEY: LFQSCWFLJHTTHZ-UHFFFAOYSA-N
COLLISIONENERGY: 30
FORMULA: C2H6O
RT: 2.5
IONMODE: positive
ENTROPY: 1.5
NUM PEAKS: 1
100.5 3

"""
MSDIAL = """NAME: PC 34:1
PRECURSORMZ: 760.5851
PRECURSORTYPE: [M+H]+
INCHIKEY: WTJKGGKOPKCXLL-VYOBOKEXSA-N
RETENTIONTIME: 7.5
CCS: 290.1
COMPOUNDCLASS: PC
IONMODE: Positive
Comment: made up
Num Peaks: 1
184.0733\t999\t"choline head"

"""


def test_nist_peptides_have_a_sequence_a_charge_and_notes(tmp_path):
    (s,), _ = read_text(tmp_path, NIST_PEPTIDE)
    assert s.molecule.peptide == "AC[Carbamidomethyl]DEFM[Oxidation]K"
    assert (s.charge, s.precursor_mz) == (2, 465.6)
    assert s.columns["annotation"].tolist() == ["y1/0.01 2/2 1.1", "? 1/2 0.4"]
    assert "Nreps=2/3" in s.extra["Comment"]  # the whole of it


def test_spectrast_text_is_read(tmp_path):
    (s,), _ = read_text(tmp_path, SPECTRAST, "x.sptxt")
    assert s.molecule.peptide == "[Acetyl]-AC[Carbamidomethyl]DEK"
    assert (s.charge, s.precursor_mz) == (3, 233.8)
    assert s.columns["annotation"].tolist() == ["y1/0.01\t5/5"]
    assert (s.extra["LibID"], s.extra["FullName"]) == ("0", "K.n[43]AC[160]DEK.L/3 (HCD)")


def test_fraghub_keys_have_their_places(tmp_path):
    (s,), _ = read_text(tmp_path, FRAGHUB)
    assert (s.native_id, s.name, s.ms_level, s.polarity) == ("CCMSLIB0001", "Testine", 2, 1)
    assert (s.precursor_mz, s.adduct, s.activation) == (300.5, "[M+H]+", "HCD")
    assert (s.rt_seconds, s.collision_energy_value) == (150.0, 30.0)
    assert s.extra == {
        "FILENAME": "lib.msp",
        "PREDICTED": "false",
        "FRAGHUBID": "12",
        "IONIZATION": "ESI",
        "ENTROPY": "1.5",
        "INSTRUMENTTYPE": "LC-ESI-QTOF",
    }


def test_msdial_keys_have_their_places(tmp_path):
    (s,), _ = read_text(tmp_path, MSDIAL)
    assert (s.rt_seconds, s.polarity) == (450.0, 1)
    assert s.columns["annotation"].tolist() == ["choline head"]
    assert s.extra == {"CCS": "290.1", "COMPOUNDCLASS": "PC", "Comment": "made up"}


@pytest.mark.parametrize(
    ("lines", "expected"),
    [
        ("SEQ=PEPTIDE", ("PEPTIDE", {})),
        ("SEQ=PEPC[Carbamidomethyl]", ("PEPC[Carbamidomethyl]", {})),
        ("SEQ=PEPC+57.021", ("PEPC[+57.021]", {"SEQ": "PEPC+57.021"})),
        ("SEQ=PEPTIDE/2", ("PEPTIDE", {"SEQ": "PEPTIDE/2", "charge taken from": "peptide"})),
        ("SEQ=*..*", ("", {"SEQ": "*..*"})),  # GNPS
        ("SEQ=n-AC", ("", {"SEQ": "n-AC"})),  # Mascot's sequence tag
        ("PEPTIDE_SEQUENCE=*..*", ("", {"PEPTIDE_SEQUENCE": "*..*"})),  # mzmine
        ("MODS=Carbamidomethyl (C)", ("", {"MODS": "Carbamidomethyl (C)"})),
    ],
)
def test_mgf_sequences(tmp_path, lines, expected):
    text = f"BEGIN IONS\nTITLE=t\nPEPMASS=400.2\n{lines}\n100 1\nEND IONS\n"
    (s,), _ = read_text(tmp_path, text)
    assert (s.molecule.peptide if s.molecule else "", s.extra) == expected


def test_mgf_of_mascot_gnps_and_metaboscape(tmp_path):
    text = (
        "BEGIN IONS\nTITLE=a\nPEPMASS=400.2 5e4\nCHARGE=2+ and 3+\nRTINSECONDS=10-12\n"
        "INSTRUMENT=ESI-TRAP\n100 1 1+\n200 2 2+\nEND IONS\n"
        "BEGIN IONS\nFEATURE_ID=7\nPEPMASS=300.1\nION=[M+Na]+\nRTINMINUTES=1.5\nMSLEVEL=2\n100 1\n"
        "END IONS\n"
        "BEGIN IONS\nprecursor_mz=200.1\nparent_mass=199.09\ncompound_name=X\nionmode=negative\n"
        "adduct=[M-H]-\nscans=12\nms_level=2\n100 1\nEND IONS\n"
    )
    (a, b, c), account = read_text(tmp_path, text)
    assert not account.dropped
    assert (a.precursor_mz, a.precursor_intensity, a.charge, a.polarity) == (400.2, 5e4, 0, 1)
    assert (a.rt_seconds, a.extra["CHARGE"]) == (11.0, "2+ and 3+")
    assert a.columns["charge"].tolist() == [1, 2]
    assert (b.native_id, b.adduct, b.rt_seconds) == ("7", "[M+Na]+", 90.0)
    assert (c.native_id, c.precursor_mz, c.polarity, c.molecule.name) == ("12", 200.1, -1, "X")


def test_records_that_look_alike_are_understood_in_a_store_as_they_are_alone(tmp_path, cli):
    """Runs of equal records are read by column: masses of 0 and sequences must not get lost."""
    entry = "NAME: {}\nMods: 1/0,A,Acetyl\nPRECURSORMZ: {}\nEXACTMASS: 0\nNum Peaks: 1\n100 {}\n\n"
    plain = "NAME: n{}\nPRECURSORMZ: {}\nEXACTMASS: {}\nNum Peaks: 1\n100 5\n\n"
    text = "".join(entry.format(f"A{'G' * (i % 9)}K/2", 200 + i, i + 1) for i in range(200))
    text += "".join(plain.format(i, 300 + i, 0 if i % 2 else 100.5) for i in range(200))
    source = tmp_path / "in.msp"
    source.write_text(text)
    assert cli("convert", source, "-o", tmp_path / "out.h5").exit_code == 0
    alone, _ = read(source)
    stored, _ = read(tmp_path / "out.h5")
    assert len(alone) == len(stored) == 400
    assert alone[3].molecule.peptide == "[Acetyl]-AGGGK"
    for a, b in zip(alone, stored, strict=True):
        assert repr(a.molecule) == repr(b.molecule)
        assert (a.charge, a.extra, a.precursor_mz) == (b.charge, b.extra, b.precursor_mz)
