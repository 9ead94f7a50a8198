"""Fit the costs of the fragmenter and print them (search/fragment_model.py).

    python tests/benchmarks/fit_fragmenter.py [--molecules 3639] [--iterations 120] [--check]

Molecules of massbank_train_library are ranked among up to 19 structures of the same mass (10 ppm)
from molecules.csv.gz that are in no library and in no evaluation list. The negative conditional
log-likelihood of the right one, with a small pull towards plain costs, is minimised by L-BFGS;
massbank_valid is printed to judge by and never fitted. Takes about ten minutes and 4 GB.
``--check`` compares the gradient with finite differences on a few molecules instead.
"""

import argparse
import csv
import gzip
import hashlib
import textwrap
from dataclasses import dataclass, field

import numpy as np
from _massbank import DATA, read_records
from _retrieval import Molecule, candidate_lists, load_split, queries_of, rows_by_molecule
from scipy.optimize import minimize

from spectrakit.search.bond_classes import N_KINDS, N_TYPES
from spectrakit.search.fragment_match import _carrier, _targets
from spectrakit.search.fragment_model import FITTED
from spectrakit.search.fragmenter import fragment_many

N_BONDS = N_KINDS * N_TYPES * N_TYPES
N_DECOYS = 19
SHAPE = {  # parameters by name
    "kappa": (1,), "gamma": (1,), "background": (1,),  # kappa and background as logarithms
    "bond": (N_KINDS,), "kept": (N_TYPES,), "lost": (N_TYPES,), "cuts": (6,), "mass": (9,),
    "relative_mass": (10,), "error": (10,), "hydrogen": (2, 6, 14),
}  # fmt: skip
PULL = 1e-4  # weight of the squared distance from the plain costs


@dataclass
class Pieces:
    """Fragments or explanations, flat: which table entries make up the cost of each."""

    owner: list = field(default_factory=list)  # candidate, or explained peak of a candidate
    broken: list = field(default_factory=list)  # (k, 4) bond classes, N_BONDS for none
    cuts: list = field(default_factory=list)
    mass: list = field(default_factory=list)
    relative_mass: list = field(default_factory=list)
    error: list = field(default_factory=list)
    hydrogen: list = field(default_factory=list)  # flat index, of the first six axes for fragments
    weight: list = field(default_factory=list)

    def close(self):
        """Turn the lists into arrays."""
        for name, values in vars(self).items():
            if values:
                setattr(self, name, np.concatenate(values))
        return self


@dataclass
class Problem:
    """Everything that the likelihood needs of a set of molecules."""

    explanations: Pieces
    first: np.ndarray  # first explanation of each explained peak
    peak_owner: np.ndarray  # candidate of each explained peak
    peak_weight: np.ndarray
    fragments: Pieces
    polarity_weight: np.ndarray  # (n_candidates, 2) summed weight of the spectra
    offset: np.ndarray  # first candidate of each molecule
    truth: np.ndarray
    molecule: np.ndarray  # of each candidate


def _entries(found, rows):
    broken = np.where(found.broken[rows] < 0, N_BONDS, found.broken[rows])
    is_cut = broken < N_BONDS
    kind = is_cut[:, 0] * 1 + is_cut[:, 1] * 1 + is_cut[:, 2] * 2 + is_cut[:, 3] * 1
    mass = found.mass[rows]
    owner = np.searchsorted(found.indptr, rows, side="right") - 1
    total = np.maximum.reduceat(found.mass, found.indptr[:-1])[owner]
    edges = np.searchsorted(FITTED.mass_edges, mass, side="right")
    tenth = np.minimum(mass * (10.0 / total), 9).astype(int)
    return owner, broken, kind, edges, tenth


def problem(molecules, share, seed=0):
    """Collect features; of fragments with two cuts a ``share`` stands for all, by weight."""
    random = np.random.default_rng(seed)
    explained, made = Pieces(), Pieces()
    peak_owner, peak_weight, firsts, offsets, truths, owners = [], [], [], [], [], []
    polarity_weight = []
    n_candidates = n_peaks = n_explanations = 0
    for m in molecules:
        found = fragment_many(m.candidates, explain=True)
        if found.rejected:
            continue
        rows = np.arange(len(found.mass))
        keep = (found.mass > FITTED.lowest_mass) & (
            (found.state < 4) | (random.random(len(rows)) < share)
        )
        rows = rows[keep]
        owner, broken, kind, edges, tenth = _entries(found, rows)
        made.owner.append(owner + n_candidates)
        made.broken.append(broken.astype(np.int16))
        made.cuts.append(kind.astype(np.int8))
        made.mass.append(edges.astype(np.int8))
        made.relative_mass.append(tenth.astype(np.int8))
        made.hydrogen.append(found.state[rows])
        made.weight.append(np.where(found.state[rows] < 4, 1.0, 1.0 / share).astype(np.float32))
        weights = np.zeros((len(m.candidates), 2))
        for query, n in zip(m.queries, m.n_spectra, strict=True):
            side = 0 if query.polarity > 0 else 1
            weights[:, side] += np.sqrt(n)
            targets = _targets(query.mz, query.polarity, _carrier(query.adduct))
            width = FITTED.tolerance_da + FITTED.tolerance_ppm * 1e-6 * targets.neutral
            low = np.searchsorted(targets.neutral + width, found.mass, side="left")
            n_hits = np.searchsorted(targets.neutral - width, found.mass, side="right") - low
            here = np.repeat(np.arange(len(low)), n_hits)
            step = np.arange(len(here)) - np.repeat(np.cumsum(n_hits) - n_hits, n_hits)
            at = low[here] + step
            owner, broken, kind, edges, tenth = _entries(found, here)
            key = owner * len(query.mz) + targets.peak[at]
            order = np.argsort(key, kind="stable")
            here, at, key = here[order], at[order], key[order]
            unit = FITTED.error_da + FITTED.error_ppm * 1e-6 * query.mz[targets.peak[at]]
            error = np.abs(found.mass[here] - targets.neutral[at]) / unit
            new = np.flatnonzero(np.diff(key, prepend=-1))
            weight = np.sqrt(query.intensity * query.mz)
            weight *= np.sqrt(n) / weight.sum()
            firsts.append(new + n_explanations)
            peak_owner.append(key[new] // len(query.mz) + n_candidates)
            peak_weight.append(weight[key[new] % len(query.mz)])
            explained.owner.append(np.cumsum(np.diff(key, prepend=-1) > 0) - 1 + n_peaks)
            explained.broken.append(broken[order].astype(np.int16))
            explained.cuts.append(kind[order].astype(np.int8))
            explained.mass.append(edges[order].astype(np.int8))
            explained.relative_mass.append(tenth[order].astype(np.int8))
            explained.error.append(np.minimum(error, 9).astype(np.int8))
            flat = (side * 6 + found.state[here].astype(int)) * 14 + targets.move[at]
            explained.hydrogen.append(flat.astype(np.int16))
            n_peaks += len(new)
            n_explanations += len(key)
        polarity_weight.append(weights)
        offsets.append(n_candidates)
        truths.append(n_candidates + m.truth)
        owners.append(np.full(len(m.candidates), len(offsets) - 1))
        n_candidates += len(m.candidates)
    return Problem(
        explained.close(), np.concatenate(firsts), np.concatenate(peak_owner),
        np.concatenate(peak_weight), made.close(), np.concatenate(polarity_weight),
        np.array(offsets), np.array(truths), np.concatenate(owners),
    )  # fmt: skip


def unpack(x):
    """Return the parameters by name."""
    parts, start = {}, 0
    for name, shape in SHAPE.items():
        size = int(np.prod(shape))
        parts[name] = x[start : start + size].reshape(shape)
        start += size
    return parts


def _cost(p, pieces):
    table = p["bond"][:, None, None] + p["kept"][None, :, None] + p["lost"][None, None, :]
    flat = np.append(table.ravel(), 0.0)
    cost = p["cuts"][pieces.cuts] + p["mass"][pieces.mass]
    cost += p["relative_mass"][pieces.relative_mass]
    for column in range(4):
        cost += flat[pieces.broken[:, column]]
    return cost


def _cost_gradient(gradient, pieces, by_cost):
    table = np.zeros(N_BONDS + 1)
    for column in range(4):
        table += np.bincount(pieces.broken[:, column], by_cost, minlength=N_BONDS + 1)
    table = table[:-1].reshape(N_KINDS, N_TYPES, N_TYPES)
    gradient["bond"] += table.sum((1, 2))
    gradient["kept"] += table.sum((0, 2))
    gradient["lost"] += table.sum((0, 1))
    for name in ("cuts", "mass", "relative_mass"):
        gradient[name] += np.bincount(getattr(pieces, name), by_cost, minlength=SHAPE[name][0])


def likelihood(x, data):
    """Return (negative mean log-likelihood, gradient, evidence of the candidates)."""
    p, n = unpack(x), len(data.molecule)
    kappa, gamma, background = np.exp(p["kappa"][0]), p["gamma"][0], np.exp(p["background"][0])
    e, f = data.explanations, data.fragments
    ready = np.exp(-_cost(p, e) - p["error"][e.error] - p["hydrogen"].ravel()[e.hydrogen])
    summed = np.add.reduceat(ready, data.first)
    made = np.exp(-_cost(p, f)) * f.weight
    abundance = np.bincount(f.owner * 6 + f.hydrogen, made, minlength=n * 6).reshape(n, 6)
    moves = np.exp(-p["hydrogen"][..., :7])  # (2, 6, 7)
    possible = abundance @ moves.sum(2).T + background  # (n, 2)
    logs = (data.polarity_weight * np.log(possible)).sum(1)
    gain = np.bincount(data.peak_owner, data.peak_weight * np.log1p(summed), minlength=n)
    evidence = kappa * (gain - gamma * logs)

    top = np.maximum.reduceat(evidence, data.offset)
    chance = np.exp(evidence - top[data.molecule])
    norm = np.add.reduceat(chance, data.offset)
    value = float(np.mean(np.log(norm) + top - evidence[data.truth]))
    by_evidence = chance / norm[data.molecule]
    by_evidence[data.truth] -= 1
    by_evidence /= len(data.truth)

    g = {name: np.zeros(shape) for name, shape in SHAPE.items()}
    g["kappa"][0] = by_evidence @ evidence
    g["gamma"][0] = -kappa * by_evidence @ logs
    by_summed = kappa * data.peak_weight * by_evidence[data.peak_owner] / (1 + summed)
    by_cost = -by_summed[e.owner] * ready
    _cost_gradient(g, e, by_cost)
    g["error"] += np.bincount(e.error, by_cost, minlength=10)
    g["hydrogen"] += np.bincount(e.hydrogen, by_cost, minlength=168).reshape(2, 6, 14)
    by_possible = -kappa * gamma * by_evidence[:, None] * data.polarity_weight / possible
    g["background"][0] = by_possible.sum() * background
    by_abundance = by_possible @ moves.sum(2)  # (n, 6)
    _cost_gradient(g, f, -by_abundance.ravel()[f.owner * 6 + f.hydrogen] * made)
    g["hydrogen"][..., :7] -= (by_possible.T @ abundance)[..., None] * moves
    return value, np.concatenate([part.ravel() for part in g.values()]), evidence


def plain():
    """Return the plain costs, where the fit starts and towards which it is pulled."""
    p = {name: np.zeros(shape) for name, shape in SHAPE.items()}
    p["kappa"][:], p["gamma"][:] = np.log(4.0), 0.05
    p["bond"][:] = 0.5, 1.0, 1.3, 0.4, 0.8
    h = 0.25 * np.abs(np.arange(7) - 3)
    p["hydrogen"][:] = np.concatenate([h, h + 0.25])
    return np.concatenate([part.ravel() for part in p.values()])


def pulled(x, data, start, pull):
    """Return likelihood and gradient with the pull towards ``start``."""
    value, gradient, _ = likelihood(x, data)
    apart = pull * (x - start)
    return value + float(apart @ (x - start)), gradient + 2 * apart


def training(limit):
    """Return library molecules with same-mass decoys, the truth at a random place."""
    records = read_records("massbank_train_library.msp.gz")
    rows = rows_by_molecule(records)
    listed = {
        key
        for split in ("valid", "test", "casmi_2016", "casmi_2012")
        for candidates in candidate_lists(split).values()
        for key, _ in candidates
    }
    with gzip.open(DATA / "molecules.csv.gz", "rt", encoding="utf-8") as handle:
        known = [
            (float(r["exact_mass"]), r["inchikey14"], r["smiles"]) for r in csv.DictReader(handle)
        ]
    known.sort()
    masses = np.array([mass for mass, _, _ in known])
    place = {key: i for i, (_, key, _) in enumerate(known)}
    random = np.random.default_rng(0)
    molecules = []
    for key in sorted(rows, key=lambda k: hashlib.sha256(f"fit {k}".encode()).digest()):
        if key not in place:
            continue
        mass, _, smiles = known[place[key]]
        low, high = np.searchsorted(masses, [mass * (1 - 1e-5), mass * (1 + 1e-5)])
        decoys = [
            s for _, k, s in known[low:high] if k not in listed and k not in rows and k != key
        ]
        if len(decoys) < 2:
            continue
        chosen = random.permutation(len(decoys))[:N_DECOYS]
        candidates = [decoys[i] for i in chosen]
        truth = int(random.integers(len(candidates) + 1))
        candidates.insert(truth, smiles)
        queries, counts = queries_of(records, rows[key])
        if queries:
            molecules.append(Molecule(key, queries, counts, candidates, [], truth))
        if len(molecules) == limit:
            break
    return molecules


def report(name, x, data):
    """Print likelihood and recall of one set."""
    value, _, evidence = likelihood(x, data)
    first = np.maximum.reduceat(evidence, data.offset)[data.molecule] <= evidence
    alone = np.add.reduceat(first, data.offset) == 1
    recall = np.mean(first[data.truth] & alone)
    print(f"# {name}: n = {len(data.truth)}, loss {value:.4f}, Recall@1 {recall:.3f}", flush=True)


def show(x):
    """Print the constants as they stand in search/fragment_model.py."""
    p = unpack(x)

    def text(values, indent=""):
        if values.ndim == 1:
            body = ", ".join(f"{v:.2f}".replace("-0.00", "0.00") for v in values)
            line = f"{indent}({body}),"
            return textwrap.fill(line, 90, subsequent_indent=indent + " ") + "\n"
        return f"{indent}(\n" + "".join(text(v, indent + "    ") for v in values) + f"{indent}),\n"

    for name in list(SHAPE)[3:]:
        print(f"_{name.upper()} = {text(p[name]).rstrip().rstrip(',')}")
    print(f"_BACKGROUND = {np.exp(p['background'][0]):.3f}")
    print(f"_GAMMA = {p['gamma'][0]:.3f}\n_KAPPA = {np.exp(p['kappa'][0]):.3f}")


def main():
    """Fit, report, print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--molecules", type=int, default=3639)
    parser.add_argument("--iterations", type=int, default=120)
    parser.add_argument("--check", action="store_true")
    options = parser.parse_args()
    start = plain()
    pull = np.full(len(start), PULL)
    pull[:2] = 0.0
    train = problem(training(20 if options.check else options.molecules), share=1 / 8)
    if options.check:
        x = start + 0.1 * np.random.default_rng(0).normal(size=len(start))
        gradient = pulled(x, train, start, pull)[1]
        for i in range(0, len(x), 17):
            step = np.eye(len(x))[i] * 1e-5
            up, down = (pulled(x + s * step, train, start, pull)[0] for s in (1, -1))
            print(f"{i:4d} {gradient[i]: .8f} {(up - down) / 2e-5: .8f}")
        return
    valid = problem(load_split("valid"), share=1.0)
    fit = minimize(
        pulled, start, (train, start, pull), method="L-BFGS-B", jac=True,
        options={"maxiter": options.iterations},
    )  # fmt: skip
    report("train", fit.x, train)
    report("valid", fit.x, valid)
    show(fit.x)


if __name__ == "__main__":
    main()
