"""mzSpecLib text and the older PSI text of mzVault, authored here from facts of the formats."""

import pytest
from builders import read_text

MZSPECLIB = """<mzSpecLib>
MS:1003186|library format version=1.0
MS:1003188|library name=demo
<AttributeSet Spectrum=all>
MS:1000511|ms level=2
MS:1000044|dissociation method=MS:1000422|beam-type collision-induced dissociation
MS:1000465|scan polarity=MS:1000130|positive scan
[1]MS:1000045|collision energy=39.0
[1]UO:0000000|unit=UO:0000266|electronvolt
<AttributeSet Spectrum=DECOY>
MS:1003072|spectrum origin type=MS:1003195|shuffle-and-reposition decoy spectrum
<AttributeSet Analyte=HUMAN>
MS:1001467|taxonomy: NCBI TaxID=9606

<Spectrum=7>
MS:1003061|library spectrum name=FAC[Carbamidomethyl]HSASLTVR/3
[1]MS:1000894|retention time=20.5
[1]UO:0000000|unit=UO:0000031|minute
[2]MS:1003275|other attribute name=Status
[2]MS:1003276|other attribute value=Normal
[3]MS:1003275|other attribute name=Offset
MS:1003208|experimental precursor monoisotopic m/z=416.88
MS:1003059|number of peaks=3

<Analyte=1>
MS:1003270|proforma peptidoform ion notation=FAC[Carbamidomethyl]HSASLTVR/3
[1]MS:1003212|library attribute set name=HUMAN
[1]MS:1000885|protein accession=sp|Q15233|NONO_HUMAN
<Analyte=2>
MS:1003270|proforma peptidoform ion notation=PEPTIDE/3
<Interpretation=1>
MS:1002357|PSM-level probability=0.998
<InterpretationMember=1>
MS:1002357|PSM-level probability=0.9

<Peaks>
103.0541\t102.5\t?
110.0711\t1329.4\tIC[Carbamidomethyl]/-0.0008,y2^2/0.1\t5/5
120.0696\t86.4

<Spectrum=8>
MS:1003061|library spectrum name=JWH
MS:1003212|library attribute set name=DECOY
MS:1000045|collision energy=10
MS:1003208|experimental precursor monoisotopic m/z=352.19
MS:1000465|scan polarity=MS:1000129|negative scan
<Analyte=1>
MS:1000866|molecular formula=C22H25NO2
<Peaks>
51.0236\t41921.14

<Cluster=1>
MS:1003267|cluster member spectrum keys=7,8
"""

MZVAULT = """#PSI Spectral Library Format
MS:1009003|Name = TYRAMINE
MS:1009001|Spectrum index = 4
MS:1000894|RetentionTime = 2.5
MS:1000864|Formula = C8H11NO
MS:1002894|InChiKey = DZGWFCGJZKJUFP-UHFFFAOYSA-N
MS:1009100|CASNo = 51-67-2
MS:1000868|Smiles = NCCC1=CC=C(O)C=C1
MS:1000744|Selected Ion m/z = 138.09134
MS:1000045|Collision_energy = 20.0
Adduct = M+H
MS:1000073|Electrospray ionization
MS:1000130|Positive scan
MS:1009006|number of peaks = 2
50.1005 71.18
50.2260 52.07

MS:1009003|Name = NEXT
MS:1000129|Negative scan
MS:1009006|number of peaks = 1
60 1

"""


def test_mzspeclib_is_read_with_its_groups_sets_analytes_and_notes(tmp_path, caplog):
    (a, b), account = read_text(tmp_path, MZSPECLIB)
    assert (account.format, account.dropped.total()) == ("mzspeclib", 0)
    assert (a.native_id, a.name) == ("7", "FAC[Carbamidomethyl]HSASLTVR/3")
    assert (a.ms_level, a.polarity, a.charge, a.precursor_mz) == (2, 1, 3, 416.88)
    assert (a.rt_seconds, a.activation) == (1230.0, "HCD")
    assert (a.collision_energy_value, a.collision_energy_unit) == (39.0, "eV")
    assert a.molecule.peptide == "FAC[Carbamidomethyl]HSASLTVR"
    assert a.columns["annotation"].tolist() == [
        "?", "IC[Carbamidomethyl]/-0.0008,y2^2/0.1", "",
    ]  # fmt: skip
    assert a.columns["aggregation"].tolist() == ["", "5/5", ""]
    assert a.extra["[2]MS:1003276|other attribute value"] == "Normal"
    assert a.extra["[3]MS:1003275|other attribute name"] == "Offset"
    assert a.extra["Analyte 1"]["MS:1001467|taxonomy: NCBI TaxID"] == "9606"
    assert a.extra["Analyte 1"]["[1]MS:1000885|protein accession"] == "sp|Q15233|NONO_HUMAN"
    assert a.extra["Analyte 2"]["MS:1003270|proforma peptidoform ion notation"] == "PEPTIDE/3"
    assert a.extra["Interpretation 1"] == {"MS:1002357|PSM-level probability": "0.998"}
    assert a.extra["InterpretationMember 1"] == {"MS:1002357|PSM-level probability": "0.9"}
    assert a.extra["mzSpecLib"]["MS:1003188|library name"] == "demo"
    # what a spectrum says itself precedes the sets
    assert (b.native_id, b.polarity, b.molecule.formula) == ("8", -1, "C22H25NO2")
    assert (b.collision_energy_value, b.collision_energy_unit) == (10.0, "")
    assert b.extra["MS:1003072|spectrum origin type"].endswith("decoy spectrum")
    assert "1 clusters are left out" in caplog.text


def test_mzvault_text_is_read(tmp_path):
    (a, b), account = read_text(tmp_path, MZVAULT, "x.msp")
    assert (account.format, account.dropped.total()) == ("psi-text", 0)
    assert (a.native_id, a.name, a.adduct, a.polarity) == ("4", "TYRAMINE", "M+H", 1)
    assert (a.rt_seconds, a.precursor_mz, a.collision_energy_value) == (150.0, 138.09134, 20.0)
    assert a.molecule.inchikey == "DZGWFCGJZKJUFP-UHFFFAOYSA-N"
    assert (a.molecule.smiles, a.molecule.formula) == ("NCCC1=CC=C(O)C=C1", "C8H11NO")
    assert a.extra["MS:1009100|CASNo"] == "51-67-2"
    assert "MS:1000073|Electrospray ionization" in a.extra
    assert (b.polarity, b.mz.tolist()) == (-1, [60.0])


def test_mzvault_records_need_no_blank_line_between_them(tmp_path):
    (a, b), account = read_text(tmp_path, MZVAULT, "x.msp")
    text = MZVAULT.replace("\n\n", "\n")
    (c, d), tight = read_text(tmp_path, text, "tight.msp")
    assert (tight.kept, tight.dropped) == (account.kept, account.dropped)
    for one, other in ((a, c), (b, d)):
        assert (one.native_id, one.name, one.extra) == (other.native_id, other.name, other.extra)
        assert one.mz.tolist() == other.mz.tolist()
    text = text.replace("50.2260 52.07", "50.2260 x")
    (only,), broken = read_text(tmp_path, text, "broken.msp")
    assert only.name == "NEXT"
    assert broken.dropped == {"malformed peak line": 1}


@pytest.mark.parametrize(
    ("old", "new", "reason"),
    [
        ("110.0711\t1329.4", "110.0711\tx", "malformed peak line"),
        ("110.0711\t1329.4", "110.0711\tnan", "not-a-number in the peaks"),
        ("110.0711\t1329.4", "-110.0711\t1", "negative m/z"),
        ("<Peaks>\n103.0541", "103.0541", "no peak list"),
    ],
)
def test_a_bad_spectrum_costs_only_itself(tmp_path, caplog, old, new, reason):
    spectra, account = read_text(tmp_path, MZSPECLIB.replace(old, new))
    assert [s.native_id for s in spectra] == ["8"]
    assert dict(account.dropped) == {reason: 1}
    if reason == "malformed peak line":
        line = MZSPECLIB.splitlines().index(
            "110.0711\t1329.4\tIC[Carbamidomethyl]/-0.0008,y2^2/0.1\t5/5"
        )
        assert f"line {line + 1} " in caplog.text


def test_a_wrong_number_of_peaks_is_kept(tmp_path):
    (a, _), _ = read_text(tmp_path, MZSPECLIB.replace("peaks=3", "peaks=4"))
    assert a.extra["MS:1003059|number of peaks"] == "4"
