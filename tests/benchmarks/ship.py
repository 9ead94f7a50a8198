"""Make what ships in spectrakit/assets: the model, the compounds it knows, and the ranker.

    python tests/benchmarks/ship.py --work FOLDER

Every step is a command of spectrakit or a benchmark beside this file, and leaves its result in
--work: a run that was killed goes on with the first step whose result is not there. Spectra:
massbank_train_library and massbank_bafg_train_library under CC0, CC BY or dl-de/by; molecules:
toxcast, nci_hiv and pubchem_*. About 40 minutes on two cores. The plugins must be installed
(`python -m pip install '.[train]'`).
"""

import argparse
import csv
import gzip
import shutil
import subprocess
import sys
from pathlib import Path

from _massbank import DATA
from _ranking import OPEN
from fit_ranker import COLUMNS, write_molecules

from spectrakit.accounting import InputAccount
from spectrakit.bundle import Bundle
from spectrakit.io import read_spectra
from spectrakit.search.learned import LearnedScorer
from spectrakit.search.references import build_references, with_references

ASSETS = Path(__file__).resolve().parents[2] / "spectrakit" / "assets"
MODEL, RANKER = "msms@1", "ranker@1"


def spectrakit(*words):
    """Run one command of spectrakit."""
    print("spectrakit", *words, flush=True)
    subprocess.run([sys.executable, "-m", "spectrakit", *map(str, words)], check=True)


def stores(work):
    """Make the stores to learn from and to judge by."""
    for name, parts in (("train", ("train_library",)), ("valid", ("valid",))):
        files = [DATA / f"massbank_{b}{p}.msp.gz" for p in parts for b in ("", "bafg_")]
        if not (work / f"{name}.h5").exists():
            spectrakit("convert", *files, "-o", work / f"{name}.h5")


def attributions(work):
    """Unpack the table of whom to name, without the licences that are not used."""
    path = work / "attributions.csv"
    with gzip.open(DATA / "massbank_attribution.csv.gz", "rt", encoding="utf-8") as handle:
        rows = [row for row in csv.DictReader(handle) if row["license"] in OPEN]
    with path.open("w", newline="", encoding="utf-8") as handle:
        writer = csv.DictWriter(handle, rows[0])
        writer.writeheader()
        writer.writerows(rows)
    return path


def done(run):
    """Say whether a run was finished; remove what a killed one left."""
    if (run / "status").is_file() and (run / "status").read_text().strip() == "done":
        return True
    shutil.rmtree(run, ignore_errors=True)
    return False


def open_spectra(work):
    """Yield the training spectra under open licences."""
    path = work / "train.h5"
    for one in read_spectra(path, InputAccount(str(path))):
        if one.ms_level != 1 and str(one.extra.get("LICENSE", "")) in OPEN:
            yield one


def main():
    """Make what is missing."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--work", type=Path, required=True)
    work = parser.parse_args().work
    work.mkdir(parents=True, exist_ok=True)
    stores(work)
    run, student = work / "kernelfp", work / "student"
    if not done(run):
        licences = f"licences={','.join(OPEN)}"
        spectrakit("pretrain", work / "train.h5", "--valid", work / "valid.h5", "-m", "kernelfp",
                   "-s", licences, "-o", run)  # fmt: skip
    if not done(student):
        candidates = write_molecules(work / "candidates.csv", (*COLUMNS, "sources"))
        spectrakit("distill", work / "train.h5", candidates, "--valid", work / "valid.h5",
                   "-m", run, "-s", "name=msms", "-s", "licence=CC BY 4.0",
                   "-s", f"attributions={attributions(work)}", "-o", student)  # fmt: skip
    bundle = Bundle(student / "student" / MODEL)
    if not (ASSETS / MODEL).exists() or Bundle(ASSETS / MODEL).files.keys() == bundle.files.keys():
        references = build_references(open_spectra(work), LearnedScorer(bundle))
        with_references(bundle, ASSETS / MODEL, references)
    fit = [sys.executable, str(Path(__file__).parent / "fit_ranker.py")]
    if not (ASSETS / RANKER).exists():
        subprocess.run(
            [*fit, "--work", str(work / "ranker"), "--out", str(ASSETS / RANKER)], check=True
        )
    size = sum(path.stat().st_size for path in ASSETS.rglob("*") if path.is_file())
    print(f"{ASSETS}: {size / 1e6:.1f} MB")


if __name__ == "__main__":
    main()
