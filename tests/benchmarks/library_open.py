"""Open a built library and answer the first query, beside ms_entropy and matchms reading the MSP.

Run: ``python tests/benchmarks/library_open.py [--matchms PYTHON]``, an interpreter that has matchms
(its dependencies differ from ours); without it that row is left out.

Both start with their modules imported and one query spectrum in memory. spectrakit opens the
store that ``spectrakit library add`` wrote; ms_entropy reads the same MSP and builds its index.
CPU time; spectrakit the first of 5 openings and the
best, the others once. matchms only reads, without harmonising metadata.
"""

import argparse
import gzip
import math
import os
import shutil
import subprocess
import tempfile
import time
from pathlib import Path

os.environ.setdefault("OMP_NUM_THREADS", "1")

import numpy as np
from _massbank import DATA, read_records
from ms_entropy import FlashEntropySearch, read_one_spectrum

from spectrakit.cli import main as spectrakit
from spectrakit.search.evidence import rank_compounds
from spectrakit.search.index import SearchSettings
from spectrakit.search.libraries import open_spectral
from spectrakit.search.prepared import DEFAULT_TOLERANCE, prepare_queries

MSP = "massbank_train_library.msp"
MATCHMS = """
import sys, time
from matchms.importing import load_from_msp
start = time.process_time()
n = sum(1 for _ in load_from_msp(sys.argv[1], metadata_harmonization=False))
print(time.process_time() - start, n)
"""


def ours(query, adduct):
    library = open_spectral("massbank").library
    queries = prepare_queries([query], adducts=[adduct])
    matches = library.index.search(queries, SearchSettings())
    ranked = rank_compounds(library.index, queries.spectra, matches, tolerance=DEFAULT_TOLERANCE)
    return library.identity(int(matches.row[ranked.match[0]]))["name"], len(library.index)


def number(text):
    try:
        return float(text)
    except (TypeError, ValueError):
        return math.nan


def theirs(path, query):
    spectra = []
    for record in read_one_spectrum(str(path)):
        precursor = number(record.get("precursormz"))
        if math.isfinite(precursor) and len(record["peaks"]):
            spectra.append(
                {"precursor_mz": precursor, "peaks": record["peaks"], "name": record["name"]}
            )
    flash = FlashEntropySearch()
    flash.build_index(spectra, precursor_ions_removal_da=None)
    peaks = flash.clean_spectrum_for_search(
        query.precursor_mz,
        np.column_stack([query.mz, query.intensity]).astype(np.float32),
        precursor_ions_removal_da=None,
    )
    scores = flash.identity_search(
        precursor_mz=query.precursor_mz,
        peaks=peaks,
        ms1_tolerance_in_da=query.precursor_mz * 1e-5,
        ms2_tolerance_in_da=0.02,
    )
    return flash[int(np.argmax(scores))]["name"], len(spectra)


def matchms(python, path):
    done = subprocess.run(
        [python, "-c", MATCHMS, path], stdout=subprocess.PIPE, text=True, check=True
    )
    seconds, n = done.stdout.split()
    return float(seconds), int(n)


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--matchms", metavar="PYTHON", help="an interpreter that has matchms")
    asked = parser.parse_args()
    record = read_records("massbank_query.msp.gz")
    query, adduct = record.spectra[1000], str(record.adduct[1000])
    with tempfile.TemporaryDirectory() as folder:
        os.environ["SPECTRAKIT_HOME"] = str(Path(folder) / "home")
        path = Path(folder) / MSP
        with gzip.open(DATA / f"{MSP}.gz", "rb") as source, path.open("wb") as target:
            shutil.copyfileobj(source, target)
        start = time.process_time()
        if spectrakit(["library", "add", "massbank", str(path), "--quiet"]) != 0:
            raise SystemExit("library add failed")
        built = time.process_time() - start
        seconds = []
        for _ in range(5):
            start = time.process_time()
            answer = ours(query, adduct)
            seconds.append(time.process_time() - start)
        start = time.process_time()
        other = theirs(path, query)
        slow = time.process_time() - start
        read = matchms(asked.matchms, path) if asked.matchms else None
    print(f"data: {MSP}.gz; query {query.native_id}; CPU time, one thread")
    print(f"spectrakit library add (once)          {built:8.2f} s")
    for label, value, (name, n) in (
        ("spectrakit, first opening and answer", seconds[0], answer),
        ("spectrakit, best of 5 openings", min(seconds), answer),
        ("ms_entropy, read, build, first answer", slow, other),
    ):
        print(f"{label:38s} {value:8.4f} s   {n} spectra, first: {name}")
    if read is None:
        print("matchms: not measured (--matchms PYTHON)")
    else:
        print(f"{'matchms, only read':38s} {read[0]:8.4f} s   {read[1]} spectra")
        print(f"matchms over the first opening {read[0] / seconds[0]:.0f}x")
    first, best = slow / seconds[0], slow / min(seconds)
    print(f"ms_entropy over the first opening {first:.0f}x, best {best:.0f}x")


if __name__ == "__main__":
    main()
