"""Library search for traces: which measure, which limit for "unknown", and how fast.

Run: ``OMP_NUM_THREADS=1 python tests/benchmarks/trace_search.py [--verdict | --speed]``

Data: ``vib/pretrain`` of the shared folder. Three sets; every spectrum of the set's own materials
is a query once, the library being all other spectra of its family without those of the same
physical sample:

* polymers: FTIR of 18 labels (158 spectra), among 325 other infrared spectra (gases, meats, oils,
  coffee); also with labels that name one chemistry joined (PE, LDPE, HDPE, PE-PP; PET, polyester);
* minerals: USGS reflectance, 0.2 to 150 um on 344 axes, other samples of the same mineral only;
* Raman: the source is the material (six materials, each from one instrument: an easy set).

"known" is a query with its material in the library, "unknown" the same query after its whole
material was taken out. AUROC: a known query's best score above an unknown's. The limit of
"unknown" is chosen on the materials of one half (by hash) as the best mean of known kept and
unknown refused, and reported on the other half once. Distortions: part of the range, coarser
resolution, a curved baseline, added noise, the rest of the protocol unchanged.
"""

import argparse
import hashlib
import os
import re
import time
from pathlib import Path

os.environ.setdefault("OMP_NUM_THREADS", "1")

import numpy as np

from spectrakit.search.traces.families import GRIDS, comparable
from spectrakit.search.traces.index import build
from spectrakit.search.traces.measures import Measure
from spectrakit.search.traces.search import LIMITS
from spectrakit.spectrum import Axis, Modality, Spectrum

DATA = Path(__file__).resolve().parents[3] / "shared" / "data" / "vib" / "pretrain"
MODALITY = {
    "ir": Modality.IR,
    "nir": Modality.NIR,
    "raman": Modality.RAMAN,
    "reflectance": Modality.REFLECTANCE,
    "uvvis": Modality.OPTICAL,
}
JOINED = {
    **dict.fromkeys(("pe", "ldpe", "hdpe", "pepp"), "polyethylene"),
    **dict.fromkeys(("pet", "pest"), "polyester"),
}
UNIT = {"1/cm": "cm-1"}


def spectra_of(name):
    """Yield (source, label, group, name, spectrum) of a file of ragged arrays."""
    held = np.load(DATA / name, allow_pickle=False)
    told = {key: held[key].tolist() for key in ("source", "label", "group", "name", "technique")}
    units, value_units = held["axis_unit"].tolist(), held["y_unit"].tolist()
    values, offsets = held["values"], held["offsets"]
    axes, starts, which = held["axis_values"], held["axis_offsets"], held["axis_id"]
    for k in range(len(which)):
        axis = axes[starts[which[k]] : starts[which[k] + 1]]
        value = values[offsets[k] : offsets[k + 1]].astype(float)
        n = min(len(axis), len(value))
        unit = UNIT.get(units[k], units[k])
        yield (
            told["source"][k],
            told["label"][k],
            told["group"][k],
            told["name"][k],
            Spectrum(
                MODALITY[told["technique"][k]],
                Axis(axis[:n], unit),
                value[:n],
                value_units[k].removesuffix(" (scaled)"),
                is_trace=True,
            ),
        )


def sets():
    """Yield name, family and rows (material, sample, is a query, spectrum)."""
    infrared, raman = [], []
    for source, label, group, name, spectrum in spectra_of("misc_ir_raman_nir.npz"):
        sample = f"{source} {group}"
        if source == "ftir_polymers_primpke":
            infrared.append((label.casefold(), name, True, spectrum))
        elif source == "ir_jcamp_nist":
            infrared.append((group.casefold(), sample, False, spectrum))
        elif spectrum.modality is Modality.IR and source != "ftir_microplastics_samoa":
            infrared.append((source, sample, False, spectrum))
        elif spectrum.modality is Modality.RAMAN:
            raman.append((source, sample, True, spectrum))
    yield "polymers", "ir", infrared
    joined = [(JOINED.get(row[0], row[0]), *row[1:]) for row in infrared]
    yield "polymers joined", "ir", joined
    minerals = []
    for _, label, _, name, spectrum in spectra_of("usgs_splib06_reflectance.npz"):
        words = name.split()
        sample = re.match(r"[A-Za-z]*[-_]?\d+", words[1]) if len(words) > 1 else None
        sample = f"{words[0]} {sample[0] if sample else ''.join(words[1:2])}"
        minerals.append((words[0], sample, label == "mineral", spectrum))
    yield "minerals", "nir", minerals
    yield "raman", "raman", raman


def half_range(spectrum):
    axis = spectrum.axis.values
    keep = (axis >= np.quantile(axis, 0.2)) & (axis <= np.quantile(axis, 0.75))
    return axis[keep], spectrum.value[keep]


def coarse(spectrum):
    n = len(spectrum) // 8 * 8
    return (
        spectrum.axis.values[:n].reshape(-1, 8).mean(axis=1),
        spectrum.value[:n].reshape(-1, 8).mean(axis=1),
    )


def baseline(spectrum):
    at = np.linspace(-1, 1, len(spectrum))
    return spectrum.axis.values, spectrum.value + np.ptp(spectrum.value) * 0.5 * (at + at**2)


def noise(spectrum):
    rng = np.random.default_rng(len(spectrum))
    return (
        spectrum.axis.values,
        spectrum.value + rng.normal(0, 0.02 * np.ptp(spectrum.value), len(spectrum)),
    )


DISTORTIONS = {
    "as measured": lambda s: (s.axis.values, s.value),
    "half of the range": half_range,
    "8 points averaged": coarse,
    "curved baseline": baseline,
    "2 % noise": noise,
}


def distorted(spectrum, how):
    axis, value = DISTORTIONS[how](spectrum)
    return Spectrum(
        spectrum.modality, Axis(axis, spectrum.axis.unit), value, spectrum.value_unit, is_trace=True
    )


def judged(score, material, sample, queries):
    """Return rank of the right material, best known and best unknown score of each query."""
    rank, known, unknown, of = [], [], [], []
    for number, row in enumerate(queries):
        s = np.where(sample == sample[row], -1.0, score[number])
        own = (material == material[row]) & (s > 0)
        if not own.any():
            continue
        best = {}
        for k in np.argsort(-s, kind="stable"):
            if s[k] <= 0:
                break
            best.setdefault(material[k], s[k])
        rank.append(list(best).index(material[row]) + 1)
        known.append(s.max())
        unknown.append(max(s[material != material[row]].max(initial=0.0), 0.0))
        of.append(material[row])
    return np.array(rank), np.array(known), np.array(unknown), np.array(of)


def half(material):
    return hashlib.sha256(str(material).encode()).digest()[0] % 2


def choose(known, unknown):
    """The limit with the best mean of known kept and unknown refused; steps of 0.01."""
    limits = np.arange(0.3, 1.0, 0.01)
    gain = [np.mean(known >= t) + np.mean(unknown < t) for t in limits]
    best = np.flatnonzero(np.array(gain) >= max(gain) - 1e-9)
    return float(limits[best[len(best) // 2]])


def compared(index, queries):
    """Scores (queries, rows) by measure; queries of one coverage are compared together."""
    nothing = np.zeros(index.grid.bins, bool)
    alike = {}
    for k, query in enumerate(queries):
        alike.setdefault((query.level, query.covered.tobytes()), []).append(k)
    scores = {one: np.zeros((len(queries), len(index))) for one in Measure}
    for numbers in alike.values():
        group = [queries[k] for k in numbers]
        by_value, share = index.scores(group, nothing, Measure.CORRELATION)
        by_slope, _ = index.scores(group, nothing, Measure.DERIVATIVE)
        scores[Measure.CORRELATION][numbers] = by_value * share
        scores[Measure.DERIVATIVE][numbers] = by_slope * share
        scores[Measure.COMBINED][numbers] = (by_value + by_slope) / 2 * share
    return scores


def quality(distortions):
    print("set\tqueries as\tmeasure\tn\tR@1\tR@5\tAUROC")
    verdicts = []
    for name, family, rows in sets():
        forms = [comparable(row[3]) for row in rows]
        kept = [k for k, form in enumerate(forms) if form.family == family]
        material = np.array([rows[k][0] for k in kept])
        sample = np.array([rows[k][1] for k in kept])
        index, order = build(GRIDS[family], [forms[k].on_grid for k in kept])
        place = np.argsort(order)
        asked = np.array([n for n, k in enumerate(kept) if rows[k][2]])
        for how in distortions:
            if how != "as measured" and name not in ("polymers joined", "minerals"):
                continue
            queries, chosen = [], []
            for n in asked:
                form = comparable(distorted(rows[kept[n]][3], how))
                if form.family:
                    queries.append(form.on_grid)
                    chosen.append(n)
            scores = compared(index, queries)
            for measure in Measure:
                score = scores[measure][:, place]
                rank, known, unknown, of = judged(score, material, sample, chosen)
                auroc = np.mean(known[:, None] > unknown) + 0.5 * np.mean(known[:, None] == unknown)
                print(
                    f"{name}\t{how}\t{measure}\t{len(rank)}\t{np.mean(rank == 1):.3f}\t"
                    f"{np.mean(rank <= 5):.3f}\t{auroc:.3f}",
                    flush=True,
                )
                if how == "as measured":
                    verdicts.append((name, measure, rank, known, unknown, of))
    print("\nset\tmeasure\tlimit\tchosen on\treported on\tknown kept\tright of those kept\t"
          "unknown refused")  # fmt: skip
    for name, measure, rank, known, unknown, of in verdicts:
        first = np.array([half(one) for one in of]) == 0
        if first.all() or not first.any():
            continue
        limits = {"chosen": choose(known[first], unknown[first]), "shipped": LIMITS[measure]}
        for kind, limit in limits.items():
            kept = known[~first] >= limit
            print(
                f"{name}\t{measure}\t{limit:.2f} {kind}\t{first.sum()}\t{(~first).sum()}\t"
                f"{kept.mean():.3f}\t{np.mean(rank[~first][kept] == 1):.3f}\t"
                f"{np.mean(unknown[~first] < limit):.3f}"
            )


def best_of(function, times=3):
    seconds = []
    for _ in range(times):
        start = time.process_time()
        result = function()
        seconds.append(time.process_time() - start)
    return result, min(seconds)


def speed(n=20_000, n_queries=16):
    """Drawn spectra (bands at random), 1801 points of 2 cm-1; CPU time, one thread."""
    from scipy.spatial.distance import cdist

    rng = np.random.default_rng(0)
    axis = np.arange(400.0, 4002.0, 2.0)
    place = rng.uniform(500, 3800, (n + n_queries, 6))
    height, width = rng.uniform(0.1, 1, place.shape), rng.uniform(8, 40, place.shape)
    values = np.zeros((n + n_queries, len(axis)), np.float32)
    for k in range(6):
        values += height[:, k, None] / (1 + ((axis - place[:, k, None]) / width[:, k, None]) ** 2)
    start = time.process_time()
    forms = [
        comparable(Spectrum(Modality.IR, Axis(axis, "cm-1"), row, "absorbance", is_trace=True))
        for row in values
    ]
    made = time.process_time()
    index, order = build(GRIDS["ir"], [form.on_grid for form in forms[:n]])
    print(
        f"\nindex of {n} spectra: placed {made - start:.1f} s, built "
        f"{time.process_time() - made:.1f} s, "
        f"{sum(a.nbytes for a in index.arrays().values()) / n / 1e3:.1f} kB each"
    )
    nothing = np.zeros(GRIDS["ir"].bins, bool)
    queries = [form.on_grid for form in forms[n:]]
    middle = comparable(
        Spectrum(Modality.IR, Axis(axis[200:1500], "cm-1"), values[n][200:1500], "absorbance",
                 is_trace=True)
    ).on_grid  # fmt: skip
    common = index.covered(0, 0)
    grid_axis = GRIDS["ir"].segments[0].edges
    grid_axis = ((grid_axis[1:] + grid_axis[:-1]) / 2)[common]

    def by_numpy(few=400):
        return [
            np.corrcoef(
                np.interp(grid_axis, axis, values[k]), np.interp(grid_axis, axis, values[n])
            )[0, 1]
            for k in range(few)
        ]

    reference, loop = best_of(by_numpy)
    matrix = np.asarray(index.values[0][:, common], np.float64)
    asked = np.array([query.values[common] for query in queries])
    _, scipy_all = best_of(lambda: cdist(asked, matrix, "correlation"))
    rows = {
        "numpy.corrcoef of interpolated pairs": loop / 400,
        "scipy cdist correlation, one grid": scipy_all / n / n_queries,
    }
    for measure in (Measure.CORRELATION, Measure.COMBINED):
        (found, _), many = best_of(lambda measure=measure: index.scores(queries, nothing, measure))
        _, single = best_of(lambda measure=measure: index.scores(queries[:1], nothing, measure))
        _, part = best_of(lambda measure=measure: index.scores([middle], nothing, measure))
        rows[f"ours, {measure}, {n_queries} queries"] = many / n / n_queries
        rows[f"ours, {measure}, one query"] = single / n
        rows[f"ours, {measure}, one query of half the range"] = part / n
        if measure is Measure.CORRELATION:
            ours = found[0][np.argsort(order)[:400]]
            both = np.abs(np.sqrt(ours) - np.maximum(reference, 0)).max()
    print("what\tus per pair\ttimes as fast as numpy")
    for what, seconds in rows.items():
        print(f"{what}\t{seconds * 1e6:.3f}\t{loop / 400 / seconds:.0f}")
    print(f"largest difference of r from numpy (interpolated, not averaged): {both:.4f}")


if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    parser.add_argument("--speed", action="store_true", help="time only")
    parser.add_argument("--verdict", action="store_true", help="spectra as measured only")
    asked = parser.parse_args()
    if not asked.speed:
        quality(["as measured"] if asked.verdict else DISTORTIONS)
    if not asked.verdict:
        speed()
