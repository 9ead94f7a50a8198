"""The chemistry behind the synthetic file sample.mzML: compounds, adducts, published fragments.

A fragment is the formula of the *ion* as written in the literature (all hydrogens of the ion,
charge one), with an approximate intensity relative to 100 at a medium collision energy. They are
the well-known fragments of each compound in electrospray tandem spectra, written down as facts;
no measured spectrum is copied, and none was chosen with our fragmenter in hand.
The invented molecules exist only here: they are the unknowns.
"""

from dataclasses import dataclass


@dataclass(frozen=True)
class Compound:
    """One analyte of the synthetic run.

    ``formula`` is the molecule as drawn in ``smiles``; ``ion`` the formula of its precursor ion;
    ``rt_seconds`` the top of its peak and ``height`` its precursor intensity there.
    """

    name: str
    smiles: str
    inchikey: str
    formula: str
    adduct: str
    ion: str
    charge: int
    rt_seconds: float
    height: float
    precursor_left: float  # relative intensity of the surviving precursor
    fragments: str  # "FORMULA:intensity ..."
    known: bool = True


# fmt: off
COMPOUNDS = (
    Compound(
        "acetylcarnitine", "CC(=O)O[C@H](CC([O-])=O)C[N+](C)(C)C", "RDHQFKQIGNGIED-MRVPVSSYSA-N",
        "C9H17NO4", "[M+H]+", "C9H18NO4", 1, 42.0, 4.1e6, 55,
        "C4H5O2:100 C3H10N:18 C6H9O4:14 C2H3O:8 C3H5O:4 C3H8N:3 C7H14NO2:2",
    ),
    Compound(
        "thiamine", "CC1=C(CCO)SC=[N+]1CC1=CN=C(C)N=C1N", "JZRWCGZRTZMZEH-UHFFFAOYSA-N",
        "C12H17N4OS", "[M]+", "C12H17N4OS", 1, 48.0, 9.0e5, 35,
        "C6H8N3:100 C6H10NOS:32 C4H5N2:14",
    ),
    Compound(
        "sucrose",
        "OC[C@H]1O[C@@](CO)(O[C@H]2O[C@H](CO)[C@@H](O)[C@H](O)[C@H]2O)[C@@H](O)[C@@H]1O",
        "CZMRCDWAGMRECN-UGDNZRGBSA-N", "C12H22O11", "[M+Na]+", "C12H22O11Na", 1, 54.0, 1.2e6, 70,
        "C6H12O6Na:100 C6H10O5Na:38 C12H20O10Na:3",
    ),
    Compound(
        "citric acid", "OC(=O)CC(O)(CC(O)=O)C(O)=O", "KRKNYBCHXYNGOX-UHFFFAOYSA-N", "C6H8O7",
        "[M-H]-", "C6H7O7", -1, 57.0, 2.6e6, 30,
        "C5H3O3:100 C3H3O3:40 C4H5O2:28 C3H5O:20 C4H3O:14 C5H5O4:8 C6H5O6:8",
    ),
    Compound(
        "uric acid", "O=C1NC2=C(N1)C(=O)NC(=O)N2", "LEHOTFFKMJEONL-UHFFFAOYSA-N", "C5H4N4O3",
        "[M-H]-", "C5H3N4O3", -1, 63.0, 3.1e6, 55, "C4H2N3O2:100 C3H2N3O:36 C2HN2O:24 CNO:18",
    ),
    Compound(
        "adenosine", "NC1=C2N=CN([C@@H]3O[C@H](CO)[C@@H](O)[C@H]3O)C2=NC=N1",
        "OIRDTQYFTABQOQ-KQYNXXCUSA-N", "C10H13N5O4", "[M+H]+", "C10H14N5O4", 1, 75.0, 1.8e6, 22,
        "C5H6N5:100 C5H3N4:6 C4H4N3:2 C3H3N2:2",
    ),
    Compound(
        "glutathione disulfide",
        "N[C@@H](CCC(=O)N[C@@H](CSSC[C@H](NC(=O)CC[C@H](N)C(O)=O)C(=O)NCC(O)=O)C(=O)NCC(O)=O)"
        "C(O)=O", "YPZRWBKMTBYPTK-BJDJZHNGSA-N", "C20H32N6O12S2", "[M+2H]2+", "C20H34N6O12S2", 2,
        81.0, 7e5, 25,
        "C10H19N4O6S2:100 C15H26N5O9S2:48 C8H11N2O4S:45 C4H6NO:40 C5H8NO3:30 C5H9N2O3S:18",
    ),
    Compound(
        "kynurenine", "N[C@@H](CC(=O)C1=CC=CC=C1N)C(O)=O", "YGPSJZOEDVAXAB-QMMMGPOBSA-N",
        "C10H12N2O3", "[M+H]+", "C10H13N2O3", 1, 96.0, 1.1e6, 18,
        "C9H8NO:100 C10H10NO3:75 C6H8N:55 C8H8N:45 C7H6NO:40 C8H10NO:28 C10H8NO2:22 C8H6NO:14 "
        "C8H8NO2:8 C9H11N2O:5",
    ),
    Compound(
        "theobromine", "CN1C=NC2=C1C(=O)NC(=O)N2C", "YAPQBXQYLJRXSA-UHFFFAOYSA-N", "C7H8N4O2",
        "[M+H]+", "C7H9N4O2", 1, 108.0, 1.6e6, 100,
        "C6H8N3O:60 C5H8N3:27 C7H7N4O:16 C5H6N4:15 C5H6N3:14 C6H9N4:11 C3H3N2:10 C4H7N2:9 "
        "C6H7N4:8 C3H5N2:6 C5H5N3O:6",
    ),
    Compound(
        "acetaminophen", "CC(=O)NC1=CC=C(O)C=C1", "RZVAJINKPMORJF-UHFFFAOYSA-N", "C8H9NO2",
        "[M+H]+", "C8H10NO2", 1, 117.0, 5.2e6, 35,
        "C6H8NO:100 C5H5:11 C6H5O:6 C6H6N:5 C2H3O:4 C8H8NO:2 C6H7O2:2 C5H8N:2",
    ),
    Compound(
        "tryptophan", "N[C@@H](CC1=CNC2=CC=CC=C12)C(O)=O", "QIVBCDIJIAJPQS-VIFPVBQESA-N",
        "C11H12N2O2", "[M+H]+", "C11H13N2O2", 1, 126.0, 6.0e6, 14,
        "C11H10NO2:100 C9H8NO:45 C8H8N:22 C10H10N:10 C10H11N2:9 C9H10N:8 C10H9N:8 C11H8NO:6 "
        "C9H7:4 C9H8N:4 C8H7N:3",
    ),
    Compound(
        "riboflavin", "CC1=CC2=C(C=C1C)N(C[C@H](O)[C@H](O)[C@H](O)CO)C1=NC(=O)NC(=O)C1=N2",
        "AUNGANRZJHBGPY-SCRDCRAPSA-N", "C17H20N4O6", "[M+H]+", "C17H21N4O6", 1, 138.0, 8.0e5, 40,
        "C12H11N4O2:100 C10H10N3:15 C11H10N3O:8 C11H8N3O:8 C4H5O:4 C17H19N4O5:2",
    ),
    Compound(
        "caffeine", "CN1C=NC2=C1C(=O)N(C)C(=O)N2C", "RYYVLZVUVIJVGH-UHFFFAOYSA-N", "C8H10N4O2",
        "[M+H]+", "C8H11N4O2", 1, 147.0, 7.5e6, 45,
        "C6H8N3O:100 C5H8N3:18 C5H5N3O:9 C4H7N2:8 C3H5N2:5 C3H6N:2",
    ),
    Compound(
        "hippuric acid", "OC(=O)CNC(=O)C1=CC=CC=C1", "QIAFMBKCNZACKA-UHFFFAOYSA-N", "C9H9NO3",
        "[M-H]-", "C9H8NO3", -1, 153.0, 2.2e6, 40, "C8H8NO:100 C6H5:22 C8H6NO:4",
    ),
    Compound(
        "sulfamethoxazole", "CC1=CC(NS(=O)(=O)C2=CC=C(N)C=C2)=NO1", "JLKIGFTWXXRPMT-UHFFFAOYSA-N",
        "C10H11N3O3S", "[M+H]+", "C10H12N3O3S", 1, 186.0, 2.4e6, 30,
        "C6H6NO2S:100 C6H6N:50 C6H6NO:45 C10H10N3O:15 C4H7N2O:12 C9H10N3:10 C5H5:10 C6H7N:8 "
        "C8H9N3:8 C5H6N:4 C8H8N3:3 C10H12N3O:3 C4H6N:3",
    ),
    Compound(
        "lidocaine", "CCN(CC)CC(=O)NC1=C(C)C=CC=C1C", "NNJVILVZKWQKPM-UHFFFAOYSA-N", "C14H22N2O",
        "[M+H]+", "C14H23N2O", 1, 195.0, 8.8e6, 25, "C5H12N:100 C3H8N:6",
    ),
    Compound(
        "propranolol", "CC(C)NCC(O)COC1=CC=CC2=CC=CC=C12", "AQHHHDLHHXJYJD-UHFFFAOYSA-N",
        "C16H21NO2", "[M+H]+", "C16H22NO2", 1, 207.0, 5.6e6, 60,
        "C6H14NO:100 C13H11O:95 C4H10N:70 C6H12N:55 C3H8NO:50 C3H6N:45 C11H9O:40 C3H8N:36 "
        "C12H11:30 C13H9:18 C10H9:18 C11H9:16 C10H9O:14 C13H16NO2:12",
    ),
    Compound(
        "cortisol",
        "[H][C@@]12CC[C@](O)(C(=O)CO)[C@@]1(C)C[C@H](O)[C@@]1([H])[C@@]2([H])CCC2=CC(=O)CC[C@]12C",
        "JYGXADMDTFJGBT-VWUMJDOOSA-N", "C21H30O5", "[M+H]+", "C21H31O5", 1, 216.0, 1.3e6, 40,
        "C8H9O:100 C21H27O3:25 C21H25O2:18 C19H23O:14 C8H9:12 C21H29O4:12 C20H25O2:10 C6H9O:10 "
        "C11H13:9 C7H7:8 C11H15:8 C8H11O:7 C21H23O:5",
    ),
    Compound(
        "verapamil", "COC1=C(OC)C=C(CCN(C)CCCC(C#N)(C(C)C)C2=CC(OC)=C(OC)C=C2)C=C1",
        "SGTNSNPWRIOYBX-UHFFFAOYSA-N", "C27H38N2O4", "[M+H]+", "C27H39N2O4", 1, 225.0, 4.4e6, 60,
        "C10H13O2:100 C18H27N2O2:22 C9H10O2:12 C16H22NO2:8 C8H7O2:3 C9H9O:3 C7H7O:3 C8H7O:2",
    ),
    Compound(
        "taurocholic acid",
        "C[C@H](CCC(=O)NCCS(O)(=O)=O)[C@H]1CC[C@H]2[C@@H]3[C@H](O)C[C@@H]4C[C@H](O)CC[C@]4(C)"
        "[C@H]3C[C@H](O)[C@]12C", "WBWWGRHZICKQGZ-HZAMXZRMSA-N", "C26H45NO7S", "[M-H]-",
        "C26H44NO7S", -1, 231.0, 9.5e5, 100, "C2H6NO3S:35 SO3:30 C2H3O3S:20 HSO3:10",
    ),
    Compound(
        "diclofenac", "OC(=O)CC1=CC=CC=C1NC1=C(Cl)C=CC=C1Cl", "DCOPUUMXTXDBNB-UHFFFAOYSA-N",
        "C14H11Cl2NO2", "[M+H]+", "C14H12Cl2NO2", 1, 243.0, 1.9e6, 15,
        "C13H10Cl2N:85 C13H9ClN:100 C13H10ClN:90 C14H10Cl2NO:25 C13H10N:10 C13H9N:8 C12H7:4",
    ),
    Compound(
        "ibuprofen", "CC(C)CC1=CC=C(C=C1)C(C)C(O)=O", "HEFNNWSXXWATRW-UHFFFAOYSA-N", "C13H18O2",
        "[M-H]-", "C13H17O2", -1, 249.0, 1.4e6, 30, "C12H17:100 C12H15:25",
    ),
)

# No structure in HMDB has the precursors of A, B and C within 10 ppm under any common adduct.
UNKNOWNS = (
    Compound(
        "invented A", "Fc1cc(I)c(Br)cc1NC(=S)N1CCN(CCO)CC1", "", "C13H16BrFIN3OS", "[M+H]+",
        "C13H17BrFIN3OS", 1, 90.0, 1.0e6, 35,
        "C6H15N2O:100 C7H3BrFINS:55 C6H13N2:40 C6H5BrFIN:30 C7H13N2OS:22 C4H8N:16",
        False,
    ),
    Compound(
        "invented B", "FC(F)(F)c1cc(cc(c1)C(F)(F)F)N1CCN(CC1)c1ncc(I)cn1", "", "C16H13F6IN4",
        "[M+H]+", "C16H14F6IN4", 1, 234.0, 8.0e5, 50,
        "C6H7IN3:100 C10H8F6N:62 C12H11F6N2:25 C4H3IN3:28 C16H13F5IN4:15 C9H4F6N:12 C8H3F6:9",
        False,
    ),
    Compound(
        "invented C", "OC(=O)c1cc(Br)c(I)c(OC(F)(F)F)c1", "", "C8H3BrF3IO3", "[M-H]-",
        "C8H2BrF3IO3", -1, 237.0, 9.0e5, 20, "C7H2BrF3IO:100 C6H2BrIO:45 I:60 Br:35 CF3O:15",
        False,
    ),
    # Known compounds have the formulas of these two; the molecules are in no database we know.
    Compound(
        "invented D", "O=CC(=O)NC12CC3CC(CC(C3)C1)C2", "", "C12H17NO2", "[M+H]+",
        "C12H18NO2", 1, 201.0, 1.5e6, 12,
        "C10H15:100 C11H18NO:26 C7H9:24 C6H7:20 C10H18N:18 C8H11:14 C5H7:6", False,
    ),
    Compound(
        "invented E", "O=C(NCc1ccco1)c1ccc2ncccc2c1", "", "C15H12N2O2", "[M+H]+", "C15H13N2O2", 1,
        192.0, 2.0e6, 30, "C5H5O:100 C10H6NO:62 C9H6N:26 C10H9N2O:15 C4H5:14 C8H5:6", False,
    ),
)

# Ions that every electrospray run shows, as (ion formula, relative height); the rest of the
# chemical background is random.
CONTAMINANTS = {
    1: (
        ("C8H5O3", 0.5),
        ("C16H23O4", 0.7),
        ("C24H39O4", 1.0),
        ("C12H37O6Si6", 0.9),
        ("C10H31O5Si5", 0.6),
        ("C14H43O7Si7", 0.4),
        ("C4H9O2", 0.3),
        ("C6H15O3Si", 0.2),
    ),
    -1: (
        ("C2F3O2", 1.0),
        ("C16H31O2", 0.8),
        ("C18H35O2", 0.7),
        ("C4F6O4H", 0.3),
        ("C18H29SO3", 0.4),
        ("C2H3O2", 0.2),
    ),
}
# fmt: on
