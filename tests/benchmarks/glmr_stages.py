"""Unknown molecules by glmr: every stage alone and together, generation, and their controls.

Runs are trained by the commands in plugins/spectrakit_glmr/README.md. Choices were made on
valid; test is for reporting. Ties count as misses, candidate order is shuffled, intervals are
bootstraps over molecules. All spectra of a molecule together unless a row says otherwise: those
of one polarity joined, the embeddings of both polarities averaged.

    python tests/benchmarks/glmr_stages.py --run RUN [--generator RUN] [--split test]
    python tests/benchmarks/glmr_stages.py --split valid --ablation NAME=RUN NAME=RUN ...
    python tests/benchmarks/glmr_stages.py --instrument LC-ESI-ITFT --ablation base=RUN lora=RUN ...

Controls, from the same run: random; the spectra of the molecule next in mass; the mean embedding
of all unknowns (spectrum-blind); a structure-only regression; likeness to the train molecule with
the nearest spectrum by entropy; for the generator, its likeness with candidates permuted among
molecules, and the first candidate of stage 1 in place of what is written.
"""

import argparse
import tempfile
import time
from dataclasses import replace
from pathlib import Path

import numpy as np
from _massbank import build_library, read_records
from _ranking import load_unknowns, train_records
from _retrieval import ranks, summary
from spectrakit_glmr.dual import embed, embed_molecules
from spectrakit_glmr.generate import Written, generate, likeness
from spectrakit_glmr.load import load_dual, load_generator
from spectrakit_glmr.spectra import measured
from structure_ranking import next_in_mass
from structure_retrieval import structure_only

from spectrakit.search.index import SearchMode, SearchSettings
from spectrakit.search.learned import standardise
from spectrakit.search.molecular_fingerprints import BLOCKS, fingerprints
from spectrakit.search.prepared import prepare_queries
from spectrakit.store import Store, StoreWriter
from spectrakit.store.dataset import BlockRows, Dataset

ALONE = 4  # spectra of a molecule that stand alone
BEAMS = 4
TOGETHER = 32  # spectra that are written for at a time


class Bench:
    """The unknowns of a split, their spectra as the encoder reads them, and their candidates."""

    def __init__(self, split, mode, spectra=None):
        self.data = spectra or read_split(split)
        place = {key: i for i, key in enumerate(self.data.keys)}
        self.unknowns = [u for u in load_unknowns(split, mode) if u.key in place]
        self.place = np.array([place[u.key] for u in self.unknowns])
        self.bits = [fingerprints(u.smiles)[0] for u in self.unknowns]
        self.n = sum(len(u.keys) for u in self.unknowns)

    def embeddings(self, model):
        """Return the (n, D) embeddings of the unknowns."""
        seen, answers = embed_molecules(model, self.data)
        whole = np.zeros((len(self.data.keys), answers.shape[1]), np.float32)
        whole[seen] = answers
        return model.spectra(whole[self.place])

    def molecules(self, model):
        """Return the (m, D) candidates of every list."""
        return [model.molecules(b, u.smiles) for b, u in zip(self.bits, self.unknowns, strict=True)]


def read_split(split, instruments=()):
    """Return the spectra of a split, or of some instruments, as the plugin reads a store."""
    spectra = read_records(f"massbank_{split}.msp.gz").spectra
    spectra = [s for s in spectra if not instruments or s.instrument in instruments]
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "split.h5"
        with StoreWriter(path, compression="none") as writer:
            writer.add_sample("s")
            for spectrum in spectra:
                writer.add(spectrum)
        opened = Store(path)
        parts = [BlockRows(opened, n, np.arange(len(b))) for n, b in opened.blocks.items()]
        return measured(Dataset(tuple(parts)))


def scores(vectors, molecules):
    """Return the standardised scores of every list."""
    return [standardise(m @ v) for v, m in zip(vectors, molecules, strict=True)]


def row(name, values, unknowns):
    """Print one row of the table."""
    r1, low, high, r5, mrr = summary(ranks(values, unknowns))
    print(f"| {name} | {r1:.3f} ({low:.3f} to {high:.3f}) | {r5:.3f} | {mrr:.3f} |", flush=True)


def head(title, bench):
    """Print the head of a table."""
    print(
        f"\n{title}; n = {len(bench.unknowns)} molecules, {bench.n} candidates\n"
        "| method | Recall@1 (95 % interval) | Recall@5 | MRR |\n|---|---|---|---|"
    )


def one_at_a_time(bench, model, molecules):
    """Return Recall@1 and interval with up to four spectra of a molecule, each on its own."""
    data = bench.data
    rows, owner = [], []
    for i, place in enumerate(bench.place):
        own = data.rows[data.molecule[data.rows] == place]
        chosen = np.random.default_rng(int(place)).permutation(own)[:ALONE]
        rows += chosen.tolist()
        owner += [i] * len(chosen)
    single = replace(data, group=np.arange(len(rows) + 1), rows=np.array(rows, np.int64))
    vectors = model.spectra(embed(model, single, np.arange(len(rows))))
    unknowns = [bench.unknowns[i] for i in owner]
    top = ranks(scores(vectors, [molecules[i] for i in owner]), unknowns) == 1
    index = np.array(owner)
    mean = np.bincount(index, top) / np.bincount(index)
    boot = mean[np.random.default_rng(0).integers(0, len(mean), (1000, len(mean)))].mean(axis=1)
    return mean.mean(), *np.quantile(boot, [0.025, 0.975]), len(rows)


def report(bench, split, model, title, writer=None, weights=(0.2,)):
    """Print the table of one kind of list."""
    unknowns = bench.unknowns
    start = time.process_time()
    vectors = bench.embeddings(model)
    seconds = time.process_time() - start
    molecules = bench.molecules(model)
    first = scores(vectors, molecules)
    head(title, bench)
    row("stage 1", first, unknowns)
    mean, low, high, n = one_at_a_time(bench, model, molecules)
    print(f"| stage 1, one spectrum ({n}) | {mean:.3f} ({low:.3f} to {high:.3f}) | | |")
    if writer is not None:
        texts, alike = written(bench, writer, first)
        row("stage 2 alone", alike, unknowns)
        for weight in weights:
            both = [a + weight * standardise(b) for a, b in zip(first, alike, strict=True)]
            row(f"stage 1 + {weight:g} x stage 2", both, unknowns)
        order = np.random.default_rng(0).permutation(len(texts))
        other = [
            likeness(writer.dual, texts[j], bits) for j, bits in zip(order, bench.bits, strict=True)
        ]
        row("*stage 2 with the texts of another molecule*", other, unknowns)
        top = [
            likeness(writer.dual, as_written(u.smiles[int(np.argmax(s))]), bits)
            for u, s, bits in zip(unknowns, first, bench.bits, strict=True)
        ]
        row("*likeness to stage 1's first candidate*", top, unknowns)
    neighbour = next_in_mass(unknowns)
    swapped = vectors[[neighbour[i] for i in range(len(unknowns))]]
    row("*spectra of the molecule next in mass*", scores(swapped, molecules), unknowns)
    blind = np.repeat(vectors.mean(0, keepdims=True), len(unknowns), 0)
    row("*spectrum-blind*", scores(blind, molecules), unknowns)
    for unknown in unknowns:
        unknown.candidates = unknown.smiles
    row("*structure-only regression*", structure_only(unknowns), unknowns)
    row(
        "*nearest train spectrum by entropy, Tanimoto to its molecule*",
        nearest(bench, split),
        unknowns,
    )
    print(f"| *random* | {np.mean([1 / len(u.keys) for u in unknowns]):.3f} | | |")
    print(f"\nembedding {len(bench.data)} joined spectra: {seconds:.1f} CPU s")
    if writer is not None:
        generation(bench, texts, first)


def ablation(bench, title, runs):
    """Print one row for each run, and its gain over the first."""
    head(title, bench)
    gains, reference = [], None
    for told in runs:
        name, _, path = told.partition("=")
        model = load_dual(Path(path))
        values = scores(bench.embeddings(model), bench.molecules(model))
        row(name, values, bench.unknowns)
        top = (ranks(values, bench.unknowns) == 1).astype(float)
        if reference is None:
            reference = top
            continue
        gain = top - reference
        drawn = np.random.default_rng(0).integers(0, len(gain), (1000, len(gain)))
        low, high = np.quantile(gain[drawn].mean(axis=1), [0.025, 0.975])
        gains.append(f"{name} {gain.mean():+.3f} ({low:+.3f} to {high:+.3f})")
    if gains:
        print(f"\nPaired gain in Recall@1 over {runs[0].partition('=')[0]}: {', '.join(gains)}.")


def as_written(smiles):
    """Return one molecule as if it had been generated."""
    return Written((smiles,), (0.0,), 0)


def written(bench, writer, first):
    """Return what the generator writes for every unknown, and how like it the candidates are."""
    texts = []
    data = bench.data
    groups = {int(m): g for g, m in enumerate(data.molecule_of(np.arange(len(data))))}
    lists = [
        [unknown.smiles[k] for k in np.argsort(-score, kind="stable")]
        for unknown, score in zip(bench.unknowns, first, strict=True)
    ]
    rows = np.array([groups[int(place)] for place in bench.place], np.int64)
    for start in range(0, len(rows), TOGETHER):
        some = slice(start, start + TOGETHER)
        texts += generate(writer, data.batch(rows[some]), lists[some], BEAMS)
    alike = [likeness(writer.dual, t, bits) for t, bits in zip(texts, bench.bits, strict=True)]
    return texts, alike


def tanimoto(one, others):
    """Return the Tanimoto similarity of one CSR row of Morgan bits to others."""
    one, others = one[:, BLOCKS[0].columns], others[:, BLOCKS[0].columns]
    shared = np.asarray((others @ one.T).todense()).ravel()
    union = others.sum(axis=1).ravel() + one.sum() - shared
    return shared / np.maximum(np.asarray(union).ravel(), 1)


def generation(bench, texts, first):
    """Print validity, and similarity to the truth beside that of the first candidate."""
    valid = sum(len(t.smiles) > 0 for t in texts)
    n_texts = BEAMS * len(texts)
    invalid = sum(t.invalid for t in texts)
    made, best, any_exact = [], [], 0
    for u, s, t, bits in zip(bench.unknowns, first, texts, bench.bits, strict=True):
        truth = bits[[u.truth]]
        best.append(tanimoto(truth, bits[[int(np.argmax(s))]])[0])
        own = tanimoto(truth, fingerprints(t.smiles)[0]) if t.smiles else np.zeros(1)
        made.append((own[0], own.max()))
        any_exact += bool((own == 1).any())
    made = np.array(made)
    random = [tanimoto(b[[u.truth]], b).mean() for u, b in zip(bench.unknowns, bench.bits)]  # noqa: B905
    print(
        f"generated: {n_texts} texts ({BEAMS} beams), {invalid} invalid ({invalid / n_texts:.1%}); "
        f"{valid} of {len(texts)} spectra have a valid one; the truth's bits among them for "
        f"{any_exact}\n"
        f"Tanimoto (Morgan, radius 3) to the truth: first text {made[:, 0].mean():.3f}, best of "
        f"{BEAMS} {made[:, 1].mean():.3f}; stage 1's first candidate {np.mean(best):.3f}; mean of "
        f"all candidates {np.mean(random):.3f}"
    )


def nearest(bench, split):
    """Return likeness of candidates to the train molecule whose spectrum is nearest by entropy."""
    train, asked = train_records(), read_records(f"massbank_{split}.msp.gz")
    index = build_library(train)
    smiles = {s.molecule.inchikey[:14]: s.molecule.smiles for s in train.spectra}
    queries = prepare_queries(list(asked.spectra), adducts=list(asked.adduct))
    settings = SearchSettings(mode=SearchMode.OPEN, min_matched_peaks=0, match_adducts=False)
    found = index.search(queries, settings)
    best = {}
    keys = index.compounds.astype(str)
    for query, line, score in zip(found.query, found.row, found.score, strict=True):
        mine = asked.molecule[query]
        if score > best.get(mine, (-1.0, ""))[0]:
            best[mine] = (float(score), keys[index.compound[line]])
    bits = fingerprints([smiles.get(best.get(u.key, (0, ""))[1], "") for u in bench.unknowns])[0]
    return [tanimoto(bits[[i]], own) for i, own in enumerate(bench.bits)]


def main():
    """Print the tables."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--split", default="test", choices=["valid", "test"])
    parser.add_argument("--run", type=Path, help="of stage contrastive")
    parser.add_argument("--generator", type=Path, help="run of stage generator")
    parser.add_argument("--weights", type=float, nargs="*", default=[0.2], help="of stage 2")
    parser.add_argument("--ablation", nargs="*", default=[], metavar="NAME=RUN")
    parser.add_argument("--instrument", nargs="*", default=[], help="only spectra of these")
    parser.add_argument("--modes", nargs="*", default=["mass", "formula"])
    options = parser.parse_args()
    spectra = read_split(options.split, options.instrument)
    for mode in options.modes:
        which = f" ({', '.join(options.instrument)})" if options.instrument else ""
        title = f"massbank_{options.split}.msp.gz{which}, candidates_{options.split}_{mode}.csv.gz"
        bench = Bench(options.split, mode, spectra)
        if options.ablation:
            ablation(bench, title, options.ablation)
            continue
        writer = None  # it reads candidates, so it is judged on one kind of list
        if options.generator and mode == "mass":
            writer = load_generator(options.generator)
        report(bench, options.split, load_dual(options.run), title, writer, options.weights)


if __name__ == "__main__":
    main()
