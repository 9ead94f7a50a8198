"""Nearest neighbours among 10^6 embeddings of spectra: queries per CPU-second, beside faiss.

    PYTHONPATH=$PWD python tests/benchmarks/embedding_search.py BUNDLE [--n 1000000] [--hnsw]
        [--vectors FILE.npy --queries FILE.npy]

BUNDLE encodes MassBank's spectra; the number is made up with perturbed real spectra
(``_embeddings.py`` says how). --vectors and --queries are made where they are not there, so that
a second run need not encode; with both there no BUNDLE is needed.

One thread, CPU time, best of 3, encoding apart, all queries given at once to every program.
Recall@10 against comparing all float32 vectors: a row found counts when its cosine is at least
that of the tenth best (less 1e-6), so that equal spectra, deposited twice, stand for each other;
in brackets by row number. Programs with a setting are given the lowest of the list printed at
which recall reaches 0.95. faiss: recommended types at their default training.
"""

import argparse
import os
import tempfile
import time
from pathlib import Path

os.environ.setdefault("OMP_NUM_THREADS", "1")

import faiss
import numpy as np
from _embeddings import many_vectors, query_vectors

from spectrakit.search.embedding_file import open_embeddings, write_embeddings
from spectrakit.search.embedding_index import EmbeddingIndex

TOP, WANTED, JUDGED = 10, 0.95, 2000
REACHES = (0.08, 0.085, 0.09, 0.095, 0.1, 0.11, 0.12, 0.13, 0.14, 0.145, 0.15, 0.16, 0.18, 0.2)
PROBES = (4, 6, 8, 12, 16, 24, 32, 48, 64, 96, 128)


def cpu(function, times=1):
    """Return the result and the least CPU seconds."""
    seconds = []
    for _ in range(times):
        start = time.process_time()
        result = function()
        seconds.append(time.process_time() - start)
    return result, min(seconds)


class Truth:
    """The ten best of the first queries by float32, and how much of them others find."""

    def __init__(self, vectors, queries):
        self.vectors, self.queries = vectors, queries[:JUDGED]
        flat = faiss.IndexFlatIP(vectors.shape[1])
        flat.add(vectors)
        (self.score, self.rows), self.seconds = cpu(lambda: flat.search(self.queries, TOP))

    def recall(self, rows):
        """(by cosine, by row) recall@10 of (m, 10) rows, -1 where none was found."""
        rows = rows[: len(self.queries)]
        found = np.einsum("qd,qkd->qk", self.queries, self.vectors[np.maximum(rows, 0)])
        good = (found >= self.score[:, -1:] - 1e-6) & (rows >= 0)
        same = (rows[:, :, None] == self.rows[:, None, :]).any(axis=1)
        return good.mean(), same.mean()


def as_table(found, m):
    """(m, 10) rows of neighbours, -1 where there are fewer."""
    rows = np.full((m, TOP), -1, np.int64)
    place = np.arange(len(found)) - np.searchsorted(found.query, found.query, side="left")
    rows[found.query, place] = found.row
    return rows


def first_enough(settings, search, truth, queries):
    """Search with rising settings until recall is reached; return setting, seconds, recall."""
    for setting in settings:
        recall = truth.recall(search(setting, queries[:JUDGED]))
        if recall[0] >= WANTED:
            break
    _, seconds = cpu(lambda: search(setting, queries), 3)
    return setting, seconds, recall


def plain_numpy(vectors, queries):
    """What one would write: blocks of a product, argpartition, sort."""
    parts = []
    for start in range(0, len(vectors), 50_000):
        scores = queries @ vectors[start : start + 50_000].T
        rows = np.argpartition(scores, -TOP, axis=1)[:, -TOP:]
        parts.append((np.take_along_axis(scores, rows, 1), rows + start))
    scores, rows = (np.concatenate(column, axis=1) for column in zip(*parts, strict=True))
    best = np.argsort(-scores, axis=1)[:, :TOP]
    return np.take_along_axis(rows, best, 1)


def ours(vectors, truth, queries, report):
    block_start = np.array([0, len(vectors), len(vectors), len(vectors)])
    about = {"library_digest": "L", "model": "benchmark", "model_digest": "M"}
    made, built = cpu(lambda: EmbeddingIndex.build(vectors, block_start, about))
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "benchmark.vectors"
        _, wrote = cpu(lambda: write_embeddings(path, made))
        size = path.stat().st_size / len(vectors)
        wall = time.perf_counter()
        index, opened = cpu(lambda: open_embeddings(path, library="L", model="M"))
        wall = time.perf_counter() - wall
        positive = np.ones(len(queries), np.int8)

        def search(reach, asked, exact=False):
            found = index.search(asked, positive[: len(asked)], TOP, reach=reach, exact=exact)
            return as_table(found, len(asked))

        report("spectrakit cells", *first_enough(REACHES, search, truth, queries), len(queries))
        default = EmbeddingIndex.search.__kwdefaults__["reach"]
        for name, asked in (("all at once", queries), ("256 at once", queries[:2048])):
            step = len(asked) if name == "all at once" else 256
            starts = range(0, len(asked), step)
            rows, seconds = cpu(
                lambda asked=asked, starts=starts, step=step: np.concatenate(
                    [search(default, asked[s : s + step]) for s in starts]
                ),
                3,
            )
            label = f"spectrakit, as it ships, {name}"
            report(label, default, seconds, truth.recall(rows[:JUDGED]), len(asked))
        few = queries[:256]
        rows, seconds = cpu(lambda: search(default, few, exact=True))
        report("spectrakit, all compared", "", seconds, small_recall(truth, rows), len(few))
    print(
        f"spectrakit: build {built:.0f} s, write {wrote:.1f} s, {size:.0f} bytes a vector, "
        f"opened in {opened * 1e3:.1f} ms CPU, {wall * 1e3:.1f} ms wall"
    )


def small_recall(truth, rows):
    part = Truth.__new__(Truth)
    part.vectors, part.queries = truth.vectors, truth.queries[: len(rows)]
    part.score, part.rows = truth.score[: len(rows)], truth.rows[: len(rows)]
    return part.recall(rows)


def faiss_index(vectors, spec):
    """Train and fill an index of faiss's factory on a sixth of the vectors."""
    index = faiss.index_factory(vectors.shape[1], spec, faiss.METRIC_INNER_PRODUCT)
    index.train(vectors[::6].copy())
    index.add(vectors)
    return index


def peers(vectors, truth, queries, report, hnsw):
    few = queries[:256]
    rows, seconds = cpu(lambda: plain_numpy(vectors, few))
    report("numpy, all compared", "", seconds, small_recall(truth, rows), len(few))
    report("faiss Flat", "", truth.seconds, truth.recall(truth.rows), len(truth.queries))
    for spec in ("IVF4096,Flat", "IVF4096,SQ8"):
        index, built = cpu(lambda spec=spec: faiss_index(vectors, spec))

        def search(n, asked, index=index):
            index.nprobe = n
            return index.search(asked, TOP)[1]

        label = f"faiss {spec} (build {built:.0f} s)"
        report(label, *first_enough(PROBES, search, truth, queries), len(queries))
    if hnsw:
        index, built = cpu(lambda: faiss_index(vectors, "HNSW32"))

        def look(ef, asked):
            index.hnsw.efSearch = ef
            return index.search(asked, TOP)[1]

        label = f"faiss HNSW32 (build {built:.0f} s)"
        report(label, *first_enough(PROBES, look, truth, queries), len(queries))


def load(options):
    paths = [options.vectors, options.queries]
    if not all(path is not None and path.is_file() for path in paths):
        from spectrakit.bundle import Bundle
        from spectrakit.search.learned import LearnedScorer

        scorer = LearnedScorer(Bundle(options.bundle))
        vectors, n_real = many_vectors(scorer, options.n)
        print(f"{n_real} embeddings of spectra as measured, {len(vectors) - n_real} of perturbed")
        queries = query_vectors(scorer)
        for path, array in zip(paths, (vectors, queries), strict=True):
            if path is not None:
                np.save(path, array)
        return vectors, queries
    return np.load(options.vectors)[: options.n], np.load(options.queries)


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("bundle", type=Path, nargs="?")
    parser.add_argument("--n", type=int, default=1_000_000)
    parser.add_argument("--hnsw", action="store_true", help="faiss HNSW too; it builds for minutes")
    parser.add_argument("--vectors", type=Path)
    parser.add_argument("--queries", type=Path)
    options = parser.parse_args()
    faiss.omp_set_num_threads(1)
    vectors, queries = load(options)
    truth = Truth(vectors, queries)
    n, dimension = vectors.shape
    flat = len(truth.queries) / truth.seconds
    print(f"{n} vectors of {dimension}; {len(queries)} queries, recall on {len(truth.queries)}")
    print(f"{'':42s} {'setting':>8s} {'recall@10':>16s} {'queries/CPU-s':>14s} {'to Flat':>8s}")

    def report(label, setting, seconds, recall, asked):
        speed = asked / seconds
        cell = f"{recall[0]:.4f} ({recall[1]:.4f})"
        print(f"{label:42s} {setting!s:>8s} {cell:>16s} {speed:14,.0f} {speed / flat:7.1f}x")

    ours(vectors, truth, queries, report)
    peers(vectors, truth, queries, report, options.hnsw)


if __name__ == "__main__":
    main()
