"""The MassBank files of ``../shared/data/ms`` as arrays, for the benchmarks of this folder."""

import csv
import gzip
import re
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from spectrakit.chemistry import canonical_adduct
from spectrakit.preprocess.peaks import PeakLists

DATA = Path(__file__).resolve().parents[2].parent / "shared" / "data" / "ms"


@dataclass
class Records:
    """Spectra of one or more MSP files; every list and array has one entry per spectrum."""

    accession: np.ndarray
    molecule: np.ndarray  # InChIKey14
    polarity: np.ndarray
    adduct: np.ndarray  # canonical
    precursor_mz: np.ndarray  # NaN where missing
    energy: np.ndarray  # as spelled
    contributor: np.ndarray
    peaks: PeakLists

    def __len__(self):
        return len(self.accession)

    def take(self, rows):
        rows = np.asarray(rows)
        return Records(
            *(
                getattr(self, name)[rows]
                for name in (
                    "accession", "molecule", "polarity", "adduct", "precursor_mz", "energy",
                    "contributor",
                )
            ),
            self.peaks.take(rows),
        )  # fmt: skip


def read_msp(name):
    """Read one gzipped MSP file of the data folder."""
    rows, mz, intensity, lengths = [], [], [], []
    with gzip.open(DATA / name, "rt", encoding="utf-8") as handle:
        for entry in handle.read().split("\n\n"):
            if not entry.strip():
                continue
            head, _, body = entry.partition("Num Peaks:")
            field = dict(re.findall(r"^([A-Z]+): (.*)$", head, flags=re.M))
            numbers = np.array(body.split()[1:], dtype=np.float64).reshape(-1, 2)
            precursor = field.get("PRECURSORMZ", "NA")
            accession = field["ACCESSION"]
            rows.append(
                (
                    accession,
                    field["INCHIKEY"][:14],
                    {"POSITIVE": 1, "NEGATIVE": -1}.get(field.get("IONMODE", ""), 0),
                    canonical_adduct(field.get("PRECURSORTYPE", "")),
                    float("nan") if precursor == "NA" else float(precursor),
                    field.get("COLLISIONENERGY", ""),
                    re.sub(r"^MSBNK-(.+)-[^-]+$", r"\1", accession),
                )
            )
            mz.append(numbers[:, 0])
            intensity.append(numbers[:, 1])
            lengths.append(len(numbers))
    columns = list(zip(*rows, strict=True))
    indptr = np.concatenate([[0], np.cumsum(lengths)]).astype(np.int64)
    return Records(
        np.array(columns[0]),
        np.array(columns[1]),
        np.array(columns[2], dtype=np.int8),
        np.array(columns[3]),
        np.array(columns[4]),
        np.array(columns[5]),
        np.array(columns[6]),
        PeakLists(indptr, np.concatenate(mz), np.concatenate(intensity)),
    )


def read_query_info():
    """Return accession -> (query kind, molecules in the 10 ppm window)."""
    with gzip.open(DATA / "massbank_query_info.csv.gz", "rt", encoding="utf-8") as handle:
        return {
            row["accession"]: (
                row["query_kind"],
                int(row["library_molecules_in_10ppm_window"]),
            )
            for row in csv.DictReader(handle)
        }
