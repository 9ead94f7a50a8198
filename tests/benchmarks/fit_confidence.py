"""Fit and check the probability of library compounds (search/confidence.py).

Fit:     ``python tests/benchmarks/fit_confidence.py --fit``  prints the constants
Report:  ``python tests/benchmarks/fit_confidence.py``        with the committed constants

Half of the molecules by hash are known (in the library, with their queries hidden by the rule
of data/ms/README.md), half are unknown (nothing of them in the library). Fit: tuning queries
of massbank_train_library. Report: molecules of massbank_test, the known half added to
massbank_train_library. Only queries with at least one wrong compound in the 10 ppm window
count: an empty window says "unknown" by mass alone.
"""

import argparse
import os
import zlib

os.environ.setdefault("OMP_NUM_THREADS", "1")

import numpy as np
from _massbank import Records, build_library, read_records
from _protocol import tuning_task
from library_ranker import by_query, explained
from scipy.optimize import minimize

from spectrakit.bundle import Bundle
from spectrakit.bundle.models import find_shipped
from spectrakit.search.confidence import CALIBRATIONS, Calibration, merits, share_out
from spectrakit.search.evidence import rank_compounds
from spectrakit.search.index import SearchMode, SearchSettings
from spectrakit.search.prepared import DEFAULT_TOLERANCE, prepare_queries
from spectrakit.search.prevalence import LIBRARY_SHARE, adapted, odds_factor
from spectrakit.search.ranker import Ranker


def is_known(molecules):
    """(n,) bool: half of the molecules, by hash."""
    return np.array([zlib.crc32(f"known {m}".encode()) % 2 == 0 for m in molecules])


def joined(*records):
    return Records(
        *(np.concatenate([getattr(r, name) for r in records]) for name in vars(records[0]))
    )


class Trial:
    """The compounds found for the queries of one mode, and which are right."""

    def __init__(self, queries, library, mode):
        index = build_library(library)
        prepared = prepare_queries(list(queries.spectra), adducts=list(queries.adduct))
        found = index.search(prepared, SearchSettings(mode=mode))
        compounds = rank_compounds(index, prepared.spectra, found, tolerance=DEFAULT_TOLERANCE)
        keys = index.compounds.astype(str)
        self.n = len(prepared)
        self.molecule = queries.molecule
        self.counted = self._has_wrong(index, prepared, keys)
        keep = self.counted[compounds.query]
        self.explained = np.full(int(keep.sum()), np.nan)
        if mode is SearchMode.PRECURSOR:
            self.explained = explained(index, library, queries, compounds)[keep]
        self.query = compounds.query[keep]
        self.evidence = compounds.evidence[keep]
        match = compounds.match[keep]
        self.peaks = prepared.spectra.counts[self.query]
        self.right = keys[compounds.compound[keep]] == queries.molecule[self.query]
        asked = prepared.spectra.precursor_mz[self.query]
        held = index.spectra.precursor_mz[found.row[match]]
        self.ppm = np.nan_to_num(np.abs(asked / held - 1) * 1e6, nan=20.0)
        self.first = np.unique(self.query, return_index=True)[1]

    def _has_wrong(self, index, prepared, keys):
        window = index.search(prepared, SearchSettings(min_matched_peaks=0))
        wrong = keys[index.compound[window.row]] != self.molecule[window.query]
        return np.bincount(window.query[wrong], minlength=self.n) > 0

    def loss(self, merit, none):
        """Mean negative log-likelihood, every molecule counting alike."""
        p = share_out(self.query, merit, none)
        in_list = np.zeros(self.n)
        named = np.zeros(self.n)
        np.add.at(in_list, self.query, self.right)
        np.add.at(named, self.query, p)
        of_truth = np.bincount(self.query, p * self.right, minlength=self.n)
        likelihood = np.where(in_list > 0, of_truth, 1 - named)
        chosen = np.flatnonzero(self.counted & (np.bincount(self.query, minlength=self.n) > 0))
        _, code = np.unique(self.molecule[chosen], return_inverse=True)
        weight = 1 / np.bincount(code)[code]
        log = np.log(np.maximum(likelihood[chosen], 1e-12))
        return float(-(weight * log).sum() / weight.sum())


def fit(trial):
    def loss(x):
        return trial.loss(*merits(trial.evidence, trial.peaks, Calibration(*x)))

    best = minimize(loss, [6.0, 4.0, 0.5], method="Nelder-Mead", options={"maxiter": 600})
    return best.x, best.fun


def table(trial, top_probability, label):
    """Print skill, calibration and discrimination of the first compound of every query."""
    p = np.zeros(trial.n)
    right = np.zeros(trial.n, dtype=bool)
    first = trial.first
    p[trial.query[first]] = top_probability
    right[trial.query[first]] = trial.right[first]
    rows = np.flatnonzero(trial.counted)
    p, right, known = p[rows], right[rows], is_known(trial.molecule[rows])
    for share in (0.5, 0.1, 0.4, 0.8):
        weight = np.where(known, share / known.mean(), (1 - share) / (1 - known.mean()))
        weight /= weight.sum()
        rate = (weight * right).sum()
        brier = (weight * (p - right) ** 2).sum()
        skill = 1 - brier / (rate * (1 - rate))
        named = p >= 0.5
        wrong = (weight * (named & ~right)).sum() / max((weight * named).sum(), 1e-12)
        found = (weight * (named & right)).sum() / max(rate, 1e-12)
        print(
            f"{label:22s} {share:5.0%} known  right {rate:.3f}  Brier skill {skill:+.3f}  "
            f"ECE {ece(p, right, weight):.3f}  AUROC {auroc(p, right, weight):.3f}  "
            f"named at p >= 0.5: wrong {wrong:.3f}, of the right ones {found:.3f}"
        )


def table_fitted(trial, p, label):
    """Print the same where the odds are fitted to runs of other shares (search/prevalence.py)."""
    known_p = np.bincount(trial.query, p, minlength=trial.n)
    top = np.zeros(trial.n)
    right = np.zeros(trial.n, dtype=bool)
    top[trial.query[trial.first]] = p[trial.first]
    right[trial.query[trial.first]] = trial.right[trial.first]
    rows = np.flatnonzero(trial.counted)
    known = is_known(trial.molecule[rows])
    random = np.random.default_rng(0)
    for share in (0.1, 0.4, 0.8):
        n = int(min(known.sum() / share, (~known).sum() / (1 - share)))
        n_known = round(n * share)
        run = np.concatenate(
            [
                random.choice(rows[known], n_known, replace=False),
                random.choice(rows[~known], n - n_known, replace=False),
            ]
        )
        factor = odds_factor(known_p[run][known_p[run] > 0], LIBRARY_SHARE)
        q, y = adapted(top[run], known_p[run], factor), right[run]
        weight = np.full(n, 1 / n)
        rate = y.mean()
        skill = 1 - np.mean((q - y) ** 2) / (rate * (1 - rate))
        named = q >= 0.5
        wrong = (named & ~y).sum() / max(named.sum(), 1)
        print(
            f"{label + ', fitted to run':22s} {share:4.0%} known  right {rate:.3f}  "
            f"Brier skill {skill:+.3f}  ECE {ece(q, y, weight):.3f}  n {n}  "
            f"named at p >= 0.5: wrong {wrong:.3f}"
        )


def ece(p, right, weight):
    """Expected calibration error over ten bins of equal weight."""
    order = np.argsort(p, kind="stable")
    bins = np.minimum((np.cumsum(weight[order]) * 10).astype(int), 9)
    gap = np.bincount(bins, (weight * (p - right))[order], minlength=10)
    return float(np.abs(gap).sum())


def auroc(p, right, weight):
    """Weighted probability that a right answer has the higher p; ties count half."""
    values, code = np.unique(p, return_inverse=True)
    good = np.bincount(code, weight * right, minlength=len(values))
    bad = np.bincount(code, weight * ~right, minlength=len(values))
    below = np.concatenate([[0], np.cumsum(bad)[:-1]])
    return float((good * (below + 0.5 * bad)).sum() / max(good.sum() * bad.sum(), 1e-12))


def fit_mass_only(trial):
    """The same model on the mass error alone: what the window itself knows."""

    def loss(x):
        return trial.loss(-abs(x[0]) * trial.ppm, np.full(len(trial.query), x[1]))

    return minimize(loss, [0.1, 0.0], method="Nelder-Mead").x


def first_by(trial, merit):
    """Make the compound of highest merit the first of each query."""
    order = np.lexsort((-merit, trial.query))
    trial.first = order[np.unique(trial.query[order], return_index=True)[1]]


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--fit", action="store_true", help="fit the constants")
    fitting = parser.parse_args().fit
    train = read_records("massbank_train_library.msp.gz")
    tuning = tuning_task(train, read_records("massbank_query.msp.gz"))
    unknown = set(tuning.queries.molecule[~is_known(tuning.queries.molecule)].tolist())
    reduced = tuning.library.take(
        np.flatnonzero([m not in unknown for m in tuning.library.molecule])
    )
    test = tuning_task(read_records("massbank_test.msp.gz"), train.take(np.arange(0)))
    kept = test.library.take(np.flatnonzero(is_known(test.library.molecule)))
    for mode in SearchMode:
        trial = Trial(tuning.queries, reduced, mode)
        if fitting:
            constants, loss = fit(trial)
            print(
                f"{mode}: Calibration({', '.join(f'{c:.2f}' for c in constants)})  loss {loss:.4f}"
            )
            continue
        mass = fit_mass_only(trial)
        report = Trial(test.queries, joined(train, kept), mode)
        print(
            f"\n{mode} search, massbank_test: {report.counted.sum()} of {report.n} queries have a "
            f"wrong compound in the window, {len(set(report.molecule[report.counted]))} molecules"
        )
        p = share_out(
            report.query,
            *merits(report.evidence, report.peaks, CALIBRATIONS[mode]),
        )
        table(report, p[report.first], "evidence")
        table_fitted(report, p, "evidence")
        if mode is SearchMode.PRECURSOR:
            ranker = Ranker(Bundle(find_shipped("ranker")))
            features = {"similarity": report.evidence, "fragmenter": report.explained}
            ranked = by_query(ranker, report.query, features)
            p = share_out(report.query, ranked, ranker.none_of_library.merit(report.peaks))
            first_by(report, ranked)
            table(report, p[report.first], "ranker")
            table_fitted(report, p, "ranker")
        merit = -abs(mass[0]) * report.ppm
        p = share_out(report.query, merit, np.full(len(merit), mass[1]))
        first_by(report, merit)
        table(report, p[report.first], "mass alone")


if __name__ == "__main__":
    main()
