"""Search speed and scores beside ms_entropy's FlashEntropySearch, same run, one thread.

Run: ``OMP_NUM_THREADS=1 python tests/benchmarks/search_speed.py``, and with ``--whole`` for all of
``massbank_train_library`` with queries of ``massbank_query``.

Without ``--whole`` library and queries are drawn from ``massbank_train_library`` (positive, at
least 3 peaks). Both programs get the same cleaned peaks (merged at 0.05 Da, 1 % noise) and no
polarity, so that search alone is timed; for the analogue search peaks above precursor m/z - 1.6
are removed, as FlashEntropySearch does by default. Times are of ``process_time``; the programs
take turns and the ratio is the median of the turns' ratios.

What is compared: FlashEntropySearch returns an unsorted array of scores for one query at a time
and has no other protocol; its time is the same in all rows but the last. Ours returns sorted
hits. *With its ten best* adds what FlashEntropySearch takes to name its ten best hits by
``get_topn_matches``. The tolerances lie off the decimal grid of the data: at exactly 0.02 Da
float32 decides by rounding.
"""

import argparse
import os
import time

os.environ.setdefault("OMP_NUM_THREADS", "1")

import numpy as np
from _massbank import read_records
from ms_entropy import FlashEntropySearch

from spectrakit.preprocess.peaks import clean_peaks
from spectrakit.search.index import SearchMode, SearchSettings, SpectralIndex
from spectrakit.search.prepared import PreparedSpectra, Queries
from spectrakit.spectrum import Tolerance

FRAGMENT = Tolerance(0.019937, "Da")
MERGED = Tolerance(0.025, "Da")  # half of 0.05 Da, at which FlashEntropySearch merges
PRECURSOR = Tolerance(0.009973, "Da")
COMPARED = 100  # queries whose scores with the whole library are compared
LEAST = 0.010001  # of the base peak; off the decimal grid too
REMOVED = 1.6  # Da below the precursor, FlashEntropySearch's default
CASES = {  # name of the search in FlashEntropySearch
    SearchMode.PRECURSOR: "identity_search",
    SearchMode.OPEN: "open_search",
    SearchMode.ANALOGUE: "hybrid_search",
}


def read(whole, n_library, n_queries, seed):
    """Return library and queries."""
    random = np.random.default_rng(seed)
    library = read_records("massbank_train_library.msp.gz")
    if whole:
        asked = read_records("massbank_query.msp.gz")
        asked = asked.take(random.permutation(np.flatnonzero(np.isfinite(asked.precursor_mz))))
        return library.take(np.flatnonzero(np.isfinite(library.precursor_mz))), asked.take(
            np.arange(n_queries)
        )
    usable = np.flatnonzero(
        (library.polarity == 1) & np.isfinite(library.precursor_mz) & (library.peaks.counts >= 3)
    )
    rows = random.permutation(usable)
    return library.take(rows[:n_library]), library.take(rows[n_library : n_library + n_queries])


def cleaned(records, mode):
    limit = records.precursor_mz - REMOVED if mode is SearchMode.ANALOGUE else None
    return clean_peaks(records.peaks, tolerance=MERGED, max_mz=limit, min_relative_intensity=LEAST)


def as_pairs(peaks):
    both = np.column_stack([peaks.mz, peaks.intensity]).astype(np.float32)
    return [both[a:b] for a, b in zip(peaks.indptr[:-1], peaks.indptr[1:], strict=True)]


def build_ours(records, peaks):
    return SpectralIndex.build(
        PreparedSpectra.from_cleaned(peaks, records.precursor_mz),
        polarity=np.ones(len(records), dtype=np.int64),
        adducts=[""] * len(records),
        compounds=list(records.molecule),
        tolerance=MERGED,
    )


def build_flash(records, peaks):
    """Return FlashEntropySearch and the library row of each of its spectra (empty ones go)."""
    spectra = [
        {"precursor_mz": float(mz), "peaks": pairs, "row": row}
        for row, (mz, pairs) in enumerate(zip(records.precursor_mz, as_pairs(peaks), strict=True))
    ]
    flash = FlashEntropySearch(max_ms2_tolerance_in_da=0.024)
    kept = flash.build_index(
        spectra, precursor_ions_removal_da=None, min_ms2_difference_in_da=0.05, clean_spectra=False
    )
    return flash, np.array([spectrum["row"] for spectrum in kept])


def seconds(function):
    start = time.process_time()
    function()
    return time.process_time() - start


def on_the_edge(index, queries, number, row):
    """Say whether a peak pair lies within float32's rounding of the tolerance (1e-4 Da)."""
    (mz, precursor), (own, own_precursor) = (
        (one.mz * 1e-5, one.precursor_mz[0])
        for one in (queries.spectra.take(np.array([number])), index.spectra.take(np.array([row])))
    )
    apart = mz[:, None] - own[None, :]
    both = np.abs(np.stack([apart, apart - (precursor - own_precursor)]))
    return bool((np.abs(both - FRAGMENT.value) < 1e-4).any())


def agreement(index, queries, settings, flash_scores, flash_row):
    """Compare the scores of all library spectra: how many there are, and the differences."""
    everything = SearchSettings(
        mode=settings.mode,
        precursor_tolerance=PRECURSOR,
        fragment_tolerance=FRAGMENT,
        top=len(index),
    )
    n, apart, largest, positive, edge = 0, 0, 0.0, 0, 0
    row_of = np.argsort(index.store_row)[flash_row]
    for number, theirs in enumerate(flash_scores[:COMPARED]):
        found = index.search(queries.take(np.array([number])), everything)
        ours = np.zeros(len(index))
        ours[index.store_row[found.row]] = found.score
        difference = np.abs(ours[flash_row] - theirs)
        edge += sum(
            on_the_edge(index, queries, number, row) for row in row_of[difference > 1e-5].tolist()
        )
        n += len(difference)
        positive += int((theirs > 0).sum())
        apart += int((difference > 1e-5).sum())
        largest = max(largest, float(difference.max(initial=0.0)))
    return (
        f"all {n:,} scores ({positive:,} above 0): {apart} differ by more than 1e-5, of which "
        f"{edge} have a peak pair at the tolerance to within float32; largest {largest:.1e}"
    )


def compare(mode, library, asked, turns):
    """Print what both programs do in one mode."""
    library_peaks, asked_peaks = cleaned(library, mode), cleaned(asked, mode)
    index = build_ours(library, library_peaks)
    flash, flash_row = build_flash(library, library_peaks)
    queries = Queries(
        PreparedSpectra.from_cleaned(asked_peaks, asked.precursor_mz),
        np.ones(len(asked), dtype=np.int8),
        [""] * len(asked),
    )
    rows = np.flatnonzero(asked_peaks.counts)  # both answer nothing where no peak is left
    queries = queries.take(rows)
    pairs, wanted = as_pairs(asked_peaks.take(rows)), asked.precursor_mz[rows]
    n = len(rows)
    settings = SearchSettings(
        mode=mode,
        precursor_tolerance=PRECURSOR,
        fragment_tolerance=FRAGMENT,
        top=0 if mode is SearchMode.PRECURSOR else 10,
    )
    search = getattr(flash, CASES[mode])
    window = {"ms1_tolerance_in_da": PRECURSOR.value} if mode is SearchMode.PRECURSOR else {}

    def theirs(best=0):
        scores = []
        for mz, peaks in zip(wanted, pairs, strict=True):
            score = search(
                precursor_mz=float(mz),
                peaks=peaks,
                ms2_tolerance_in_da=FRAGMENT.value,
                **window,
            )
            scores.append(score)
            if best:
                flash.get_topn_matches(score, topn=best, min_similarity=0.01)
        return scores

    times = {"theirs": [], "theirs, ten best": [], "batch": [], "one by one": []}
    for _ in range(turns):
        singles = [queries.take(np.array([i])) for i in range(n)]  # afresh: nothing is kept
        fresh = queries.take(np.arange(n))
        times["theirs"].append(seconds(theirs))
        times["batch"].append(seconds(lambda batch=fresh: index.search(batch, settings)))
        times["one by one"].append(
            seconds(lambda batch=singles: [index.search(one, settings) for one in batch])
        )
        times["theirs, ten best"].append(seconds(lambda: theirs(10)))
    rate = {name: n / np.median(values) for name, values in times.items()}
    ratios = {
        (ours, peer): np.median(np.divide(times[peer], times[ours]))
        for ours in ("one by one", "batch")
        for peer in ("theirs", "theirs, ten best")
    }
    what = {"one by one": "one query at a time", "batch": f"a batch of {n}"}
    for ours, label in what.items():
        print(
            f"{mode:10s} {label:20s} {rate[ours]:9,.0f} {rate['theirs']:9,.0f} "
            f"{ratios[ours, 'theirs']:6.1f}x {ratios[ours, 'theirs, ten best']:9.1f}x"
        )
    print(f"{'':10s} {agreement(index, queries, settings, theirs(), flash_row)}", flush=True)
    return index


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--whole", action="store_true")
    parser.add_argument("--library", type=int, default=20_000)
    parser.add_argument("--queries", type=int, default=500)
    parser.add_argument("--turns", type=int, default=5)
    parser.add_argument("--seed", type=int, default=7)
    chosen = parser.parse_args()
    library, asked = read(chosen.whole, chosen.library, chosen.queries, chosen.seed)
    print(
        f"{len(library):,} library spectra, {len(asked):,} queries, seed {chosen.seed}; precursor "
        f"{PRECURSOR}, fragments {FRAGMENT}; one thread, CPU time, median of {chosen.turns} turns"
    )
    print(
        f"{'search':10s} {'':20s} {'ours q/s':>9s} {'Flash q/s':>9s} {'ratio':>7s} "
        f"{'with its ten best':>18s}"
    )
    for mode in CASES:
        index = compare(mode, library, asked, chosen.turns)
    size = sum(array.nbytes for array in index.arrays().values())
    n_peaks = len(index.spectra.mz)
    print(f"memory of our index: {size / 1e6:.1f} MB, {size / n_peaks:.0f} bytes a peak, mapped")


if __name__ == "__main__":
    main()
