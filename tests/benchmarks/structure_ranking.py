"""Unknown molecules: kernel fingerprints and the fragmenter together, with their controls.

The kernel is fitted on massbank_train_library and massbank_bafg_train_library. Choices were made
on valid and on held-out train molecules; test is for reporting. Ties count as misses, candidate
order is shuffled, intervals are bootstraps over molecules. No feature knows whether, how often
or by whom a molecule was measured.

    python tests/benchmarks/structure_ranking.py [--split test]
    python tests/benchmarks/structure_ranking.py --fit     # the weights in scoring.py

Rows: all spectra of a molecule together; one spectrum at a time (up to four of each molecule);
lists as given and without the molecules of the training set; the model fitted on openly licensed
spectra alone (CC0, CC BY, dl-de/by). Controls: random; every molecule ranked with the spectra of
the one next in mass; with one constant answer (spectrum-blind); structure-only regression.
"""

import argparse
import time

import numpy as np
from _ranking import (
    OPEN,
    fragmenter_evidence,
    load_held_out,
    load_unknowns,
    train_records,
)
from _retrieval import ranks, summary
from spectrakit_kernelfp.data import training_set
from spectrakit_kernelfp.model import fit, held_out_weights
from spectrakit_kernelfp.scoring import block_scores, merit, probabilities
from structure_retrieval import structure_only

from spectrakit.search.conditional_logit import conditional_logit
from spectrakit.search.fragment_model import FITTED
from spectrakit.search.learned import standardise
from spectrakit.search.molecular_fingerprints import fingerprints


class Ranker:
    """A fitted model and the fingerprints of the candidates of some unknowns."""

    def __init__(self, model, unknowns, whole=None):
        self.model = model
        self.whole = whole or {u.key: fingerprints(u.smiles)[0] for u in unknowns}
        self.bits = {key: bits[:, model.kept] for key, bits in self.whole.items()}

    def surplus(self, queries):
        """Return (n, n_bits) of queries, each averaged over its polarities."""
        total, count = 0, np.zeros((len(queries), 1), np.float32)
        for polarity in self.model.halves:
            own = [i for i, q in enumerate(queries) if polarity in q.spectra]
            if own:
                part = self.model.surplus(polarity, [queries[i].spectra[polarity] for i in own])
                whole = np.zeros((len(queries), part.shape[1]), np.float32)
                whole[own] = part
                total, count[own] = total + whole, count[own] + 1
        return total / np.maximum(count, 1)

    def scores(self, unknowns, surplus):
        """Return the standardised block scores of every list."""
        return [
            standardise(block_scores(row, self.bits[u.key], self.model.bounds))
            for u, row in zip(unknowns, surplus, strict=True)
        ]


def row(name, values, unknowns):
    """Print one row of the table."""
    r1, low, high, r5, mrr = summary(ranks(values, unknowns))
    print(f"| {name} | {r1:.3f} ({low:.3f} to {high:.3f}) | {r5:.3f} | {mrr:.3f} |", flush=True)


def without(values, unknowns, known):
    """Move molecules of the training set behind all others."""
    return [
        np.where([k in known for k in u.keys], -np.inf, v)
        for u, v in zip(unknowns, values, strict=True)
    ]


def next_in_mass(unknowns):
    """Return for each unknown the one next in mass that is another molecule."""
    order = sorted(range(len(unknowns)), key=lambda i: unknowns[i].mass)
    return dict(zip(order, order[1:] + order[:1], strict=True))


def one_at_a_time(ranker, unknowns):
    """Return (Recall@1 of the kernel, of both) and intervals, each molecule counting once."""
    pairs = [(i, q) for i, u in enumerate(unknowns) for q in u.alone]
    surplus = ranker.surplus([q for _, q in pairs])
    owners = [unknowns[i] for i, _ in pairs]
    kernel = ranker.scores(owners, surplus)
    both = [merit(s, fragmenter_evidence(unknowns[i], q)) for s, (i, q) in zip(kernel, pairs)]  # noqa: B905
    index = np.array([i for i, _ in pairs])
    found = []
    for values in ([merit(s) for s in kernel], both):
        top = ranks(values, owners) == 1
        mean = np.bincount(index, top, len(unknowns)) / np.bincount(index, minlength=len(unknowns))
        random = np.random.default_rng(0)
        boot = mean[random.integers(0, len(mean), (1000, len(mean)))].mean(axis=1)
        found.append((mean.mean(), *np.quantile(boot, [0.025, 0.975])))
    return found, len(pairs)


def precision(values, unknowns, coverage):
    """Return the precision among the ``coverage`` most confident lists."""
    best = np.array([probabilities(v).max() for v in values])
    right = ranks(values, unknowns) == 1
    chosen = np.argsort(-best, kind="stable")[: round(coverage * len(best))]
    return right[chosen].mean()


def report(split, mode, models):
    """Print the table of one kind of list."""
    unknowns = load_unknowns(split, mode)
    full = Ranker(models["all"], unknowns)
    known = set(models["all"].keys)
    together = [u.together for u in unknowns]
    fragmenter = [fragmenter_evidence(u, u.together) for u in unknowns]
    surplus = full.surplus(together)
    kernel = full.scores(unknowns, surplus)
    both = [merit(s, f) for s, f in zip(kernel, fragmenter, strict=True)]
    neighbour = next_in_mass(unknowns)
    swapped_kernel = full.scores(unknowns, surplus[[neighbour[i] for i in range(len(unknowns))]])
    swapped_fragmenter = [
        fragmenter_evidence(u, unknowns[neighbour[i]].together) for i, u in enumerate(unknowns)
    ]
    blind = full.scores(unknowns, np.repeat(surplus.mean(0, keepdims=True), len(unknowns), 0))
    price = [-np.log(u.fragments.abundance.sum(axis=1) + FITTED.background) for u in unknowns]
    n = sum(len(u.keys) for u in unknowns)
    print(
        f"\nmassbank_{split}.msp.gz, candidates_{split}_{mode}.csv.gz; n = {len(unknowns)} "
        f"molecules, {n} candidates\n"
        "| method | Recall@1 (95 % interval) | Recall@5 | MRR |\n|---|---|---|---|"
    )
    row("kernelfp", [merit(s) for s in kernel], unknowns)
    row("fragmenter", fragmenter, unknowns)
    row("kernelfp + fragmenter", both, unknowns)
    row("the same, library molecules removed", without(both, unknowns, known), unknowns)
    row("fragmenter, library molecules removed", without(fragmenter, unknowns, known), unknowns)
    free = Ranker(models["open"], unknowns, full.whole)
    open_kernel = free.scores(unknowns, free.surplus(together))
    row("kernelfp, openly licensed spectra", [merit(s) for s in open_kernel], unknowns)
    open_both = [merit(s, f) for s, f in zip(open_kernel, fragmenter, strict=True)]
    row("kernelfp + fragmenter, openly licensed spectra", open_both, unknowns)
    alone, n_alone = one_at_a_time(full, unknowns)
    for name, (mean, low, high) in zip(("kernelfp", "kernelfp + fragmenter"), alone, strict=True):
        print(f"| {name}, one spectrum ({n_alone}) | {mean:.3f} ({low:.3f} to {high:.3f}) | | |")
    row("*spectra of the molecule next in mass*: kernelfp", [merit(s) for s in swapped_kernel],
        unknowns)  # fmt: skip
    swapped = [merit(s, f) for s, f in zip(swapped_kernel, swapped_fragmenter, strict=True)]
    row("*spectra of the molecule next in mass*: both", swapped, unknowns)
    row("*spectrum-blind*: kernelfp", [merit(s) for s in blind], unknowns)
    row("*spectrum-blind*: both", [merit(s, f) for s, f in zip(blind, price, strict=True)],
        unknowns)  # fmt: skip
    row("*structure-only regression*", structure_only(shim(unknowns)), unknowns)
    shares = np.array([1 / len(u.keys) for u in unknowns])
    print(f"| *random* | {shares.mean():.3f} | | |")
    told = ", ".join(f"{precision(both, unknowns, c):.3f} at {c:.0%}" for c in (0.1, 0.3, 0.5, 0.7))
    print(f"\nPrecision of kernelfp + fragmenter by coverage: {told}.")


def shim(unknowns):
    """Let ``structure_only`` read unknowns: it wants ``candidates``."""
    for unknown in unknowns:
        unknown.candidates = unknown.smiles
    return unknowns


def learn(licences=()):
    """Fit on the train spectra, as ``spectrakit pretrain -m kernelfp`` does."""
    spectra, smiles, used = training_set(train_records().spectra, licences)
    start = time.process_time()
    model = fit(spectra, smiles)
    which = ", ".join(licences) or "all licences"
    seconds = time.process_time() - start
    print(f"{which}: {used} spectra, {len(smiles)} molecules, fitted in {seconds:.1f} CPU s")
    return model


def fit_weights(model, n):
    """Print the conditional logit of block scores and fragmenter on held-out train molecules."""
    unknowns = load_held_out(n)
    place = {key: i for i, key in enumerate(model.keys)}
    total = {}
    for polarity, half in model.halves.items():
        weights = held_out_weights(model, polarity)
        where = {int(m): i for i, m in enumerate(half.molecule)}
        own = [u.key for u in unknowns if place[u.key] in where]
        mixed = model.mix(half, weights[[where[place[k]] for k in own]])
        for key, values in zip(own, mixed, strict=True):
            total.setdefault(key, []).append(values)
    unknowns = [u for u in unknowns if u.key in total]
    features = []
    for u in unknowns:
        scores = block_scores(
            np.mean(total[u.key], axis=0), model.candidates(u.smiles), model.bounds
        )
        features.append(np.c_[standardise(scores), fragmenter_evidence(u, u.together)])
    truths = [u.truth for u in unknowns]
    weights = conditional_logit(features, truths)
    print(f"{len(unknowns)} train molecules, each held out with its cluster; weights {weights}")
    for name, columns in (("kernelfp", [0, 1, 2]), ("fragmenter", [3]), ("both", [0, 1, 2, 3])):
        row(name, [f[:, columns] @ weights[columns] for f in features], unknowns)


def main():
    """Print the tables."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--split", default="test", choices=["valid", "test"])
    parser.add_argument("--fit", action="store_true", help="fit the weights and stop")
    parser.add_argument("--held-out", type=int, default=3000, help="train molecules for --fit")
    options = parser.parse_args()
    models = {"all": learn()}
    if options.fit:
        fit_weights(models["all"], options.held_out)
        return
    models["open"] = learn(OPEN)
    for mode in ("mass", "formula"):
        report(options.split, mode, models)


if __name__ == "__main__":
    main()
