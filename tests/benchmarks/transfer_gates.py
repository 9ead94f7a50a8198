"""Gates of a transfer without standards: what they refuse, of what harms and of what does not.

    python tests/benchmarks/transfer_gates.py [--seeds 12] [--first 0]

An adaptation aligns spectra of samples that the source never saw: a random half of the training
samples, or those with the lowest or highest half of a property (another composition). It harms
when R2 on the test samples falls more than 0.02 below that of the calibration as it is. Pairs:
corn, tablets, sugarcane, Raman, and two replicates of one MicroNIR (an instrument that needs
nothing). The constants of the gates were chosen on seeds 100 to 102.
"""

import argparse

import numpy as np
from _transfer_data import FOLDER, Pair, numbers, pair_of, pairs_of, read, split_of

from spectrakit.transfer.ceiling import ridge_average
from spectrakit.transfer.composition import check_alike, check_plausible
from spectrakit.transfer.unpaired import fit_unpaired

LOSS = 0.02


def twins():
    """Two replicates of the same samples on one instrument."""
    meta, _, values = read("sugarcane_MicroNIR1700.csv.gz")
    names = ("TS", "CP", "ADF", "IVOMD")
    known = np.stack([numbers(meta[name]) for name in names], axis=1)
    sides = []
    for one in ("1", "2"):
        rows = np.flatnonzero(meta["replicate"] == one)
        rows = rows[np.argsort(meta["sample_id"][rows])]
        sides.append((values[rows], known[rows]))
    keep = np.isfinite(sides[0][1]).all(axis=1)
    return Pair(sides[0][0][keep], sides[1][0][keep], sides[0][1][keep], names, 40, True)


def r2(known, value):
    return 1 - ((value - known) ** 2).sum() / ((known - known.mean()) ** 2).sum()


def cases(seeds):
    sets = [(name, pair, pair_of(name, *pair)) for name in ("raman", "tablets", "corn", "cane")
            for pair in pairs_of(name)]  # fmt: skip
    sets.append(("replicates", ("1", "2"), twins()))
    for name, _, pair in sets:
        for seed in seeds:
            train, test = split_of("cane" if name == "replicates" else name, pair, seed)
            order = np.random.default_rng(seed).permutation(train)
            half = len(order) // 2
            left, right = order[:half], order[half:]
            for column in range(len(pair.names)):
                ranked = right[np.argsort(pair.known[right, column])]
                for kind, pool in (
                    ("random", right), ("low", ranked[: half // 2]), ("high", ranked[half // 2 :])
                ):  # fmt: skip
                    yield name, kind, pair, left, pool, test, column


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--seeds", type=int, default=12)
    parser.add_argument("--first", type=int, default=0)
    parser.add_argument("--raw", action="store_true", help="one line for each case")
    asked = parser.parse_args()
    if not FOLDER.is_dir():
        raise SystemExit(f"{FOLDER} is not there: nothing to measure")
    found = []
    for name, kind, pair, left, pool, test, column in cases(
        range(asked.first, asked.first + asked.seeds)
    ):
        source, known = pair.source[left], pair.known[left][:, [column]]
        spectra = pair.target[pool]
        adapted = fit_unpaired(source, known, spectra)
        plain, _ = ridge_average(source, known)
        judged = pair.known[test, column]
        loss = r2(judged, plain.predict(pair.target[test])[:, 0]) - r2(
            judged, adapted.predict(pair.target[test])[:, 0]
        )
        alike = check_alike(source, spectra)
        (plausible,) = check_plausible(source, known, spectra, [pair.names[column]])
        refused = not (alike.passed and plausible.passed)
        found.append((name, kind, loss, alike.value, plausible.value, refused))
        if asked.raw:
            print(name, kind, f"{loss:.3f} {alike.value:.2f} {plausible.value:.2f}", int(refused))
    for name in (*dict.fromkeys(row[0] for row in found), "all"):
        for kind in ("random", "low", "high", "all"):
            mine = [r for r in found if name in (r[0], "all") and kind in (r[1], "all")]
            bad = [row[5] for row in mine if row[2] > LOSS]
            good = [row[5] for row in mine if row[2] <= LOSS]
            print(
                f"{name:10s} {kind:7s} harmful {len(bad):4d} refused "
                f"{np.mean(bad) if bad else float('nan'):.2f}   harmless {len(good):4d} refused "
                f"{np.mean(good) if good else float('nan'):.2f}"
            )


if __name__ == "__main__":
    main()
