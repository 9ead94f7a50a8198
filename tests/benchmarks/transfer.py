"""Methods of calibration transfer on corn, tablets, sugarcane and a Raman pair.

    python tests/benchmarks/transfer.py --work FOLDER [--data raman,...] [--standards 0,5,10,30]
        [--seeds 12] [--design kennard-stone] [--jobs 1]

Every row of a split has the same training samples, standards and test samples. Printed: RMSEP over
that of a model trained on the target with all its labels (squares pooled over splits, geometric
mean over properties and pairs), the gain on the plain ensemble with its standard error over
splits, R2, what ``auto`` loses in R2 against the best of three methods, and the coverage and width
of its 80 % intervals. ``tablets-all`` learns from all 151 calibration tablets: one split in each
direction, unless standards are drawn at random. Splits are kept in FOLDER and not computed again.
"""

import argparse
import json
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path
from time import process_time

import numpy as np
from _transfer_data import FOLDER, pair_of, pairs_of, split_of

from spectrakit.transfer.automatic import PRIOR, weights_of
from spectrakit.transfer.bases import PREPROCESSINGS
from spectrakit.transfer.ceiling import ceiling
from spectrakit.transfer.evaluation import Split, scores_of_split
from spectrakit.transfer.intervals import interval_of, represented
from spectrakit.transfer.registry import METHODS
from spectrakit.transfer.standard_samples import Standards
from spectrakit.transfer.standards import DESIGNS
from spectrakit.transfer.sweep import sweep

GROUPS = {  # computed and kept apart; all but the first with nested cross-validation
    "classical": ("none", "mean-difference", "pds", "updating"),
    "auto": ("target-only", "plain-ensemble", "paired-average", "average"),
    "differences": ("difference-updating",),
    "apart": ("target-only", "jypls", "paired-average", "average"),
    "free": (),
}
SHOWN = {
    "classical": GROUPS["classical"],
    "auto": (*GROUPS["auto"], *GROUPS["differences"], "auto"),
    "apart": (*GROUPS["apart"], "auto"),
    "free": ("none", "mean-centring", "label-free"),
}
RIVALS = ("plain-ensemble", "average", "target-only")  # of auto


def place_of(work, name, pair_names, seed, standards, design, group):
    return work / f"{name}_{'_'.join(pair_names)}_{seed}_{standards}_{design}_{group}.json"


def one(work, name, pair_names, seed, standards, design, group):
    """Return what each method predicted wrongly, computed once: (r2, rmsep, ceiling) or more."""
    place = place_of(work, name, pair_names, seed, standards, design, group)
    if place.exists():
        return json.loads(place.read_text())
    pair = pair_of(name, *pair_names)
    train, test = split_of(name, pair, seed)
    start = process_time()
    if standards == 0:
        split = Split(pair.source, pair.target, pair.known, train, test, pair.same_axis)
        told = alone(split, seed)
    else:
        told = swept(pair, train, test, DESIGNS[design], standards, seed, group)
    told["seconds"] = process_time() - start
    part = place.with_suffix(".part")
    part.write_text(json.dumps(told))
    part.replace(place)
    return told


def alone(split, seed):
    scores = list(scores_of_split(split, 0, (), DESIGNS["random"], 0.8, seed, with_auto=False))
    return {"scores": [[s.column, s.method, s.r2, s.rmsep, s.ceiling] for s in scores]}


def swept(pair, train, test, design, standards, seed, group):
    """Fit every method of a group; errors on test samples and on standards left out."""
    source, known = pair.source[train], pair.known[train]
    twins = design(PREPROCESSINGS[1](source), known, standards, seed)
    groups = np.arange(standards)
    data = Standards(
        source, known, pair.target[train][twins], twins, known[twins], groups, pair.same_axis
    )
    methods = [method for method in METHODS if method.name in GROUPS[group]]
    found = sweep(methods, data, pair.target[test], seed, nested=group != "classical")
    best = ceiling(pair.target[train], known, pair.target[test], 30)
    told = {
        "known": pair.known[test].tolist(),
        "ceiling": np.sqrt(np.mean((best - pair.known[test]) ** 2, axis=0)).tolist(),
        "represented": represented(source, twins).tolist(),
        "methods": {},
    }
    for fit in found:
        if fit.test is not None:
            left = None if fit.nested is None else (fit.nested - data.labels).tolist()
            told["methods"][fit.method.name] = [(fit.test - pair.known[test]).tolist(), left]
    return told


def scores_of(told):
    """Yield (column, method, r2, rmsep, ceiling, coverage, width); ``auto`` is put together."""
    if "scores" in told:
        for column, method, r2, rmsep, top in told["scores"]:
            yield column, method, r2, rmsep, top, np.nan, np.nan
        return
    known = np.array(told["known"])
    methods = {
        name: (np.array(error), None if left is None else np.array(left))
        for name, (error, left) in told["methods"].items()
    }
    parts = {name: both for name, both in methods.items() if name in PRIOR}
    if parts and all(left is not None for _, left in parts.values()):
        weights = weights_of(list(parts), [left for _, left in parts.values()])
        methods["auto"] = tuple(
            np.einsum("p,pnk->nk", weights, np.stack([both[k] for both in parts.values()]))
            for k in (0, 1)
        )
    for name, (error, left) in methods.items():
        for column in range(known.shape[1]):
            square = np.mean(error[:, column] ** 2)
            r2 = 1 - square / known[:, column].var()
            cover = width = np.nan
            if left is not None:
                judged = (known[:, column], known[:, column] + error[:, column])
                weights = np.array(told["represented"])
                interval = interval_of(left[:, column], 0.8, judged, weights)
                if interval.half_width is not None:
                    cover, width = interval.coverage, 2 * interval.half_width
            yield column, name, r2, np.sqrt(square), told["ceiling"][column], cover, width


def seeds_of(asked, name):
    once = name == "tablets-all" and asked.design != "random"  # nothing left to draw
    return range(asked.first, asked.first + (1 if once else asked.seeds))


def groups_of(name, standards):
    """Return groups that are shown together; ``auto`` mixes what stands in one of them."""
    if standards == 0:
        return (("free",),)
    return (("apart",),) if name == "cane-apart" else (("classical",), ("auto", "differences"))


def joined(told):
    """Return what groups of one split say, as of one group."""
    whole = dict(told[0])
    for other in told[1:]:
        whole["methods"] = whole["methods"] | other["methods"]
        whole["seconds"] += other["seconds"]
    return whole


def table(rows, methods, base):
    """Print methods; rows: (pair, seed, column, method) -> (r2, rmsep, ceiling)."""
    for method in methods:
        mine = {key[:3]: cell for key, cell in rows.items() if key[3] == method}
        other = {key[:3]: cell for key, cell in rows.items() if key[3] == base}
        seeds = sorted({key[1] for key in mine})
        kinds = sorted({(key[0], key[2]) for key in mine})
        if not seeds:
            continue
        ratio, r2 = [], []
        gain = np.full((len(kinds), len(seeds)), np.nan)
        for place, (pair, column) in enumerate(kinds):
            cells = [mine[pair, seed, column] for seed in seeds]
            squares = np.array([cell[1] ** 2 for cell in cells])
            top = np.array([cell[2] ** 2 for cell in cells])
            ratio.append(np.log(np.sqrt(squares.mean() / top.mean())))
            r2.append(np.mean([cell[0] for cell in cells]))
            for k, seed in enumerate(seeds):
                if (pair, seed, column) in other:
                    gain[place, k] = np.log(cells[k][1] / other[pair, seed, column][1])
        line = f"  {method:18s} n {len(seeds):2d}  ratio {np.exp(np.mean(ratio)):6.3f}"
        line += f"   R2 {np.mean(r2):8.4f}"
        by_seed = gain.mean(axis=0)
        if method != base and np.isfinite(by_seed).all():
            error = by_seed.std(ddof=1) / np.sqrt(len(seeds)) if len(seeds) > 1 else np.nan
            wins = int((by_seed < 0).sum())
            line += f"   against {base} {np.expm1(by_seed.mean()):+7.1%} ± {error:.1%}"
            line += f" ({wins}/{len(seeds)})"
        print(line)


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--work", type=Path, required=True)
    parser.add_argument("--data", default="raman,tablets,cane,corn,cane-apart")
    parser.add_argument("--standards", default="0,5,10,30")
    parser.add_argument("--seeds", type=int, default=12)
    parser.add_argument("--first", type=int, default=0, help="first seed; 100 and more to choose")
    parser.add_argument("--design", default="kennard-stone", choices=sorted(DESIGNS))
    parser.add_argument("--print", action="store_true", help="only what FOLDER already holds")
    parser.add_argument("--jobs", type=int, default=1, help="processes; figures stay the same")
    asked = parser.parse_args()
    if not FOLDER.is_dir():
        raise SystemExit(f"{FOLDER} is not there: nothing to measure")
    asked.work.mkdir(parents=True, exist_ok=True)
    blocks = [
        (name, standards)
        for name in asked.data.split(",")
        for standards in map(int, asked.standards.split(","))
    ]
    if asked.jobs > 1 and not asked.print:
        compute(asked, blocks)
    for name, standards in blocks:
        block(asked, name, standards)


def compute(asked, blocks):
    """Compute what is not kept yet in several processes."""
    with ProcessPoolExecutor(asked.jobs) as pool:
        waits = [
            pool.submit(one, asked.work, name, pair, seed, standards, asked.design, group)
            for name, standards in blocks
            for seed in seeds_of(asked, name)
            for pair in pairs_of(name)
            for together in groups_of(name, standards)
            for group in together
        ]
        for wait in waits:
            wait.result()


def block(asked, name, standards):
    """Compute what is not kept yet, and print the tables of one data set and number."""
    kept = {}
    for together in groups_of(name, standards):
        for seed in seeds_of(asked, name):
            found = {}
            for pair in pairs_of(name):
                asks = [
                    (asked.work, name, pair, seed, standards, asked.design, group)
                    for group in together
                ]
                if asked.print and not all(place_of(*each).exists() for each in asks):
                    break
                found[pair] = joined([one(*each) for each in asks])
            else:
                kept[together[0], seed] = found
    rows, spread, seconds = {}, [], []
    for (group, seed), found in kept.items():
        for pair, told in found.items():
            seconds.append(told["seconds"])
            for column, method, r2, rmsep, top, cover, width in scores_of(told):
                if method not in SHOWN[group]:
                    continue
                rows[pair, seed, column, method] = (r2, rmsep, top)
                if method == "auto" and cover == cover:
                    spread.append((cover, width / (2.56 * rmsep)))
    if not rows:
        return
    told = f"{len(pairs_of(name))} pairs, {np.median(seconds):.1f} CPU s each"
    print(f"{name}, {standards} standards ({asked.design}), {told}")
    base = {"cane-apart": "target-only"}.get(name, "plain-ensemble")
    base = base if standards else "mean-centring"
    for together in groups_of(name, standards):
        table(rows, SHOWN[together[0]], base)
    r2 = {
        method: np.mean([cell[0] for key, cell in rows.items() if key[3] == method])
        for method in (*RIVALS, "auto")
        if any(key[3] == method for key in rows)
    }
    if "auto" in r2:
        best = max(value for method, value in r2.items() if method != "auto")
        print(f"  auto less the best of {', '.join(RIVALS)}: R2 {r2['auto'] - best:+.4f}")
    if spread:
        cover, width = np.array(spread).T
        print(
            f"  80 % intervals of auto: coverage {cover.mean():.2f}, "
            f"width over 2.56 RMSEP {np.median(width):.2f}"
        )


if __name__ == "__main__":
    main()
