"""The network beside the label-free ensemble: what mixing it in brings, and what a gate could know.

    python tests/benchmarks/spectralfm_labelfree.py --runs fm --work FOLDER [--data raman,corn,...]

Splits are those of ``spectralfm_ablations.py ttt``: half of the training samples have labels on
the source, the other half's spectra on the target have none, test samples are a third lot. The
member is a ridge on the network's features with the budget of the ensemble, features centred on
the pool, with and without the spectrum's level, on spectra as they are or *moved* by the offset
between the instruments that the ensemble uses. ``w`` is its part of the mixture with the
ensemble; what is printed is how much RMSEP differs from the ensemble's alone.

*simulated* is what a gate without labels could go by: half of the labelled samples learn, virtual
instruments with the offset of the real one show the rest. *plain* is without that offset. *gated*
mixes in what *simulated* says is best, or nothing. Splits are kept in FOLDER and not computed
again; seeds of 100 and more are for choices.
"""

import argparse
import json
from pathlib import Path

import numpy as np
from _spectralfm_pairs import common_of, of_spectra, pretrained, random_like, scaled
from _spectralfm_ttt import split_parts
from _transfer_data import pair_of, pairs_of
from spectrakit_spectralfm.reading import LEVELS

from spectrakit.transfer.affine import limits
from spectrakit.transfer.alignments import instrument_offset
from spectrakit.transfer.labelfree import budgeted
from spectrakit.transfer.ridge import Ridge
from spectrakit.transfer.simulated import virtual_instruments
from spectrakit.transfer.unpaired import fit_unpaired

PARTS = (0.1, 0.2, 0.3, 0.5, 1.0)
MOST_TEST = 60  # test samples of a split; only the tablets have more
MARGIN = 0.02  # of RMSEP, that a gate asks for
KINDS = ("real", "simulated", "plain")


def members(model, common, source, known, pool, asked):
    """Yield (name, (m, k) answers) of the network for ``asked`` spectra of the target."""
    low, high = limits(known)
    own = of_spectra(model, source, common)
    for moved in (False, True):
        less = instrument_offset(source, pool) * moved
        seen = [of_spectra(model, values - less, common) for values in (pool, asked)]
        for level in (False, True):
            left, middle, right = scaled(own, *seen)
            if not level:
                left, middle, right = (one[:, :-LEVELS] for one in (left, middle, right))
            ridge = Ridge(left, known)
            slope, offset = ridge.affine(budgeted(ridge.source_mse, 1.35))
            value = (right - middle.mean(axis=0) + left.mean(axis=0)) @ slope + offset
            name = ("moved" if moved else "as is") + (", level" if level else "")
            yield name, np.clip(value, low, high)


def changes(model, common, source, known, pool, asked, truth):
    """Yield (name, [log of RMSEP over the ensemble's for each part])."""
    free = fit_unpaired(source, known, pool).predict(asked)
    before = np.sqrt(np.mean((free - truth) ** 2, axis=0))
    for name, value in members(model, common, source, known, pool, asked):
        mixed = [(1 - part) * free + part * value - truth for part in PARTS]
        after = [np.sqrt(np.mean(wrong**2, axis=0)) for wrong in mixed]
        yield name, [float(np.log(one / before).mean()) for one in after]


def split(encoders, name, pair_names, seed, instruments):
    """Return rows (encoder, member, kind, changes) of one split."""
    pair, common = pair_of(name, *pair_names), common_of(name, *pair_names)
    half, others, test = split_parts(name, pair, seed)
    test = test[:MOST_TEST]
    source, known, pool = pair.source[half], pair.known[half], pair.target[others]
    tasks = [("real", source, known, pool, pair.target[test], pair.known[test])]
    rng = np.random.default_rng(seed)
    offset = instrument_offset(source, pool)
    for _ in range(instruments):
        order = rng.permutation(len(half))
        learn, rest = order[: len(half) // 2], order[len(half) // 2 :]
        seen = virtual_instruments(source[rest], rng, 1)[0]
        moved = seen - (seen - source[rest]).mean(axis=0) + offset
        for kind, values in (("plain", seen), ("simulated", moved)):
            tasks.append((kind, source[learn], known[learn], values, values, known[rest]))
    return [
        (encoder.name, member, kind, change)
        for encoder in encoders
        for kind, *parts in tasks
        for member, change in changes(encoder.of(seed), common, *parts)
    ]


def kept(work, encoders, name, pair_names, seed, instruments):
    """Return the rows of a split, computed once."""
    place = work / f"labelfree_{name}_{'_'.join(pair_names)}_{seed}_{instruments}.json"
    if not place.exists():
        part = place.with_suffix(".part")
        part.write_text(json.dumps(split(encoders, name, pair_names, seed, instruments)))
        part.replace(place)
    return json.loads(place.read_text())


def show(name, splits):
    """Print the mean change in per cent, its standard error over splits for the real instrument."""
    print(f"{name}, {len(splits)} splits; RMSEP against the label-free ensemble, w = {PARTS}")
    for key in dict.fromkeys((row[0], row[1]) for rows in splits for row in rows):
        for kind in KINDS:
            each = np.array([
                np.mean([r[3] for r in rows if (r[0], r[1]) == key and r[2] == kind], axis=0)
                for rows in splits
            ])  # fmt: skip
            error = each.std(axis=0, ddof=1) / np.sqrt(len(each)) if len(each) > 1 else each[0] * 0
            cells = [f"{m:+6.1%} ± {e:.1%}" for m, e in zip(each.mean(0), error, strict=True)]
            print(f"  {key[0]:15s} {key[1]:13s} {kind:10s} {'  '.join(cells)}", flush=True)
    for encoder in dict.fromkeys(row[0] for rows in splits for row in rows):
        gate(encoder, splits)


def gate(encoder, splits):
    """Print what a gate gives that mixes in what virtual instruments say is best, or nothing.

    Member and part are those of the least simulated RMSEP, the ensemble alone where that gains
    less than ``MARGIN``.
    """
    given, passed = [], 0
    for rows in splits:
        mine = [row for row in rows if row[0] == encoder]
        names = list(dict.fromkeys(row[1] for row in mine))

        def mean(kind, mine=mine, names=names):
            return np.array([
                np.mean([r[3] for r in mine if r[1] == one and r[2] == kind], axis=0)
                for one in names
            ])  # fmt: skip

        simulated = mean("simulated")
        least = np.unravel_index(simulated.argmin(), simulated.shape)
        lets = simulated[least] < np.log(1 - MARGIN)
        passed += bool(lets)
        given.append(mean("real")[least] if lets else 0.0)
    error = np.std(given, ddof=1) / np.sqrt(len(given)) if len(given) > 1 else 0.0
    print(
        f"  {encoder:15s} gated: passes {passed} of {len(splits)}, {np.mean(given):+.1%} ± "
        f"{error:.1%}, worst split {np.max(given):+.1%}, best {np.min(given):+.1%}",
        flush=True,
    )


def main():
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--runs", nargs="+", required=True, help="RUN or NAME=RUN of pretrain")
    parser.add_argument("--work", type=Path, required=True)
    parser.add_argument("--data", default="raman,corn,cane,tablets")
    parser.add_argument("--seeds", type=int, default=2)
    parser.add_argument("--first", type=int, default=100)
    parser.add_argument("--limit", type=int, default=2, help="pairs of a data set; 0: all")
    parser.add_argument("--instruments", type=int, default=3, help="virtual ones of a split")
    asked = parser.parse_args()
    asked.work.mkdir(parents=True, exist_ok=True)
    encoders = [pretrained(told) for told in asked.runs]
    encoders.append(random_like(encoders[0]))
    for name in asked.data.split(","):
        show(name, [
            kept(asked.work, encoders, name, pair, seed, asked.instruments)
            for pair in pairs_of(name)[: asked.limit or None]
            for seed in range(asked.first, asked.first + asked.seeds)
        ])  # fmt: skip


if __name__ == "__main__":
    main()
