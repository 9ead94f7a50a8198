"""Terms of the PSI-MS vocabulary that have a field of their own in a Spectrum."""

MS_LEVEL = "MS:1000511"
MS1_SPECTRUM = "MS:1000579"
MSN_SPECTRUM = "MS:1000580"
NO_COMBINATION = "MS:1000795"
TITLE = "MS:1000796"
POLARITY = {"MS:1000130": 1, "MS:1000129": -1}
PROFILE = {"MS:1000128": True, "MS:1000127": False}
START_TIME = "MS:1000016"
TARGET_MZ = "MS:1000827"
LOWER_OFFSET = "MS:1000828"
UPPER_OFFSET = "MS:1000829"
UPPER_LIMIT = "MS:1000793"
LOWER_LIMIT = "MS:1000794"
SELECTED_MZ = "MS:1000744"
OLD_SELECTED_MZ = "MS:1000040"  # mzML 1.0 and before
CHARGE = "MS:1000041"
PEAK_INTENSITY = "MS:1000042"
COLLISION_ENERGY = "MS:1000045"
NORMALISED_ENERGY = "MS:1000138"
ACTIVATION_ENERGY = "MS:1000509"
ELECTRON_IONISATION = "MS:1000389"
TIME_UNITS = {  # accession -> seconds; mzML 0.99 and 1.0 took minute and second from PSI-MS
    "UO:0000031": 60, "MS:1000038": 60, "UO:0000010": 1, "MS:1000039": 1,
    "UO:0000028": 1e-3, "UO:0000032": 3600,
}  # fmt: skip
TIME_NAMES = {  # where no accession is given; without a unit it is minutes, as Xcalibur counted
    "": 60, "minute": 60, "second": 1, "millisecond": 1e-3, "hour": 3600,
}  # fmt: skip

PRECURSOR_NUMBERS = frozenset(
    {
        TARGET_MZ, LOWER_OFFSET, UPPER_OFFSET, UPPER_LIMIT, LOWER_LIMIT,
        SELECTED_MZ, OLD_SELECTED_MZ, CHARGE, PEAK_INTENSITY,
    }
)  # fmt: skip
ENERGIES = frozenset({COLLISION_ENERGY, NORMALISED_ENERGY, ACTIVATION_ENERGY})
ENERGY_UNITS = {"UO:0000266": "eV", "UO:0000218": "V", "UO:0000187": "NCE"}
DISSOCIATION = {
    "MS:1000133": "CID",
    "MS:1000135": "PSD",
    "MS:1000136": "SID",
    "MS:1000242": "BIRD",
    "MS:1000250": "ECD",
    "MS:1000262": "IRMPD",
    "MS:1000282": "SORI",
    "MS:1000422": "HCD",
    "MS:1000433": "LE-CID",
    "MS:1000435": "PD",
    "MS:1000598": "ETD",
    "MS:1000599": "PQD",
    "MS:1001880": "ISCID",
    "MS:1002472": "CID",  # trap-type
    "MS:1002481": "HCD",
    "MS:1002631": "EThcD",
    "MS:1003246": "UVPD",
    "MS:1003247": "NETD",
    "MS:1003294": "EAD",
}
NOT_A_MODEL = frozenset(  # said of an instrument, but not its name
    {"MS:1000529", "MS:1000032", "MS:1000221", "MS:1000236"}
)
