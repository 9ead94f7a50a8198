"""Vectors of real spectra by a bundle, as many as wanted, and spectra to ask them about.

MassBank has some 77,000 spectra here that are no queries. The number is made up with embeddings
of perturbed real spectra: half of them mixed with another spectrum of the same molecule and
polarity (weight 0.5 to 1), then a random 0 to 50 % of the peaks dropped and each intensity
multiplied by exp(N(0, 0.5)). Queries are the embeddings of spectra as measured that are in no
way among the vectors: massbank_query (molecules that are) and massbank_test (molecules that are
not).
"""

from dataclasses import replace
from itertools import islice

import numpy as np
from _massbank import read_records

from spectrakit.search.learned import unit_vectors
from spectrakit.spectrum import Axis

SOURCES = (
    "massbank_train_library.msp.gz",
    "massbank_valid.msp.gz",
    "massbank_bafg_train_library.msp.gz",
)
ASKED = ("massbank_query.msp.gz", "massbank_test.msp.gz")
BATCH = 1024


def encode(scorer, spectra):
    """(n, d) float32 unit vectors; spectra of which the model sees nothing are left out."""
    stream, parts = iter(spectra), []
    while batch := list(islice(stream, BATCH)):
        parts.append(unit_vectors(scorer.spectra(batch)))
    vectors = np.concatenate(parts)
    return vectors[vectors.any(axis=1)]


def real_spectra():
    """The spectra of the sources, and the rows of each molecule and polarity."""
    records = [read_records(name) for name in SOURCES]
    spectra = np.concatenate([one.spectra for one in records])
    keys = [(m, p) for one in records for m, p in zip(one.molecule, one.polarity, strict=True)]
    alike = {}
    for row, key in enumerate(keys):
        alike.setdefault(key, []).append(row)
    return spectra, [alike[key] for key in keys]


def perturbed(spectra, alike, random):
    """Yield perturbed spectra without end, each of the real ones in turn."""
    while True:
        for row in random.permutation(len(spectra)).tolist():
            one = spectra[row]
            mz, intensity = one.mz, one.intensity / max(one.intensity.sum(), 1e-9)
            if len(alike[row]) > 1 and random.random() < 0.5:
                other = spectra[alike[row][random.integers(len(alike[row]))]]
                share = random.uniform(0.5, 1.0)
                more = other.intensity / max(other.intensity.sum(), 1e-9)
                mz = np.concatenate([mz, other.mz])
                intensity = np.concatenate([share * intensity, (1 - share) * more])
            keep = random.random(len(mz)) >= random.uniform(0.0, 0.5)
            if len(mz):
                keep[np.argmax(intensity)] = True
            order = np.flatnonzero(keep)[np.argsort(mz[keep], kind="stable")]
            intensity = intensity * np.exp(random.normal(0.0, 0.5, len(mz)))
            yield replace(one, axis=Axis(mz[order], "m/z"), value=intensity[order], columns={})


def many_vectors(scorer, n, *, seed=0):
    """(n, d) float32 unit vectors, the real ones first, and how many of them are real."""
    spectra, alike = real_spectra()
    real = encode(scorer, spectra)[:n]
    vectors = np.empty((n, real.shape[1]), np.float32)
    vectors[: len(real)] = real
    source, at = perturbed(spectra, alike, np.random.default_rng(seed)), len(real)
    while at < n:
        made = encode(scorer, islice(source, min(50_000, n - at)))
        vectors[at : at + len(made)] = made
        at += len(made)
        print(f"  {at} vectors", flush=True)
    return vectors, len(real)


def query_vectors(scorer, *, seed=1):
    """(m, d) float32 unit vectors of the queries, in random order."""
    vectors = np.concatenate([encode(scorer, read_records(name).spectra) for name in ASKED])
    return vectors[np.random.default_rng(seed).permutation(len(vectors))]
