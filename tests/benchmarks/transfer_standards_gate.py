"""Gates on standards whose spectra do not belong together: how often right, how often wrong.

    python tests/benchmarks/transfer_standards_gate.py [--seeds 12] [--first 0]

Standards of real pairs of instruments, chosen by Kennard-Stone and at random, as they are (a gate
that refuses is wrong) and with two of them, drawn at random, exchanged on the target (it is
right). The constants were chosen on seeds 100 to 111.
"""

import argparse
from collections import defaultdict

import numpy as np
from _transfer_data import FOLDER, pair_of, pairs_of, split_of

from spectrakit.transfer.pairing import check_exchanged, check_outlier
from spectrakit.transfer.standard_samples import Standards
from spectrakit.transfer.standards import kennard_stone

SETS = ("raman", "corn", "cane", "tablets")
NUMBERS = (6, 8, 10, 12, 15, 20, 30)
EXCHANGES = 3  # of each set of standards


def refused(pair, source, target):
    rows = np.arange(len(source))
    data = Standards(
        pair.source[source], pair.known[source], pair.target[target], rows, pair.known[source],
        rows, True,
    )  # fmt: skip
    ids = tuple(str(k) for k in source)
    return [not gate(data, ids).passed for gate in (check_exchanged, check_outlier)]


def standards_of(pair, train, n, seed):
    order = kennard_stone(pair.source[train], pair.known[train], n, seed)
    yield train[order]
    yield np.random.default_rng(1000 * seed + n).permutation(train)[:n]


def measure(name, seeds):
    """Yield (number of standards, exchanged?, refused by each gate)."""
    for pair in (pair_of(name, *instruments) for instruments in pairs_of(name)):
        for seed in seeds:
            train, _ = split_of(name, pair, seed)
            for n in (n for n in NUMBERS if n <= len(train)):
                for rows in standards_of(pair, train, n, seed):
                    yield n, False, refused(pair, rows, rows)
                    rng = np.random.default_rng(seed)
                    for _ in range(EXCHANGES):
                        other = rows.copy()
                        i, j = rng.choice(n, 2, replace=False)
                        other[[i, j]] = rows[[j, i]]
                        yield n, True, refused(pair, rows, other)


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--seeds", type=int, default=12)
    parser.add_argument("--first", type=int, default=0)
    asked = parser.parse_args()
    if not FOLDER.is_dir():
        raise SystemExit(f"{FOLDER} is not there: nothing to measure")
    print("refused, as they are / with two exchanged: by 'swapped', by 'outlier', by either")
    for name in SETS:
        found = defaultdict(list)
        for n, exchanged, by in measure(name, range(asked.first, asked.first + asked.seeds)):
            found[n, exchanged].append((*by, any(by)))
            found["all", exchanged].append((*by, any(by)))
        for n in (*NUMBERS, "all"):
            good, bad = np.mean(found[n, False], axis=0), np.mean(found[n, True], axis=0)
            cells = "   ".join(f"{a:4.0%} /{b:4.0%}" for a, b in zip(good, bad, strict=True))
            print(f"{name:8s} N = {n:>3}   {cells}   ({len(found[n, False])})")


if __name__ == "__main__":
    main()
