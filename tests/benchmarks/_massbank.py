"""The MassBank files of ``../shared/data/ms``, read as `identify` reads them, with columns."""

import csv
import gzip
import re
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from spectrakit.accounting import InputAccount
from spectrakit.chemistry import canonical_adduct
from spectrakit.io import read_spectra
from spectrakit.preprocess.peaks import PeakLists
from spectrakit.search.library import LibraryBuilder

DATA = Path(__file__).resolve().parents[2].parent / "shared" / "data" / "ms"


@dataclass
class Records:
    """Spectra and what is known of each; every column has one entry per spectrum."""

    spectra: np.ndarray  # of Spectrum objects
    accession: np.ndarray
    molecule: np.ndarray  # InChIKey14
    polarity: np.ndarray
    adduct: np.ndarray  # canonical
    precursor_mz: np.ndarray  # NaN where missing
    energy: np.ndarray  # as spelled
    contributor: np.ndarray

    def __len__(self):
        return len(self.accession)

    @property
    def peaks(self):
        """The peaks as read."""
        return PeakLists.from_spectra(self.spectra)

    def take(self, rows):
        """Return some of the records, in the order of ``rows``."""
        return Records(*(column[rows] for column in vars(self).values()))


def read_records(name):
    """Read one file of the data folder."""
    spectra = list(read_spectra(DATA / name, InputAccount(name)))
    held = np.empty(len(spectra), dtype=object)
    held[:] = spectra
    accession = np.array([s.native_id for s in spectra])
    return Records(
        spectra=held,
        accession=accession,
        molecule=np.array([s.molecule.inchikey[:14] for s in spectra]),
        polarity=np.array([s.polarity for s in spectra], dtype=np.int8),
        adduct=np.array([canonical_adduct(s.adduct) for s in spectra]),
        precursor_mz=np.array([s.precursor_mz for s in spectra]),
        energy=np.array([s.collision_energy for s in spectra]),
        contributor=np.array([re.sub(r"^MSBNK-(.+)-[^-]+$", r"\1", a) for a in accession]),
    )


def build_library(records):
    """Build the index that `library add` builds."""
    builder = LibraryBuilder("massbank")
    for spectrum in records.spectra:
        builder.add(spectrum)
    return builder.finish().index


def read_query_info():
    """Return accession -> (query kind, molecules in the 10 ppm window)."""
    with gzip.open(DATA / "massbank_query_info.csv.gz", "rt", encoding="utf-8") as handle:
        return {
            row["accession"]: (row["query_kind"], int(row["library_molecules_in_10ppm_window"]))
            for row in csv.DictReader(handle)
        }
