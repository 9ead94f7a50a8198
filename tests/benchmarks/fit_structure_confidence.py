"""Fit and check the probability of candidate structures (search/structure_confidence.py).

Spectra of MassBank molecules are searched against hmdb as a chemist's run would be: by
precursor m/z alone, adduct hidden. Most records state the theoretical precursor, so a mass
error of 2.5 ppm (standard deviation) is added, or the fit would trust ppm too much. Constants
are fitted on massbank_valid by maximum likelihood; massbank_test is only reported. Many
molecules are not in hmdb: "none of them" is a right answer that the model must be able to give.

    python tests/benchmarks/fit_structure_confidence.py [--test] [--per-molecule 3]
"""

import argparse
import sys
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from scipy.optimize import minimize

from spectrakit.accounting import InputAccount
from spectrakit.bundle.models import find_shipped
from spectrakit.io import read_spectra
from spectrakit.search.engine import open_learned
from spectrakit.search.prevalence import STRUCTURE_SHARE, adapted, odds_factor
from spectrakit.search.queries import Centroider, Query, searchable
from spectrakit.search.reranking import rank_structures
from spectrakit.search.structure_confidence import probabilities as structure_probabilities
from spectrakit.search.structure_search import STEEPNESS, StructureSearch
from spectrakit.search.structure_sources import load_structures
from spectrakit.spectrum import Tolerance

DATA = Path(__file__).resolve().parents[2].parent / "shared" / "data" / "ms"
MASS_ERROR_PPM = 2.5


@dataclass
class Case:
    """The candidates of one spectrum, and which of them is right (-1: none)."""

    evidence: np.ndarray  # of the fragmenter
    n_peaks: int
    rest: np.ndarray  # merit without the fragmenter: mass error and adduct
    truth: int
    molecule: str


def asked(name: str, per_molecule: int) -> tuple[list[Query], list[str]]:
    """Return the queries of one file, adducts hidden, and their molecules."""
    path = DATA / f"massbank_{name}.msp.gz"
    seen: dict[tuple[str, int], int] = {}
    queries, keys = [], []
    account = InputAccount(str(path))
    random = np.random.default_rng(0)
    spectra = (
        replace(
            s,
            adduct="",
            precursor_mz=s.precursor_mz * (1 + random.normal(0, MASS_ERROR_PPM * 1e-6)),
        )
        for s in read_spectra(path, account)
    )
    for query in searchable(
        spectra, account, Centroider(), survey_scans=False, needs_precursor=True
    ):
        molecule = query.spectrum.molecule
        key = molecule.inchikey[:14] if molecule else ""
        seen[key, query.spectrum.polarity] = n = seen.get((key, query.spectrum.polarity), 0) + 1
        if n <= per_molecule:
            queries.append(query)
            keys.append(key)
    return queries, keys


def cases(name: str, per_molecule: int) -> list[Case]:
    """Search the spectra of one file."""
    table = load_structures("hmdb")
    search = StructureSearch(table, Tolerance(10, "ppm"))
    queries, keys = asked(name, per_molecule)
    found = []
    for start in range(0, len(queries), 256):
        batch = queries[start : start + 256]
        for query, key, candidates in zip(
            batch, keys[start : start + 256], search.search(batch), strict=True
        ):
            own = [table.text["inchikey14"][c.row] for c in candidates]
            truth = own.index(key) if key in own else -1
            found.append(
                Case(
                    np.array([c.evidence for c in candidates]),
                    len(query.spectrum),
                    np.array([c.merit - STEEPNESS * c.evidence for c in candidates]),
                    truth,
                    key,
                )
            )
    return found


def probabilities(case: Case, x: np.ndarray) -> np.ndarray:
    """Return the probability of each candidate, then of none (structure_confidence.py)."""
    if len(case.evidence) == 0:
        return np.array([1.0])
    steepness, base, peaks, best = x
    merit = steepness * case.evidence + case.rest
    shares = np.exp(merit - merit.max())
    logit = base + peaks * np.log1p(case.n_peaks) + best * merit.max()
    present = 1 / (1 + np.exp(-logit))
    return np.append(present * shares / shares.sum(), 1 - present)


def loss(x: np.ndarray, data: list[Case]) -> float:
    """Return the mean negative log-likelihood."""
    total = 0.0
    for case in data:
        p = probabilities(case, x)
        total -= np.log(p[case.truth] + 1e-12)  # -1 is "none", the last
    return total / len(data)


def report_shares(data: list[Case], x: np.ndarray) -> None:
    """Print calibration where other shares of the compounds are in hmdb, fitted to the run."""
    cases = [case for case in data if len(case.evidence)]
    p = [probabilities(case, x)[:-1] for case in cases]
    known, top = np.array([q.sum() for q in p]), np.array([q.max() for q in p])
    y = np.array([int(np.argmax(q)) == c.truth for q, c in zip(p, cases, strict=True)], float)
    present = np.array([case.truth >= 0 for case in cases])
    print(f"  share known among spectra with a candidate: {present.mean():.3f}")
    random = np.random.default_rng(1)
    for share in (0.1, 0.4, 0.8):
        n = min(present.sum() / share, (~present).sum() / (1 - share))
        rows = np.concatenate(
            [
                random.choice(np.flatnonzero(present), int(n * share), replace=False),
                random.choice(np.flatnonzero(~present), int(n * (1 - share)), replace=False),
            ]
        )
        factor = odds_factor(known[rows], STRUCTURE_SHARE)
        fitted = adapted(top[rows], known[rows], factor)
        for label, q in (("as fitted", top[rows]), ("fitted to the run", fitted)):
            rate = y[rows].mean()
            skill = 1 - np.mean((q - y[rows]) ** 2) / (rate * (1 - rate))
            bins = np.minimum((q * 10).astype(int), 9)
            ece = sum(
                abs(q[bins == b].mean() - y[rows][bins == b].mean()) * (bins == b).mean()
                for b in set(bins)
            )
            print(f"  {share:.0%} known, {label}: Brier skill {skill:+.3f}, ECE {ece:.3f}")


def report(name: str, data: list[Case], x: np.ndarray) -> None:
    """Print accuracy and calibration."""
    top, right = [], []
    for case in data:
        p = probabilities(case, x)[:-1]
        if len(p):
            best = int(np.argmax(p))
            top.append(p[best])
            right.append(best == case.truth)
    p, y = np.array(top), np.array(right, float)
    present = np.mean([case.truth >= 0 for case in data])
    recall = y.sum() / sum(case.truth >= 0 for case in data)
    skill = 1 - np.mean((p - y) ** 2) / np.mean((y.mean() - y) ** 2)
    bins = np.minimum((p * 10).astype(int), 9)
    ece = sum(
        abs(p[bins == b].mean() - y[bins == b].mean()) * (bins == b).mean() for b in set(bins)
    )
    print(f"massbank_{name}: {len(data)} spectra, {present:.3f} of the truths in hmdb")
    print(
        f"  nll {loss(x, data):.3f}, rank 1 of the present {recall:.3f}, "
        f"Brier skill {skill:.3f}, ECE {ece:.3f}"
    )
    for b in sorted(set(bins)):
        chosen = bins == b
        print(f"  p {p[chosen].mean():.2f} right {y[chosen].mean():.2f} n {chosen.sum()}")


def report_shipped(name: str, per_molecule: int) -> None:
    """Print accuracy and calibration of the model and the ranker that ship."""
    learned = open_learned(str(find_shipped("msms")))
    table = load_structures("hmdb")
    search = StructureSearch(table, Tolerance(10, "ppm"))
    queries, keys = asked(name, per_molecule)
    p, y, present = [], [], []
    for start in range(0, len(queries), 256):
        batch = queries[start : start + 256]
        vectors = learned.vectors(batch)
        lists = search.search(batch)
        for query, vector, found, key in zip(
            batch, vectors, lists, keys[start : start + 256], strict=True
        ):
            present.append(key in [table.text["inchikey14"][c.row] for c in found])
            if not found:
                continue
            ranked = rank_structures(vector, found, table, learned)
            shares = structure_probabilities(ranked, len(query.spectrum), learned.ranker.presence)
            p.append(shares[0])
            y.append(table.text["inchikey14"][ranked[0].row] == key)
    top, right = np.array(p), np.array(y, float)
    skill = 1 - np.mean((top - right) ** 2) / np.mean((right.mean() - right) ** 2)
    bins = np.minimum((top * 10).astype(int), 9)
    ece = sum(
        abs(top[bins == b].mean() - right[bins == b].mean()) * (bins == b).mean() for b in set(bins)
    )
    print(
        f"massbank_{name} with {learned.scorer.label}: {len(queries)} spectra, "
        f"{np.mean(present):.3f} of the truths in hmdb, rank 1 of the present "
        f"{right.sum() / sum(present):.3f}, Brier skill {skill:.3f}, ECE {ece:.3f}"
    )


def main() -> None:
    """Fit on valid, report, and on test when asked."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--test", action="store_true")
    parser.add_argument("--per-molecule", type=int, default=3)
    arguments = parser.parse_args()
    if not DATA.is_dir():
        sys.exit("../shared/data is not there")
    valid = cases("valid", arguments.per_molecule)
    fit = minimize(
        loss, np.array([1.0, -1.0, 0.3, 0.5]), args=(valid,), method="Nelder-Mead",
        options={"maxiter": 1500, "xatol": 1e-3, "fatol": 1e-6},
    )  # fmt: skip
    print("STEEPNESS = {:.2f}, Presence(base={:.2f}, peaks={:.2f}, best={:.2f})".format(*fit.x))
    report("valid", valid, fit.x)
    report_shares(valid, fit.x)
    if arguments.test:
        test = cases("test", arguments.per_molecule)
        report("test", test, fit.x)
        report_shares(test, fit.x)
        report_shipped("test", arguments.per_molecule)


if __name__ == "__main__":
    main()
