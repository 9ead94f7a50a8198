"""`spectrakit distill -m RUN`: the fitted model as one bundle that needs no plugin.

Nothing is trained. The spectra given are those to judge by (held out) and candidates of their
masses; structure lists may be given beside them. Whether the tables become int8 is decided by
what that does to the ranks of held-out molecules (``int8_loss`` in the metrics, kept or not).
"""

import csv
import json
import logging
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from spectrakit.bundle import Step, is_bundle, write_bundle
from spectrakit.bundle.manifest import split_label
from spectrakit.errors import InputError, MismatchError, MissingExtraError
from spectrakit.plugin import Job
from spectrakit.run import Run
from spectrakit.search.learned import standardise
from spectrakit.search.molecular_fingerprints import N_BITS, NAME
from spectrakit_kernelfp.compact import Compact, compact
from spectrakit_kernelfp.data import MASSBANK
from spectrakit_kernelfp.features import ABOVE_PRECURSOR, FLOOR, GAP, MAX_PEAKS
from spectrakit_kernelfp.graphs import PRECURSOR, molecule_graph, spectrum_graph
from spectrakit_kernelfp.lists import Blocks, Unknown, ranks, recall_and_mrr, unknowns_of
from spectrakit_kernelfp.model import Model, load
from spectrakit_kernelfp.plugin import DistillOptions, plugin
from spectrakit_kernelfp.pretrain import MODEL, SOURCES
from spectrakit_kernelfp.scoring import BLOCK_WEIGHTS

CLEANING = (
    Step("below_precursor", 1, {"margin": -ABOVE_PRECURSOR}),
    Step(
        "clean_peaks",
        1,
        {
            "tolerance": f"{GAP / 2 * 1e3:g}mDa",  # peaks closer than twice this are one
            "min_relative_intensity": FLOOR,
            "max_peaks": MAX_PEAKS,
        },
    ),
)

log = logging.getLogger(__name__)


def run(job: Job, options: DistillOptions) -> Path:
    """Write the bundle of a fitted run and return its folder."""
    target = job.run.student(options.name, options.version)
    split_label(target.name)
    folder = checkpoint_of(job.parent)
    sources = _sources(folder)
    whom = _attributions(sources, options.attributions)
    with job.progress("kernelfp", 3, "steps") as advance:
        model = load(folder / MODEL)
        if options.student != "kernel":
            return taught(job, options, model, whom)
        advance(1)
        unknowns = unknowns_of(job.train, job.valid)
        log.info("kernelfp: %d molecules are held out", len(unknowns))
        chosen, metrics = _choose(model, unknowns, options)
        advance(1)
        for row in metrics:
            log.info("kernelfp: %s %.4f", row["name"], row["value"])
        job.run.record(1, **{row["name"]: row["value"] for row in metrics})
        licences = sorted({licence for _, licence in sources if licence})
        path = write_bundle(
            target,
            graphs={
                "encode_spectrum": spectrum_graph(chosen),
                "encode_molecule": molecule_graph(chosen, N_BITS),
            },
            replace_old=True,  # of this very run, which was begun again
            task="embed",
            modality="msms",
            input={"kind": "peaks", "precursor": list(PRECURSOR), "fingerprint": NAME},
            preprocessing=CLEANING,
            summary=plugin.summary,
            plugin={"name": plugin.name, "version": plugin.version},
            calibration={"block_weights": BLOCK_WEIGHTS.tolist()},
            data=_data(job),
            metrics=tuple(metrics),
            licence=options.licence or ", ".join(licences),
            attributions=tuple(whom),
        )
        advance(1)
    return path


def taught(job: Job, options: DistillOptions, model: Model, whom: Sequence[str]) -> Path:
    """Return the bundle of a network that the model taught.

    Raises:
        MissingExtraError: torch is not installed.
    """
    try:
        from spectrakit_kernelfp.network_student import distil_network
    except ModuleNotFoundError as error:
        raise MissingExtraError(
            f"student={options.student} needs the package '{error.name}'.",
            hint="pip install 'spectrakit[train]'",
        ) from error
    return distil_network(job, options, model, tuple(whom))


def checkpoint_of(parent: Path | None) -> Path:
    """Return the checkpoint of a fitted run.

    Raises:
        InputError: no run was named, or it has no checkpoint.
        MismatchError: a bundle was named, which holds no fitted model.
    """
    if parent is not None and is_bundle(parent):
        raise MismatchError(
            f"{parent}: is a bundle, which answers but holds nothing to learn from.",
            hint="Give -m the run of `spectrakit pretrain -m kernelfp` that it was made of.",
        )
    folder = Run.open(parent).last_checkpoint() if parent is not None else None
    if folder is None:
        raise InputError(
            f"{parent or '-m'}: is no run with a fitted kernelfp model.",
            hint="Fit one with `spectrakit pretrain STORE -m kernelfp -o RUN`, then name RUN.",
        )
    return folder


def _choose(
    model: Model, unknowns: Sequence[Unknown], options: DistillOptions
) -> tuple[Compact, list[dict[str, Any]]]:
    """Return float or int8 tables, whichever the held-out molecules allow, and the metrics."""
    chosen = _small(model, options, whole=options.int8)
    asked = [one for one in unknowns if len(one.smiles) > 1]
    if not asked:  # nothing to rank: how well spectra point at their own molecules
        if not unknowns:
            return chosen, []
        cosine = np.mean([_agreement(chosen, model, one) for one in unknowns])
        row = {"name": "cosine", "value": float(cosine), "split": "valid", "n": len(unknowns)}
        return chosen, [row]
    bits = {one: model.candidates(one.smiles) for one in asked}
    found, lost = _judge(chosen, bits), 0.0
    if options.int8:
        exact = _small(model, options, whole=False)
        before = _judge(exact, bits)
        lost = max(a - b for a, b in zip(before, found, strict=True))
        if lost > options.most:
            chosen, found = exact, before
    teacher = recall_and_mrr(ranks(asked, lambda one: model.score(one.spectra, one.smiles)))
    names = ("recall_at_1", "mrr", "teacher_recall_at_1", "teacher_mrr", "int8_loss")
    told = [
        {"name": name, "value": value, "split": "valid", "n": len(asked)}
        for name, value in zip(names, (*found, *teacher, lost), strict=True)
    ]
    return chosen, told


def _small(model: Model, options: DistillOptions, *, whole: bool) -> Compact:
    return compact(
        model,
        rank=options.rank,
        min_molecules=options.min_molecules,
        output_rank=options.output_rank,
        whole=whole,
    )


def _judge(small: Compact, bits: Mapping[Unknown, Any]) -> tuple[float, float]:
    """Return Recall@1 and MRR of the small model; ``bits`` of the candidates of each list."""

    def scores(one: Unknown) -> Blocks:
        vectors = small.spectrum(one.spectra)
        products = np.einsum("bd,mbd->mb", vectors, small.molecules(bits[one]))
        return standardise(products.astype(np.float64))

    return recall_and_mrr(ranks(list(bits), scores))


def _agreement(small: Compact, model: Model, one: Unknown) -> float:
    """Return the cosine of a spectrum's vector and that of its molecule."""
    spectrum = small.spectrum(one.spectra).ravel()
    molecule = small.molecules(model.candidates([one.smiles[one.truth]])).ravel()
    scale = float(np.linalg.norm(spectrum) * np.linalg.norm(molecule))
    return float(spectrum @ molecule) / scale if scale > 0 else 0.0


def _data(job: Job) -> tuple[Mapping[str, Any], ...]:
    """Return the data the model was fitted on, and those it was judged by."""
    fitted = Run.open(job.parent).data() if job.parent is not None else ()
    judged = tuple({**one, "role": f"distill {one['role']}"} for one in job.run.data())
    return (*({**one, "role": f"pretrain {one['role']}"} for one in fitted), *judged)


def _sources(folder: Path) -> dict[tuple[str, str], int]:
    """Return (who, licence) -> spectra that the model learned from."""
    path = folder / SOURCES
    try:
        told = json.loads(path.read_text(encoding="utf-8"))
        return {(str(one["who"]), str(one["licence"])): int(one["spectra"]) for one in told}
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise InputError(
            f"{path}: cannot be read ({error}); it says whose spectra were learned.",
            hint="Fit the run again.",
        ) from error


def _attributions(sources: Mapping[tuple[str, str], int], table: str) -> list[str]:
    """Return whom to name: the sources, or what a table says of them.

    Raises:
        InputError: the table cannot be read.
        MismatchError: it lacks a column.
    """
    plain = [f"{who} ({licence})" for who, licence in sorted(sources) if who]
    if not table:
        return plain
    try:
        with Path(table).open(encoding="utf-8", newline="") as handle:
            rows = list(csv.DictReader(handle))
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise InputError(
            f"{table}: cannot be read: {error}.", hint="Give a CSV of whom to name."
        ) from error
    named: dict[tuple[str, str], list[str]] = {}
    for row in rows:
        try:
            key = (row["contributor"], row["license"])
            text = f"{row['contributor']} ({row['license']}): {row['authors']}. {row['copyright']}"
        except KeyError as error:
            raise MismatchError(
                f"{table}: has no column {error}.",
                hint="It needs contributor, authors, copyright and license.",
            ) from error
        named.setdefault(key, []).append(text.rstrip(". "))
    found: list[str] = []
    for who, licence in sorted(sources):
        key = (who.removeprefix(MASSBANK), licence)
        found += named.get(key) or ([f"{who} ({licence})"] if who else [])
    return found
