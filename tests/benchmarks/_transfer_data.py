"""The calibration-transfer sets of ../shared/data, as arrays and splits.

Bringing to a common axis, channel averaging, replicates and splits are those of
``evidence/transfer-recipe.md`` section 1.
"""

import csv
import gzip
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import numpy as np

FOLDER = Path(__file__).resolve().parents[3] / "shared" / "data" / "vib" / "caltransfer"
CANE = ("F750", "MicroNIR1700", "MicroNIR2200", "NIRONE2.2", "NIRscanNano", "SCIO", "TellSpec")
WIDE = ("MicroNIR1700", "MicroNIR2200", "NIRscanNano", "TellSpec")  # share 500 nm and more
OUTLIERS = (19, 122, 126, 127)  # tablets, calibrate rows, 1-based
GROSS = (5, 9, 11, 145, 294, 295, 313, 341, 342)  # tablets, test rows with gross reference errors


@dataclass(frozen=True)
class Pair:
    """Samples on two instruments: (n, p), (n, q), (n, k); ``train`` how many learn."""

    source: np.ndarray
    target: np.ndarray
    known: np.ndarray
    names: tuple[str, ...]
    train: int
    same_axis: bool


def read(name):
    with gzip.open(FOLDER / name, "rt") as handle:
        rows = list(csv.reader(handle))
    head, rows = rows[0], rows[1:]
    first = next(k for k, cell in enumerate(head) if cell.replace(".", "", 1).isdigit())
    axis = np.array([float(cell) for cell in head[first:]])
    meta = {name: np.array([row[k] for row in rows]) for k, name in enumerate(head[:first])}
    return meta, axis, np.array([[float(cell or "nan") for cell in row[first:]] for row in rows])


def numbers(cells):
    return np.array([float(cell) if cell not in ("", "NA") else np.nan for cell in cells])


def by_two(values, axis):
    n = values.shape[1] // 2 * 2
    pairs = values[:, :n].reshape(len(values), -1, 2)
    return pairs.mean(axis=2), axis[:n].reshape(-1, 2).mean(axis=1)


@cache
def corn():
    meta, axis, values = read("corn.csv.gz")
    values, axis = by_two(values, axis)
    names = ("moisture", "oil", "protein", "starch")
    known = np.stack([numbers(meta[name]) for name in names], axis=1)
    found = {}
    for one in ("m5", "mp5", "mp6"):
        rows = np.flatnonzero(meta["instrument_id"] == one)
        rows = rows[np.argsort(meta["sample_id"][rows])]
        found[one] = values[rows]
        known_of = known[rows]
    return found, known_of, names


@cache
def cane():
    names = ("TS", "CP", "ADF", "IVOMD")
    raw, complete = {}, None
    for one in CANE:
        meta, axis, values = read(f"sugarcane_{one}.csv.gz")
        known = np.stack([numbers(meta[name]) for name in names], axis=1)
        ids = sorted(set(meta["sample_id"]))
        mean = np.stack([values[meta["sample_id"] == s].mean(axis=0) for s in ids])
        first = np.stack([known[meta["sample_id"] == s][0] for s in ids])
        if one == "F750":
            keep = (axis >= 501) & (axis <= 1080)
            axis, mean = axis[keep], mean[:, keep]
        good = {s for s, row in zip(ids, first, strict=True) if np.isfinite(row).all()}
        complete = good if complete is None else complete & good
        raw[one] = (axis, ids, mean, first)
    found = {}
    for one, (axis, ids, mean, first) in raw.items():
        rows = [ids.index(s) for s in sorted(complete)]
        found[one] = (axis, mean[rows], first[rows])
    return found, names


@cache
def raman():
    from scipy.ndimage import uniform_filter1d

    names = ("glucose", "Na_acetate", "Mg_SO4")
    raw = {}
    for one, file in (("anton", "anton_785"), ("timegate", "timegate")):
        meta, axis, values = read(f"raman_bioprocess_{file}.csv.gz")
        raw[one] = (meta, axis, values, np.stack([numbers(meta[n]) for n in names], axis=1))
    both = sorted(set(raw["anton"][0]["sample_id"]) & set(raw["timegate"][0]["sample_id"]))
    grid = np.arange(404, 1992.1, 4)
    found, known_of = {}, None
    for one, (meta, axis, values, known) in raw.items():
        ids = meta["sample_id"]
        mean = np.stack([values[ids == s].mean(axis=0) for s in both])
        if one == "anton":
            mean = uniform_filter1d(mean, 3, axis=1)
        found[one] = np.stack([np.interp(grid, axis, row) for row in mean])
        if known_of is None:
            known_of = np.stack([known[ids == s].mean(axis=0) for s in both])
    return found, known_of, names


@cache
def tablets():
    meta, axis, values = read("tablets_idrc2002.csv.gz")
    keep = (axis >= 600) & (axis <= 1638)
    values, axis = by_two(values[:, keep], axis[keep])
    assay = numbers(meta["assay"])
    cal = np.setdiff1d(np.arange(155), np.array(OUTLIERS) - 1)
    test = np.setdiff1d(np.arange(460), np.array(GROSS) - 1)
    found = {}
    for one in ("spec1", "spec2"):
        mine = meta["instrument_id"] == one
        learn = mine & (meta["split"] == "calibrate")
        judge = mine & (meta["split"] == "test")
        found[one] = np.concatenate([values[learn][cal], values[judge][test]])
        known = np.concatenate([assay[learn][cal], assay[judge][test]])
    return found, known[:, None], ("assay",)


SETS = {"corn": corn, "raman": raman, "tablets": tablets, "tablets-all": tablets}


def overlap(one, other):
    a, b = cane()[0][one][0], cane()[0][other][0]
    return min(a.max(), b.max()) - max(a.min(), b.min())


def pairs_of(name):
    """Return the directed pairs of instruments of a data set."""
    if name in ("cane", "cane-all", "cane-apart"):
        found = [(a, b) for a in CANE for b in CANE if a != b]
        if name == "cane":
            return [(a, b) for a, b in found if a in WIDE and b in WIDE]
        return [(a, b) for a, b in found if (overlap(a, b) >= 100) == (name == "cane-all")]
    ones = tuple(SETS[name]()[0])
    return [(a, b) for a in ones for b in ones if a != b]


def pair_of(name, one, other):
    """Return one directed pair."""
    if name.startswith("cane"):
        from spectrakit.transfer.common_axis import common_axis

        found, names = cane()
        (a, x, known), (b, z, _) = found[one], found[other]
        if name == "cane-apart":
            return Pair(x, z, known, names, 40, False)
        common = common_axis(a, b, "nm")
        return Pair(common.of_source(x), common.of_target(z), known, names, 40, True)
    found, known, names = SETS[name]()
    train = {"corn": 60, "raman": 38, "tablets": 100, "tablets-all": 151}[name]
    return Pair(found[one], found[other], known, names, train, True)


def split_of(name, pair, seed):
    """Return (train, test) rows; the official 451 tablets are always the test of the tablets."""
    rng = np.random.default_rng(1000 + seed)
    if name.startswith("tablets"):
        return np.sort(rng.permutation(151)[: pair.train]), np.arange(151, len(pair.known))
    order = rng.permutation(len(pair.known))
    return np.sort(order[: pair.train]), np.sort(order[pair.train :])
