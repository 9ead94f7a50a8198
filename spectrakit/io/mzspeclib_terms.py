"""PSI-MS terms that spectral libraries use and that have a field here."""

POSITIVE, NEGATIVE = "MS:1000130", "MS:1000129"
UNIT = "UO:0000000"
SET_NAME = "MS:1003212"

FIELDS = {  # of spectra
    "MS:1003061": "name",
    "MS:1009003": "name",
    "MS:1009001": "spectrum_id",  # spectrum index of the older text
    "MS:1000511": "ms_level",
    "MS:1000465": "polarity",
    "MS:1003208": "precursor_mz",
    "MS:1000744": "precursor_mz",
    "MS:1000827": "precursor_mz",
    "MS:1003085": "precursor_intensity",
    "MS:1000041": "charge",
    "MS:1000045": "collision_energy",
    "MS:1000138": "collision_energy",
    "MS:1000044": "activation",
    "MS:1000894": "retention_time",
    "MS:1000016": "retention_time",
    "MS:1000031": "instrument",
    "MS:1003059": "num_peaks",
    "MS:1009006": "num_peaks",
    "MS:1002813": "adduct",
}
ANALYTE_FIELDS = {
    "MS:1003270": "peptide",  # proforma peptidoform ion notation
    "MS:1003169": "peptide",  # proforma peptidoform sequence
    "MS:1000889": "peptide",  # proforma sequence
    "MS:1000888": "peptide",  # stripped sequence: only where nothing better is said
    "MS:1000041": "charge",
    "MS:1000866": "formula",
    "MS:1000864": "formula",
    "MS:1000868": "smiles",
    "MS:1000867": "smiles",
    "MS:1003403": "inchi",
    "MS:1002894": "inchikey",
    "MS:1002813": "adduct",
    "MS:1000744": "precursor_mz",
    "MS:1003208": "precursor_mz",
    "MS:1003053": "precursor_mz",  # theoretical, where none was measured
}
METHODS = {
    "MS:1000133": "CID",
    "MS:1000422": "HCD",
    "MS:1000598": "ETD",
    "MS:1000250": "ECD",
    "MS:1002472": "CID",
    "MS:1002481": "HCD",
}
UNITS = {
    "UO:0000266": "eV",
    "UO:0000218": "V",
    "UO:0000187": "NCE",
    "UO:0000010": "s",
    "UO:0000031": "min",
}
