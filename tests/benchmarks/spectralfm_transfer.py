"""spectralfm's operator against the honest average (recipe R), on the sets of ``transfer.py``.

    python tests/benchmarks/spectralfm_transfer.py --work FOLDER --model RUN [--data raman,...]
        [--standards 5,10,30] [--seeds 12] [--first 0] [--print]

RUN is of ``spectrakit pretrain STORE -m spectralfm -s stage=operator``. Every row of a split has
the same training samples, standards and test samples:

    plain-ensemble, target-only, average   core's; ``average`` is recipe R
    operator                               ``transfer fit --method spectralfm``
    direct                                 the same with ``-s how=direct``
    average+operator                       the same with ``-s beside=true``
    ...-random                             the same of an operator that was never trained

Printed: RMSEP over that of a model trained on the target with all its labels (squares pooled over
splits, geometric mean over properties and pairs), the gain on ``average`` with its standard error
over splits and how many splits gain, R2, and CPU seconds of the fit. The pairs are those of
``PAIRS``. Splits are kept in FOLDER and not computed again; seeds of 100 and more are for choosing.
"""

import argparse
import json
from pathlib import Path
from time import process_time

import numpy as np
import torch
from _transfer_data import FOLDER, pair_of, pairs_of, split_of
from spectrakit_spectralfm.direct import direct
from spectrakit_spectralfm.operator import Operator
from spectrakit_spectralfm.operator_members import operator_members
from spectrakit_spectralfm.operator_pretrain import load_operator

from spectrakit.transfer.averaging import average
from spectrakit.transfer.bases import PREPROCESSINGS
from spectrakit.transfer.ceiling import ceiling
from spectrakit.transfer.members import members
from spectrakit.transfer.registry import method_named
from spectrakit.transfer.standard_samples import Standards
from spectrakit.transfer.standards import DESIGNS

PAIRS = {  # of the corn and sugarcane sets; of the others all
    "corn": [("m5", "mp6"), ("mp6", "m5")],
    "cane": [("MicroNIR2200", "NIRscanNano"), ("NIRscanNano", "MicroNIR2200"),
             ("MicroNIR1700", "TellSpec"), ("TellSpec", "MicroNIR1700")],
}  # fmt: skip
RISING = ("raman",)  # sets whose axis rises with the wavenumber; the others are in nm
ROWS = (
    "plain-ensemble", "target-only", "average", "operator", "operator-random", "direct",
    "direct-random", "average+operator", "average+operator-random",
)  # fmt: skip


def place_of_channels(name, p):
    """Return (p,) 0 to 1 along the logarithm of the wavenumber, near enough for these ranges."""
    where = np.linspace(0, 1, p)
    return where if name in RISING else 1 - where


def one(asked, operators, name, pair_names, seed, standards):
    """Return errors on the test samples and seconds of each row, computed once."""
    place = asked.work / f"{name}_{'_'.join(pair_names)}_{seed}_{standards}.json"
    if place.exists() or asked.print:
        return json.loads(place.read_text()) if place.exists() else None
    pair = pair_of(name, *pair_names)
    train, test = split_of(name, pair, seed)
    source, known = pair.source[train], pair.known[train]
    twins = DESIGNS["kennard-stone"](PREPROCESSINGS[1](source), known, standards, seed)
    data = Standards(
        source, known, pair.target[train][twins], twins, known[twins], np.arange(standards), True
    )
    best = ceiling(pair.target[train], known, pair.target[test], 30)
    told = {"known": pair.known[test].tolist(), "rows": {}}
    told["ceiling"] = np.sqrt(np.mean((best - pair.known[test]) ** 2, axis=0)).tolist()

    def keep(row, fit):
        start = process_time()
        found = fit().calibration.predict(pair.target[test])
        seconds = process_time() - start
        told["rows"][row] = [(found - pair.known[test]).tolist(), seconds]

    for row in ("plain-ensemble", "target-only"):
        keep(row, lambda row=row: method_named(row).fit(data, seed))
    core = []

    def recipe():
        core.extend(members(data, seed))
        return average(core, data)

    keep("average", recipe)
    where = place_of_channels(name, source.shape[1])
    for end, operator in operators.items():
        found = []

        def alone(operator=operator, found=found):
            found += operator_members(operator, data, where)
            return average(found, data)

        keep(f"operator{end}", alone)
        keep(f"direct{end}", lambda operator=operator: direct(operator, data, where))
        both = [*core, *found]  # what they learned is kept: seconds are too few
        keep(f"average+operator{end}", lambda both=both: average(both, data))
    part = place.with_suffix(".part")
    part.write_text(json.dumps(told))
    part.replace(place)
    return told


def table(cells, base="average"):
    """Print the rows; cells: (pair, seed) -> what ``one`` returns."""
    pairs, seeds = (sorted({key[k] for key in cells}) for k in (0, 1))
    known = np.array(next(iter(cells.values()))["known"])
    k = known.shape[1]
    square = {}
    for row in ROWS:
        for key, told in cells.items():
            if row in told["rows"]:
                square[row, key] = np.mean(np.square(told["rows"][row][0]), axis=0)
    for row in ROWS:
        if any((row, key) not in square for key in cells):
            continue
        ratio, r2, gain = [], [], np.zeros((len(seeds), len(pairs), k))
        for p, pair in enumerate(pairs):
            own = np.array([square[row, (pair, seed)] for seed in seeds])
            other = np.array([square[base, (pair, seed)] for seed in seeds])
            top = np.square([cells[pair, seed]["ceiling"] for seed in seeds])
            spread = np.array([np.var(cells[pair, seed]["known"], axis=0) for seed in seeds])
            ratio.append(0.5 * np.log(own.mean(axis=0) / top.mean(axis=0)))
            r2.append(1 - own / spread)
            gain[:, p] = 0.5 * np.log(own / other)
        seconds = np.median([told["rows"][row][1] for told in cells.values()])
        by_seed = gain.mean(axis=(1, 2))
        line = f"  {row:24s} ratio {np.exp(np.mean(ratio)):6.3f}   R2 {np.mean(r2):7.3f}"
        if row != base:
            error = by_seed.std(ddof=1) / np.sqrt(len(seeds)) if len(seeds) > 1 else np.nan
            line += f"   against {base} {np.expm1(by_seed.mean()):+6.1%} ± {error:.1%}"
            line += f" ({int((by_seed < 0).sum())}/{len(seeds)})"
        print(f"{line}   {seconds:.1f} s")


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--work", type=Path, required=True)
    parser.add_argument("--model", type=Path, help="run of the operator")
    parser.add_argument("--data", default="raman,tablets,cane,corn")
    parser.add_argument("--standards", default="5,10,30")
    parser.add_argument("--seeds", type=int, default=12)
    parser.add_argument("--first", type=int, default=0)
    parser.add_argument("--print", action="store_true", help="only what FOLDER already holds")
    asked = parser.parse_args()
    if not FOLDER.is_dir():
        raise SystemExit(f"{FOLDER} is not there: nothing to measure")
    asked.work.mkdir(parents=True, exist_ok=True)
    operators = {}
    if not asked.print:
        torch.set_num_threads(1)
        trained, _ = load_operator(asked.model)
        torch.manual_seed(1)
        operators = {"": trained, "-random": Operator(trained.config).double().eval()}
    for standards in map(int, asked.standards.split(",")):
        for name in asked.data.split(","):
            cells = {}
            for seed in range(asked.first, asked.first + asked.seeds):
                found = {
                    pair: one(asked, operators, name, pair, seed, standards)
                    for pair in PAIRS.get(name) or pairs_of(name)
                }
                if all(found.values()):
                    cells |= {(pair, seed): told for pair, told in found.items()}
            if cells:
                n = len({seed for _, seed in cells})
                print(f"{name}, {standards} standards, {n} splits of {len(found)} pairs")
                table(cells)


if __name__ == "__main__":
    main()
