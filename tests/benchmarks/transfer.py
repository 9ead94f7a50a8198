"""Methods of calibration transfer on corn, tablets, sugarcane and a Raman pair.

    python tests/benchmarks/transfer.py --work FOLDER [--data raman,...] [--standards 0,5,10,30]
        [--seeds 12] [--auto SEEDS] [--design kennard-stone]

Every row of a split has the same training samples, standards and test samples. Printed: RMSEP over
that of a model trained on the target with all its labels (squares pooled over splits, geometric
mean over properties and pairs), the gain on the plain ensemble with its standard error over
splits, R2, and for ``auto`` the coverage and width of 80 % intervals. ``--auto`` says on how many
of the seeds nested cross-validation is run, which ``auto`` needs and which takes six times as
long. Splits are kept in FOLDER and not computed again.
"""

import argparse
import json
from pathlib import Path
from time import process_time

import numpy as np
from _transfer_data import FOLDER, pair_of, pairs_of, split_of

from spectrakit.transfer.evaluation import Split, scores_of_split
from spectrakit.transfer.registry import METHODS
from spectrakit.transfer.standards import DESIGNS

ROWS = ("none", "mean-difference", "pds", "updating", "target-only", "plain-ensemble",
        "paired-average", "average")  # fmt: skip
APART = ("target-only", "paired-average", "average", "jypls")
FREE = ("none", "mean-centring", "label-free")


def one(work, name, pair_names, seed, standards, design, auto):
    place = work / f"{name}_{'_'.join(pair_names)}_{seed}_{standards}_{design}_{int(auto)}.json"
    if place.exists():
        return json.loads(place.read_text())
    pair = pair_of(name, *pair_names)
    train, test = split_of(name, pair, seed)
    split = Split(pair.source, pair.target, pair.known, train, test, pair.same_axis)
    names = ROWS if pair.same_axis else APART
    methods = [m for m in METHODS if m.name in names]
    if auto:
        methods = [m for m in methods if m.name in ("average", "paired-average", "target-only",
                                                    "plain-ensemble")]  # fmt: skip
    start = process_time()
    found = [
        [s.column, s.method, s.r2, s.rmsep, s.bias, s.ceiling, s.coverage, s.width]
        for s in scores_of_split(
            split, standards, methods, DESIGNS[design], 0.8, seed, with_auto=auto
        )
    ]
    told = {"scores": found, "seconds": process_time() - start}
    part = place.with_suffix(".part")
    part.write_text(json.dumps(told))
    part.replace(place)
    return told


def table(rows, methods, base):
    """rows: (pair, seed, column, method) -> (r2, rmsep, ceiling)"""
    seeds = sorted({key[1] for key in rows})
    kinds = sorted({(key[0], key[2]) for key in rows})
    for method in methods:
        have = [k for k in kinds if all((k[0], s, k[1], method) in rows for s in seeds)]
        if not have:
            continue
        ratio, r2, gain = [], [], np.zeros((len(have), len(seeds)))
        for place, (pair, column) in enumerate(have):
            cells = [rows[pair, s, column, method] for s in seeds]
            squares = np.array([cell[1] ** 2 for cell in cells])
            top = np.array([cell[2] ** 2 for cell in cells])
            ratio.append(np.log(np.sqrt(squares.mean() / top.mean())))
            r2.append(np.mean([cell[0] for cell in cells]))
            if base and (pair, seeds[0], column, base) in rows:
                other = np.array([rows[pair, s, column, base][1] for s in seeds])
                gain[place] = np.log(np.sqrt(squares) / other)
        by_seed = gain.mean(axis=0)
        error = by_seed.std(ddof=1) / np.sqrt(len(seeds)) if len(seeds) > 1 else float("nan")
        print(
            f"  {method:18s} ratio {np.exp(np.mean(ratio)):6.3f}   R2 {np.mean(r2):7.4f}"
            + (f"   against {base} {np.expm1(by_seed.mean()):+7.1%} ± {error:.1%}"
               f" ({int((by_seed < 0).sum())}/{len(seeds)})" if base and method != base else "")
        )  # fmt: skip


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--work", type=Path, required=True)
    parser.add_argument("--data", default="raman,tablets,cane,corn,cane-apart")
    parser.add_argument("--standards", default="0,5,10,30")
    parser.add_argument("--seeds", type=int, default=12)
    parser.add_argument("--auto", type=int, default=3)
    parser.add_argument("--design", default="kennard-stone", choices=sorted(DESIGNS))
    parser.add_argument("--print", action="store_true", help="only what FOLDER already holds")
    asked = parser.parse_args()
    if not FOLDER.is_dir():
        raise SystemExit(f"{FOLDER} is not there: nothing to measure")
    asked.work.mkdir(parents=True, exist_ok=True)
    for name in asked.data.split(","):
        for standards in map(int, asked.standards.split(",")):
            for auto, seeds in ((False, asked.seeds), (True, asked.auto if standards else 0)):
                rows, spread, seconds, whole = {}, [], [], 0
                for seed in range(seeds):
                    found = {}
                    for pair in pairs_of(name):
                        key = f"{name}_{'_'.join(pair)}_{seed}_{standards}_{asked.design}"
                        if asked.print and not (asked.work / f"{key}_{int(auto)}.json").exists():
                            break
                        found[pair] = one(
                            asked.work, name, pair, seed, standards, asked.design, auto
                        )
                    else:
                        whole += 1
                        for pair, told in found.items():
                            seconds.append(told["seconds"])
                            for column, method, r2, rmsep, _, top, cover, width in told["scores"]:
                                rows[pair, seed, column, method] = (r2, rmsep, top)
                                if method == "auto" and cover == cover:
                                    spread.append((cover, width / (2.56 * rmsep)))
                if not rows:
                    continue
                print(
                    f"{name}, {standards} standards ({asked.design}), {whole} splits, "
                    f"{len(pairs_of(name))} pairs, {np.median(seconds):.1f} CPU s each"
                )
                base = "mean-centring" if standards == 0 else (
                    "target-only" if name == "cane-apart" else "plain-ensemble")  # fmt: skip
                methods = FREE if standards == 0 else (*ROWS, "jypls", *(("auto",) if auto else ()))
                table(rows, methods, base)
                if spread:
                    cover, width = np.array(spread).T
                    print(f"  80 % intervals of auto: coverage {cover.mean():.2f}, width over "
                          f"2.56 RMSEP {np.median(width):.2f}")  # fmt: skip


if __name__ == "__main__":
    main()
