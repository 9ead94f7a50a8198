"""`spectrakit identify -m RUN`: the trained model itself answers, for those who have torch.

Candidates are looked up by mass (``spectrakit.search.structure_search``) and put in order by the
model's evidence, the fragmenter's and the mass error's, all in log-odds. A run of stage generator
can add the likeness to what it writes; it does not by default, since that does not help.
"""

from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from spectrakit.accounting import InputAccount
from spectrakit.errors import MismatchError, UsageError
from spectrakit.plugin import Job
from spectrakit.preprocess.peaks import PeakLists
from spectrakit.preprocess.steps import Context, apply_steps
from spectrakit.search.hits import Hit
from spectrakit.search.learned import standardise
from spectrakit.search.libraries import open_structures
from spectrakit.search.molecular_fingerprints import fingerprints
from spectrakit.search.queries import Centroider, Query, searchable
from spectrakit.search.structure_confidence import probabilities
from spectrakit.search.structure_search import Candidate, StructureSearch, structure_hit
from spectrakit.search.structures import StructureTable
from spectrakit.spectrum import Tolerance
from spectrakit.train.data import PeakBatch, padded
from spectrakit_glmr.dual import DualEncoder
from spectrakit_glmr.generate import Generator, generate, likeness
from spectrakit_glmr.load import load_dual, load_generator, stage_of
from spectrakit_glmr.plugin import IdentifyOptions
from spectrakit_glmr.spectra import PRECURSOR, STEPS

BATCH = 64
MODEL_WEIGHT = 1.3  # log-odds per standard deviation of the model's score


def run(job: Job, options: IdentifyOptions) -> Iterator[Hit]:
    """Yield the hits of ``job.train``, spectrum by spectrum, best first."""
    if job.parent is None:
        raise MismatchError("identify needs a trained model.", hint="Give -m the run of pretrain.")
    opened = open_structures(options.structures)
    if opened is None or not isinstance(opened.library, StructureTable):
        raise UsageError(
            "the model ranks candidate structures, and there are none.",
            hint="Say --structures NAME or the path of a list.",
        )
    writer: Generator | None = None
    if stage_of(job.parent) == "generator":
        writer = load_generator(job.parent)
        writer.to(job.device)
        model = writer.dual
    else:
        model = load_dual(job.parent)
        model.to(job.device)
    search = StructureSearch(opened.library, Tolerance.parse(options.precursor_tolerance))
    queries = list(
        searchable(
            job.train,
            InputAccount("spectra"),
            Centroider(),
            survey_scans=False,
            needs_precursor=True,
        )
    )
    for start in range(0, len(queries), BATCH):
        some = queries[start : start + BATCH]
        batch = batch_of(some)
        vectors = model.spectra(model(batch.to(job.device)).detach().float().cpu().numpy())
        for number, (query, candidates) in enumerate(zip(some, search.search(some), strict=True)):
            if not candidates:
                continue
            one = replace_rows(batch, number)
            ranked = _ranked(
                model, writer, one, vectors[number], candidates, opened.library, options
            )
            yield from _hits(query, ranked, opened.library, options)


def batch_of(queries: Sequence[Query]) -> PeakBatch:
    """Return spectra as the encoder reads them, each with the precursor it is searched by."""
    import torch

    precursor_mz = np.array([query.precursors[0].mz for query in queries], np.float64)
    peaks = apply_steps(
        PeakLists.from_spectra(query.spectrum for query in queries), Context(precursor_mz), STEPS
    )
    mz, intensity, mask = padded(peaks)
    rows: list[list[float]] = []
    for query, at in zip(queries, precursor_mz.tolist(), strict=True):
        others = [float(getattr(query.spectrum, name)) for name in PRECURSOR[1:]]
        rows.append([at, *others])
    return PeakBatch(
        torch.arange(len(queries)),
        torch.from_numpy(mz),
        torch.from_numpy(intensity),
        torch.from_numpy(mask),
        torch.tensor(rows, dtype=torch.float32),
    )


def replace_rows(batch: PeakBatch, number: int) -> PeakBatch:
    """Return one spectrum of a batch as a batch."""
    own = slice(number, number + 1)
    return PeakBatch(
        batch.rows[own], batch.mz[own], batch.intensity[own], batch.mask[own], batch.precursor[own]
    )


def _ranked(
    model: DualEncoder,
    writer: Generator | None,
    peaks: PeakBatch,
    vector: Any,
    candidates: Sequence[Candidate],
    table: StructureTable,
    options: IdentifyOptions,
) -> list[Candidate]:
    smiles = table.text["smiles"].take([candidate.row for candidate in candidates])
    bits, _ = fingerprints(smiles)
    said = MODEL_WEIGHT * standardise(model.molecules(bits, smiles) @ vector)
    if writer is not None and options.written:
        best = np.argsort(-said, kind="stable").tolist()
        texts = [[smiles[at] for at in best]]
        written = generate(writer, peaks, texts, options.beams)[0]
        said = said + options.written * standardise(likeness(model, written, bits))
    found: list[Candidate] = []
    for candidate, own in zip(candidates, said.tolist(), strict=True):
        without = -candidate.mass_penalty - candidate.adduct_cost
        rest = candidate.merit if options.fragments else without
        found.append(replace(candidate, merit=rest + own, fingerprint=own))
    return sorted(found, key=lambda one: -one.merit)


def _hits(
    query: Query, ranked: Sequence[Candidate], table: StructureTable, options: IdentifyOptions
) -> Iterator[Hit]:
    chances = probabilities(ranked, len(query.spectrum))
    best = ranked[: options.top]
    finished = table.finish([candidate.row for candidate in best])
    for rank, (candidate, structure) in enumerate(zip(best, finished, strict=True), start=1):
        yield structure_hit(
            candidate,
            structure,
            table.source,
            spectrum=query.spectrum.native_id,
            rank=rank,
            method="glmr",
            score=candidate.merit,
            probability=chances[rank - 1],
            level="3" if candidate.matched_peaks else "5",
        )
