"""Nearest vectors: exact against brute force, cells against exact, sidecars against damage."""

import os
import signal
import subprocess
import sys
import time

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from spectrakit.errors import InputError, MismatchError
from spectrakit.search.cells import Cells
from spectrakit.search.embedding_file import open_embeddings, read_embeddings, write_embeddings
from spectrakit.search.embedding_index import EmbeddingIndex
from spectrakit.search.nearest_vectors import compare_all, look_in_cells
from spectrakit.search.unit_vectors import LARGEST, held, pair_products, scale_of

ABOUT = {"library_digest": "L", "model": "m@1", "model_digest": "M"}


def clustered(n, dimension, seed, clusters=200, width=0.35):
    """Vectors around random directions, as replicate spectra are."""
    rng = np.random.default_rng(seed)
    centres = rng.normal(size=(clusters, dimension))
    return centres[rng.integers(clusters, size=n)] + width * dimension**0.5 * rng.normal(
        size=(n, dimension)
    ) / dimension**0.5 * rng.uniform(0.3, 1.5, (n, 1))


def brute_force(vectors, queries, top):
    """(query, place, product) by whole numbers, ties by place."""
    products = queries.astype(np.int64) @ vectors.astype(np.int64).T
    order = np.lexsort((np.broadcast_to(np.arange(len(vectors)), products.shape), -products))
    order = order[:, :top]
    query = np.repeat(np.arange(len(queries)), order.shape[1])
    return query, order.ravel(), np.take_along_axis(products, order, 1).ravel()


def assert_found(found, expected):
    for one, other in zip((found.query, found.place, found.product), expected, strict=True):
        np.testing.assert_array_equal(one, other)


FLOATS = st.floats(width=32, allow_subnormal=True)


@given(arrays(np.float32, st.tuples(st.integers(1, 8), st.integers(1, 40)), elements=FLOATS))
def test_held_vectors_are_short_enough_for_exact_products(vectors):
    made = held(vectors)
    assert ((made.astype(np.int64) ** 2).sum(axis=1) <= LARGEST).all()
    usable = np.isfinite(vectors).all(axis=1) & (vectors != 0).any(axis=1)
    assert made[usable].any(axis=1).all()
    assert not made[~usable].any()


def test_cosines_are_those_of_the_vectors():
    rng = np.random.default_rng(0)
    one, other = rng.normal(size=(2, 500, 96))
    other = one + other * rng.uniform(0, 3, (500, 1))
    exact = (one * other).sum(1) / np.linalg.norm(one, axis=1) / np.linalg.norm(other, axis=1)
    found = pair_products(held(one), held(other)) / scale_of(96) ** 2
    np.testing.assert_allclose(found, exact, atol=4e-4)


@settings(max_examples=60)
@given(st.integers(0, 10**6), st.integers(1, 400), st.integers(1, 12), st.integers(1, 30))
def test_comparing_all_is_brute_force(seed, n, dimension, top):
    """Few dimensions and coarse numbers: equal products are common, and sorted by place."""
    rng = np.random.default_rng(seed)
    vectors = held(rng.integers(-2, 3, (n, dimension)).astype(np.float32))
    queries = held(rng.integers(-2, 3, (5, dimension)).astype(np.float32))
    expected = brute_force(vectors, queries, min(top, n))
    assert_found(compare_all(vectors, queries, top), expected)
    cells, order = Cells.fit(vectors)
    place = np.argsort(order)
    found = look_in_cells(cells, vectors[order], queries, top, reach=10.0)  # every cell
    np.testing.assert_array_equal(found.product, expected[2])
    assert set(place[order[found.place]]) == set(found.place)


def test_tiles_and_groups_change_nothing():
    rng = np.random.default_rng(3)
    vectors, queries = held(rng.normal(size=(20_000, 4))), held(rng.normal(size=(260, 4)))
    assert_found(compare_all(vectors, queries, 10), brute_force(vectors, queries, 10))


@pytest.fixture(scope="module")
def large():
    vectors = clustered(20_000, 32, seed=1)
    block_start = np.array([0, 15_000, 20_000, 20_000])
    return vectors, EmbeddingIndex.build(vectors, block_start, ABOUT, cells_above=4000)


def test_cells_find_what_comparing_all_finds(large):
    vectors, index = large
    assert [cells is not None for cells in index.cells] == [True, True, False]
    rng = np.random.default_rng(5)
    queries = vectors[rng.permutation(20_000)[:400]] + 0.2 * rng.normal(size=(400, 32))
    polarity = rng.choice([1, -1, 0], 400).astype(np.int8)
    exact = index.search(queries, polarity, 10, exact=True)
    found = index.search(queries, polarity, 10)
    pairs = set(zip(exact.query.tolist(), exact.row.tolist(), strict=True))
    same = pairs & set(zip(found.query.tolist(), found.row.tolist(), strict=True))
    assert len(same) / len(pairs) >= 0.95
    rows = {1: (0, 15_000), -1: (15_000, 20_000), 0: (0, 20_000)}
    for query, row in zip(found.query.tolist(), found.row.tolist(), strict=True):
        first, stop = rows[int(polarity[query])]
        assert first <= row < stop


@pytest.mark.parametrize("exact", [True, False])
def test_an_answer_does_not_depend_on_the_batch(large, exact):
    vectors, index = large
    queries = vectors[::97].astype(np.float32)
    polarity = np.where(np.arange(len(queries)) % 2, 1, 0).astype(np.int8)
    whole = index.search(queries, polarity, 7, exact=exact)
    order = np.random.default_rng(0).permutation(len(queries))
    for rows in (order[:3], order[3:4], order[4:]):
        part = index.search(queries[rows], polarity[rows], 7, exact=exact)
        for number, row in enumerate(rows.tolist()):
            mine, all_ = part.query == number, whole.query == row
            np.testing.assert_array_equal(part.row[mine], whole.row[all_])
            np.testing.assert_array_equal(part.cosine[mine], whole.cosine[all_])


def test_long_vectors_are_searched_by_their_leading_directions_first():
    """300 numbers of which 60 matter; what comes back is ranked by all of them."""
    rng = np.random.default_rng(2)
    vectors = clustered(6000, 60, seed=4) @ rng.normal(size=(60, 300))
    vectors += 0.5 * rng.normal(size=vectors.shape)
    block_start = np.array([0, 6000, 6000, 6000])
    index = EmbeddingIndex.build(vectors, block_start, ABOUT, cells_above=1000)
    assert index.rough.shape == (6000, 128)
    queries, polarity = vectors[::30] + rng.normal(size=(200, 300)), np.ones(200, np.int8)
    exact = index.search(queries, polarity, 10, exact=True)
    found = index.search(queries, polarity, 10)
    recall = [
        np.isin(found.row[found.query == n], exact.row[exact.query == n]).sum() for n in range(200)
    ]
    assert np.mean(recall) >= 9.5
    again = index.cosines(queries, found.query, found.row)
    np.testing.assert_array_equal(again, found.cosine)


def test_cosines_of_pairs_are_those_of_the_search(large):
    vectors, index = large
    found = index.search(vectors[:50], np.zeros(50, np.int8), 5)
    again = index.cosines(vectors[:50], found.query, found.row)
    np.testing.assert_array_equal(again, found.cosine)
    own = found.row[np.searchsorted(found.query, np.arange(50))]
    np.testing.assert_array_equal(own, np.arange(50))  # each is nearest to itself


def test_few_and_empty_vectors():
    block_start = np.array([0, 2, 2, 2])
    index = EmbeddingIndex.build(np.array([[1.0, 0.0], [0.0, 0.0]]), block_start, ABOUT)
    assert index.about["empty"] == 1
    found = index.search(np.array([[1.0, 1.0], [0.0, 0.0]]), np.zeros(2, np.int8), 5)
    assert found.query.tolist() == [0, 0]
    assert found.cosine.tolist() == pytest.approx([0.5**0.5, 0.0], abs=1e-3)
    none = index.search(np.zeros((0, 2)), np.zeros(0, np.int8), 5)
    assert len(none) == 0
    with pytest.raises(MismatchError, match="2 numbers, the spectra's 3"):
        index.search(np.ones((1, 3)), np.zeros(1, np.int8), 5)


@pytest.fixture
def sidecar(large, tmp_path):
    path = tmp_path / "lib.embeddings" / "m@1.vectors"
    write_embeddings(path, large[1])
    return path


def test_a_sidecar_gives_back_the_index(large, sidecar):
    index = open_embeddings(sidecar, library="L", model="M")
    for name, array in large[1].arrays().items():
        np.testing.assert_array_equal(index.arrays()[name], array)
    read_embeddings(sidecar, verify=True)
    queries = large[0][:20]
    one = index.search(queries, np.ones(20, np.int8), 3)
    np.testing.assert_array_equal(one.row, large[1].search(queries, np.ones(20, np.int8), 3).row)


@pytest.mark.parametrize("digests", [("other", "M"), ("L", "other")])
def test_a_sidecar_of_another_library_or_model_is_refused(sidecar, digests):
    with pytest.raises(MismatchError, match="another content of the"):
        open_embeddings(sidecar, library=digests[0], model=digests[1])


@pytest.mark.parametrize("share", [0.0, 0.00001, 0.0005, 0.3, 0.999999])
def test_a_truncated_sidecar_is_refused(sidecar, share):
    data = sidecar.read_bytes()
    sidecar.write_bytes(data[: int(len(data) * share)])
    with pytest.raises(InputError, match=r"m@1\.vectors"):
        open_embeddings(sidecar, library="L", model="M")


def test_a_changed_byte_is_noticed(sidecar):
    data = sidecar.read_bytes()
    rng = np.random.default_rng(0)
    used = len(data) - 64  # the last array is followed by nothing
    for at in [*rng.integers(0, used, 20).tolist(), *range(20, 300, 17)]:
        changed = bytearray(data)
        changed[at] ^= 4
        sidecar.write_bytes(changed)
        try:
            index = read_embeddings(sidecar, verify=True)
        except InputError:
            continue
        same = all(
            np.array_equal(array, index.arrays()[name])
            for name, array in read_back(data, sidecar).items()
        )
        assert same, f"byte {at}"  # padding between arrays


def read_back(data, path):
    other = path.with_name("whole")
    other.write_bytes(data)
    return read_embeddings(other).arrays()


def test_a_killed_writer_leaves_a_whole_sidecar_or_none(tmp_path):
    path = tmp_path / "m@1.vectors"
    code = (
        "import sys, numpy as np; from pathlib import Path\n"
        "from spectrakit.search.embedding_index import EmbeddingIndex\n"
        "from spectrakit.search.embedding_file import write_embeddings\n"
        "v = np.ones((20000, 256), np.int16)\n"
        f"i = EmbeddingIndex.build(v, np.array([0, 20000, 20000, 20000]), {ABOUT!r})\n"
        "print('ready', flush=True)\n"
        "while True: write_embeddings(Path(sys.argv[1]), i)\n"
    )
    for kill in range(6):
        process = subprocess.Popen(
            [sys.executable, "-c", code, str(path)], stdout=subprocess.PIPE, env={**os.environ}
        )
        assert process.stdout.readline() == b"ready\n"
        time.sleep(0.004 + 0.013 * kill)
        process.send_signal(signal.SIGKILL)
        process.wait()
        process.stdout.close()
        if path.exists():
            assert len(read_embeddings(path, verify=True)) == 20_000
