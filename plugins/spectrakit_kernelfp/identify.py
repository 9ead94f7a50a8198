"""`spectrakit identify -m RUN`: the fitted model itself names candidates of a structure list.

Candidates come from the core's search by mass, with what its fragmenter says of them; the model
adds its evidence, standardised over the candidates of a spectrum. The probability that the
compound is in the list at all stays the one that the fragmenter was calibrated for.
"""

from collections.abc import Iterator, Sequence
from dataclasses import replace
from itertools import islice

import numpy as np

from spectrakit.chemistry import known_adduct
from spectrakit.errors import UsageError
from spectrakit.plugin import Job
from spectrakit.search.hits import Hit
from spectrakit.search.libraries import open_structures
from spectrakit.search.precursor import readings
from spectrakit.search.queries import Query
from spectrakit.search.structure_confidence import probabilities as calibrated
from spectrakit.search.structure_search import Candidate, StructureSearch, structure_hit
from spectrakit.search.structures import StructureTable
from spectrakit.spectrum import Spectrum, Tolerance
from spectrakit_kernelfp.distill import checkpoint_of
from spectrakit_kernelfp.features import Measurement, merge
from spectrakit_kernelfp.model import Model, load
from spectrakit_kernelfp.plugin import IdentifyOptions
from spectrakit_kernelfp.pretrain import MODEL
from spectrakit_kernelfp.scoring import merit, probabilities

BATCH = 256  # spectra whose candidates are cut together


def run(job: Job, options: IdentifyOptions) -> Iterator[Hit]:
    """Yield hits for the spectra of ``job.train``, best first; none where no candidate fits.

    Raises:
        UsageError: no structure list.
        InputError: the run or the list cannot be read.
    """
    opened = open_structures(options.structures)
    if opened is None or not isinstance(opened.library, StructureTable):
        raise UsageError(
            "kernelfp names structures, and there is no list of them.",
            hint="Say --structures NAME or FILE.",
        )
    model = load(checkpoint_of(job.parent) / MODEL)
    search = StructureSearch(opened.library, Tolerance.parse(options.tolerance))
    stream = enumerate(job.train)
    while batch := [_query(number, one) for number, one in islice(stream, BATCH)]:
        for query, found in zip(batch, search.search(batch), strict=True):
            if found:
                yield from _hits(model, query, found, opened.library, options.top)


def _query(number: int, spectrum: Spectrum) -> Query:
    ion = known_adduct(spectrum.adduct)
    stated = ion.name if ion and spectrum.polarity in (0, ion.polarity) else ""
    return Query(number, spectrum, tuple(readings(spectrum, None)), stated)


def _hits(
    model: Model, query: Query, found: Sequence[Candidate], table: StructureTable, top: int
) -> Iterator[Hit]:
    """Yield the best candidates of one spectrum; ``found`` is not empty."""
    spectrum = query.spectrum
    measured = Measurement(
        spectrum.mz.astype(np.float64),
        spectrum.intensity.astype(np.float64),
        query.precursors[0].mz,
    )
    one = merge([measured])
    asked = [p for p in model.halves if spectrum.polarity in (p, 0)]  # both where not said
    merged = {} if one is None else dict.fromkeys(asked, one)
    smiles = table.text["smiles"].take([candidate.row for candidate in found])
    scores = model.score(merged, smiles)
    said = merit(scores)
    fragmenter = np.array([candidate.evidence for candidate in found])
    cost = np.array([candidate.mass_penalty + candidate.adduct_cost for candidate in found])
    whole = merit(scores, fragmenter) - cost
    shares = probabilities(whole) * sum(calibrated(found, len(spectrum)))
    order = np.argsort(-whole, kind="stable").tolist()[:top]
    for rank, at in enumerate(order, start=1):
        candidate = replace(found[at], fingerprint=float(said[at]))
        (structure,) = table.finish([candidate.row])
        yield structure_hit(
            candidate,
            structure,
            table.source,
            spectrum=spectrum.native_id,
            rank=rank,
            method="kernelfp",
            score=candidate.score,
            probability=float(shares[at]),
            level="3" if candidate.matched_peaks else "5",
        )
