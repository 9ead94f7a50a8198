"""The tags of a MassBank record: which have a meaning here, and the order they are written in.

Source: MassBank record format 2.6. A tag of two parts (``AC$MASS_SPECTROMETRY: MS_TYPE MS2``) has
the name ``AC$MASS_SPECTROMETRY MS_TYPE``.
"""

# Comments of our own writer: fields that have no tag, extras as JSON, and obligatory tags that the
# source did not state.
OWN = "spectrakit-field "
KEPT = "spectrakit-extra "
PLACEHOLDERS = "spectrakit-not-stated "
OWN_HEADER = "m/z annotation"  # of PK$ANNOTATION, where the source had none
FULL_SCALE = 999  # what rel.int. of the base peak is

TABLES = ("PK$PEAK", "PK$ANNOTATION")
PARTED = frozenset(  # tags whose first word belongs to the tag
    {
        "CH$LINK", "SP$LINK", "AC$MASS_SPECTROMETRY", "AC$CHROMATOGRAPHY", "AC$GENERAL",
        "AC$ION_MOBILITY", "MS$FOCUSED_ION", "MS$DATA_PROCESSING",
    }
)  # fmt: skip
LINKS = {"CH$LINK INCHIKEY": "inchikey"}
MEANINGS = {
    "ACCESSION": "accession",
    "CH$NAME": "name",
    "CH$FORMULA": "formula",
    "CH$EXACT_MASS": "exact_mass",
    "CH$SMILES": "smiles",
    "CH$IUPAC": "inchi",
    "AC$INSTRUMENT": "instrument",
    "AC$INSTRUMENT_TYPE": "instrument_type",
    "AC$MASS_SPECTROMETRY MS_TYPE": "ms_level",
    "AC$MASS_SPECTROMETRY ION_MODE": "polarity",
    "AC$MASS_SPECTROMETRY COLLISION_ENERGY": "collision_energy",
    "AC$MASS_SPECTROMETRY FRAGMENTATION_MODE": "activation",
    "AC$CHROMATOGRAPHY RETENTION_TIME": "retention_time",
    "MS$FOCUSED_ION PRECURSOR_M/Z": "precursor_mz",
    "MS$FOCUSED_ION PRECURSOR_TYPE": "adduct",
}

ORDER = (  # of the record; tags of one family that are not named come after those that are
    "ACCESSION", "DEPRECATED", "RECORD_TITLE", "DATE", "AUTHORS", "LICENSE", "COPYRIGHT",
    "PUBLICATION", "PROJECT", "COMMENT", "CH$NAME", "CH$COMPOUND_CLASS", "CH$FORMULA",
    "CH$EXACT_MASS", "CH$SMILES", "CH$IUPAC", "CH$CDK_DEPICT_SMILES", "CH$LINK",
    "SP$SCIENTIFIC_NAME", "SP$LINEAGE", "SP$LINK", "SP$SAMPLE", "AC$INSTRUMENT",
    "AC$INSTRUMENT_TYPE", "AC$MASS_SPECTROMETRY MS_TYPE", "AC$MASS_SPECTROMETRY ION_MODE",
    "AC$MASS_SPECTROMETRY", "AC$CHROMATOGRAPHY", "AC$GENERAL", "AC$ION_MOBILITY",
    "MS$FOCUSED_ION", "MS$DATA_PROCESSING", "PK$SPLASH",
)  # fmt: skip
OBLIGATORY = {  # tag -> what is written where nothing is known
    "ACCESSION": "N/A",
    "DATE": "1970.01.01",
    "AUTHORS": "N/A",
    "LICENSE": "N/A",
    "CH$NAME": "Unknown",
    "CH$COMPOUND_CLASS": "N/A",
    "CH$FORMULA": "N/A",
    "CH$EXACT_MASS": "0",
    "CH$SMILES": "N/A",
    "CH$IUPAC": "N/A",
    "AC$INSTRUMENT": "N/A",
    "AC$INSTRUMENT_TYPE": "N/A",
    "AC$MASS_SPECTROMETRY MS_TYPE": "MS2",
    "AC$MASS_SPECTROMETRY ION_MODE": "POSITIVE",
    "RECORD_TITLE": "",
}
SHARED = {  # what ``field_texts`` calls it -> tag
    "INCHIKEY": "CH$LINK INCHIKEY",
    "SMILES": "CH$SMILES",
    "INCHI": "CH$IUPAC",
    "FORMULA": "CH$FORMULA",
    "EXACTMASS": "CH$EXACT_MASS",
    "ADDUCT": "MS$FOCUSED_ION PRECURSOR_TYPE",
    "IONMODE": "AC$MASS_SPECTROMETRY ION_MODE",
    "MS_TYPE": "AC$MASS_SPECTROMETRY MS_TYPE",
    "COLLISION_ENERGY": "AC$MASS_SPECTROMETRY COLLISION_ENERGY",
    "FRAGMENTATION_METHOD": "AC$MASS_SPECTROMETRY FRAGMENTATION_MODE",
    "INSTRUMENT": "AC$INSTRUMENT",
    "PRECURSOR_M/Z": "MS$FOCUSED_ION PRECURSOR_M/Z",
    "RETENTION_TIME": "AC$CHROMATOGRAPHY RETENTION_TIME",
}
