"""From a trained student to its bundle: export, int8 where ranks allow it, weights, manifest."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from spectrakit.bundle import Step, write_bundle
from spectrakit.log import say
from spectrakit.plugin import Job
from spectrakit.search.conditional_logit import conditional_logit
from spectrakit.search.molecular_fingerprints import NAME, fingerprints
from spectrakit.train.distillation.molecules import Directions, MoleculeEncoder
from spectrakit.train.distillation.options import StudentOptions
from spectrakit.train.distillation.ranking import (
    LISTED,
    Lists,
    block_scores,
    reciprocal_ranks,
)
from spectrakit.train.distillation.students import Student
from spectrakit.train.distillation.teachers import Teacher
from spectrakit.train.distillation.views import PRECURSOR, Views, peaks_of, steps
from spectrakit.train.export import export_graph, open_graph, quantised

BATCH = 64  # spectra of one call of a graph

Singles = NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class Card:
    """What a bundle says of itself, and who makes it.

    Attributes:
        name: of the bundle.
        version: of the bundle.
        plugin: name of the plugin.
        plugin_version: as its manifest says.
        summary: one line.
        licence: of the bundle; that of the data it learned from.
        attributions: whom to name.
    """

    name: str
    version: str
    plugin: str
    plugin_version: str
    summary: str
    licence: str = ""
    attributions: tuple[str, ...] = ()


def write_student(
    job: Job,
    student: Student,
    directions: tuple[Directions, ...],
    train: Views,
    lists: Lists | None,
    teachers: Sequence[Teacher],
    options: StudentOptions,
    card: Card,
) -> Path:
    """Export a student and write its bundle into the run.

    Raises:
        MismatchError: a graph differs from torch.
    """
    spectrum = spectrum_graph(student, train)
    molecule = molecule_graph(directions, train.smiles)
    metrics: list[dict[str, Any]] = []
    weights = np.ones(len(directions))
    graphs = {"encode_spectrum": spectrum, "encode_molecule": molecule}
    if lists is not None:
        scores = block_scores(lists, encode_with(spectrum, lists.views))
        weights = conditional_logit(scores, [0] * len(scores))
        if options.int8_loss >= 0:
            graphs = _smaller(graphs, lists, weights, options.int8_loss)
        final = _ranks(graphs, lists, weights)
        found = {"mrr": final.mean(), "recall@1": (final == 1).mean()}
        told = {"split": "valid", "n": len(lists)}
        metrics = [
            {"name": f"{name} among {LISTED} nearest in mass", "value": float(value), **told}
            for name, value in found.items()
        ]
        say(f"distil: mean reciprocal rank {final.mean():.3f} of {len(lists)} held-out molecules")
    taught = tuple({"role": "teacher", "name": t.name, "digest": t.digest} for t in teachers)
    return write_bundle(
        job.run.student(card.name, card.version),
        graphs=graphs,
        task="embed",
        modality="msms",
        input={"kind": "peaks", "precursor": list(PRECURSOR), "fingerprint": NAME},
        preprocessing=tuple(Step(*step) for step in steps(options.max_peaks)),
        plugin={"name": card.plugin, "version": card.plugin_version},
        calibration={"block_weights": [float(w) for w in weights],
                     "losses": asdict(options.weights)},
        data=(*job.run.data(), *taught),
        metrics=tuple(metrics),
        summary=card.summary,
        licence=card.licence,
        attributions=card.attributions,
        replace_old=True,
    )  # fmt: skip


def spectrum_graph(student: Student, train: Views) -> bytes:
    """Return ``encode_spectrum`` as ONNX, equal to torch at two batch sizes."""

    def sample(n: int) -> dict[str, torch.Tensor]:
        rows = [(7 * n + k) % len(train) for k in range(n)]
        arrays = peaks_of([train.spectra[row] for row in rows])
        arrays["precursor"][0, 0] = float("nan")  # must cope where it is missing
        return arrays

    peaks = ("batch", "peaks")
    dynamic = {"mz": peaks, "intensity": peaks, "mask": peaks, "precursor": ("batch",)}
    return export_graph(student, sample, ["embedding"], dynamic=dynamic)


def molecule_graph(directions: tuple[Directions, ...], smiles: Sequence[str]) -> bytes:
    """Return ``encode_molecule`` as ONNX, equal to torch at two batch sizes."""

    def sample(n: int) -> dict[str, torch.Tensor]:
        chosen = [smiles[k % len(smiles)] for k in range(n)]
        return {"fingerprint": torch.from_numpy(fingerprints(chosen)[0].toarray())}

    encoder = MoleculeEncoder(directions)
    return export_graph(encoder, sample, ["embedding"], dynamic={"fingerprint": ("batch",)})


def encode_with(graph: bytes, views: Views) -> Singles:
    """Return the (groups, B, d) embeddings of the joined views by a graph."""
    joined = [views.spectra[row] for row in views.joined]
    feeds = (
        {name: value.numpy() for name, value in peaks_of(joined[s : s + BATCH]).items()}
        for s in range(0, len(joined), BATCH)
    )
    return np.concatenate(list(_run(graph, feeds)))


def _run(graph: bytes, feeds: Iterable[dict[str, Any]]) -> Iterator[Singles]:
    session = open_graph(graph)
    for one in feeds:
        yield session.run(None, one)[0]


def _ranks(
    graphs: Mapping[str, bytes], lists: Lists, weights: NDArray[np.float64]
) -> NDArray[np.float64]:
    """Return the reciprocal ranks that graphs give to held-out molecules."""
    fingerprint = (
        {"fingerprint": lists.bits[start : start + BATCH].toarray()}
        for start in range(0, lists.bits.shape[0], BATCH)
    )
    vectors = np.concatenate(list(_run(graphs["encode_molecule"], fingerprint)))
    embedding = encode_with(graphs["encode_spectrum"], lists.views)
    scores = block_scores(replace(lists, vectors=vectors), embedding)
    return reciprocal_ranks(scores, weights)


def _smaller(
    graphs: Mapping[str, bytes], lists: Lists, weights: NDArray[np.float64], most: float
) -> dict[str, bytes]:
    """Return the graphs with int8 weights where held-out ranks allow it, one after the other."""
    chosen = dict(graphs)
    before = float(_ranks(chosen, lists, weights).mean())
    for role, graph in graphs.items():

        def lost(smaller: bytes, role: str = role) -> float:
            now = float(_ranks({**chosen, role: smaller}, lists, weights).mean())
            return max(0.0, before - now)

        found = quantised(graph, lost, most=most)
        chosen[role] = found.graph
        kept = "int8" if found.kept else "float32"
        say(
            f"distil: {role} stays {kept}: int8 costs {found.change:.4f} of mean reciprocal rank, "
            f"{len(found.graph) / 1e6:.1f} MB"
        )
    return chosen
