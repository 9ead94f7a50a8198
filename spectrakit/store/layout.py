"""The schema of a store as code: every dataset, column, attribute name and code there is.

``spectrakit-store(5)`` is the same in prose; a test compares the two, and another compares
both with the files that the writer makes. Notable choices:

- A column whose every value is missing is not written; readers fill it in.
- Text is a blob of UTF-8 bytes with an ``indptr``: HDF5's own variable-length strings are slow
  and uncompressed, and fixed-width ones lose trailing zero bytes and grow with the longest.
- Integers are 64-bit and links to rows of another table are -1 where there is none: after
  shuffle and gzip the wide types cost next to nothing.
"""

from dataclasses import dataclass
from math import nan
from typing import Any, Literal
from urllib.parse import quote, unquote

from spectrakit.errors import UsageError

FORMAT = "spectrakit-store"
VERSION = (1, 0)  # readers take every 1.x, and refuse 2.0
ENCODING_VERSION = "1.0"

CHUNK = 16_384  # values; a random spectrum costs 0.8 ms, and 6.8 ms with 262,144
CONTIGUOUS_BELOW = 4096  # bytes; smaller datasets are neither chunked nor compressed
GZIP_LEVEL = 1  # MassBank: 3.4 % larger than level 4, written 1.14 times as fast
COMPRESSIONS = ("gzip", "none")

ENCODINGS = ("ragged", "grid", "shared-axis", "grid2d")
COMPONENTS = (1, 2, 4)  # real, complex, hypercomplex: the trailing dimension of values
TIME_UNITS = frozenset({"s", "ms", "us", "ns", "min", "h"})

Kind = Literal["text", "int", "float", "flag", "row"]
DTYPES = {"int": "<i8", "float": "<f8", "flag": "|i1", "row": "<i8"}


@dataclass(frozen=True, slots=True)
class Column:
    """A column of a table: its kind, what stands for a missing value, and its unit."""

    name: str
    kind: Kind
    missing: Any
    unit: str = ""
    accession: str = ""  # PSI-MS term of the quantity


META = (  # /blocks/<name>/meta: one value for each spectrum
    Column("sample", "row", -1),
    Column("molecule", "row", -1),
    Column("source", "row", -1),
    Column("instrument", "row", -1),
    Column("native_id", "text", ""),
    Column("name", "text", ""),
    Column("ms_level", "int", 0, "", "MS:1000511"),
    Column("polarity", "int", 0, "", "MS:1000465"),
    Column("is_profile", "flag", -1),
    Column("precursor_mz", "float", nan, "m/z", "MS:1000744"),
    Column("precursor_intensity", "float", nan, "", "MS:1000042"),
    Column("charge", "int", 0, "", "MS:1000041"),
    Column("adduct", "text", ""),
    Column("isolation_lower", "float", nan, "m/z"),
    Column("isolation_upper", "float", nan, "m/z"),
    Column("collision_energy", "text", "", "", "MS:1000045"),
    Column("collision_energy_value", "float", nan),
    Column("collision_energy_unit", "text", ""),
    Column("activation", "text", "", "", "MS:1000044"),
    Column("rt_seconds", "float", nan, "s", "MS:1000016"),
    Column("replicate", "int", 0),
    Column("axis_unit", "text", ""),
    Column("value_unit", "text", ""),
    Column("extra", "text", ""),
)
META_BY_NAME = {column.name: column for column in META}

SAMPLES = (Column("id", "text", ""), Column("group", "text", ""), Column("split", "text", ""))
INSTRUMENTS = (Column("name", "text", ""),)
SOURCES = (
    Column("path", "text", ""),
    Column("sha256", "text", ""),
    Column("bytes", "int", 0),
    Column("format", "text", ""),
    Column("software", "text", ""),
)
MOLECULES = (
    Column("name", "text", ""),
    Column("inchikey", "text", ""),
    Column("smiles", "text", ""),
    Column("inchi", "text", ""),
    Column("formula", "text", ""),
    Column("exact_mass", "float", nan, "Da"),
    Column("peptide", "text", ""),
)
TABLES = {
    "samples": SAMPLES,
    "instruments": INSTRUMENTS,
    "sources": SOURCES,
    "molecules": MOLECULES,
}
FREE_COLUMN_TABLES = ("samples", "instruments")  # these also take columns of the user's own

# Every dataset of a store by its path. A text column is a group of the two datasets
# `bytes` and `indptr`; it is named here by the group. <...> stands for a name.
DATASETS = (
    *(f"/{table}/{column.name}" for table, columns in TABLES.items() for column in columns),
    *(f"/{table}/columns/<column>" for table in FREE_COLUMN_TABLES),
    "/sample_molecules/indptr",
    "/sample_molecules/molecule",
    "/sample_molecules/amount",
    "/sample_molecules/unit",
    "/targets/property",
    "/targets/unit",
    "/targets/value",
    "/targets/reference_sd",
    "/blocks/<block>/indptr",
    "/blocks/<block>/axis",
    "/blocks/<block>/axis_indirect",
    "/blocks/<block>/axis_indptr",
    "/blocks/<block>/axis_id",
    "/blocks/<block>/value",
    *(f"/blocks/<block>/meta/{column.name}" for column in META),
    "/blocks/<block>/columns/<column>/data",
    "/blocks/<block>/columns/<column>/present",
    "/index/<name>/attributes",
    "/index/<name>/arrays/<array>",
    "/history",
)
NOT_DIGESTED = ("/history", "/index", "/sources/path")  # no part of the content

UNIT_ACCESSIONS = {  # units the readers meet, with their PSI-MS or Unit Ontology terms
    "m/z": "MS:1000040",
    "counts": "MS:1000131",
    "percent": "MS:1000132",
    "s": "UO:0000010",
    "ms": "UO:0000028",
    "min": "UO:0000031",
    "nm": "UO:0000018",
    "Hz": "UO:0000106",
    "ppm": "UO:0000169",
    "eV": "UO:0000266",
    "V": "UO:0000218",
    "absorbance": "UO:0000269",
}

MAX_SAFE_CHUNK_BYTES = 1 << 26  # a reader unpacks a chunk whole: a larger one is refused
MAX_DEFLATE_RATIO = 1032  # the most that deflate can shrink; more is a lie (zlib technical notes)
MAX_DEPTH = 6  # groups in groups; the schema needs four


def link_name(name: str) -> str:
    """Return a name as an HDF5 link: printable ASCII, percent-encoded like a URL.

    Raises:
        UsageError: the name is empty.
    """
    if not name:
        raise UsageError("a column or block has an empty name.", hint="Give it a name.")
    link = quote(name, safe=" +()[]{},=:;!$'*", errors="surrogatepass")
    return "%2E" + link[1:] if link.startswith(".") else link


def name_of_link(link: str) -> str:
    """Return the name that ``link_name`` made into this link."""
    return unquote(link, errors="surrogatepass")
