"""A transfer folder authored here. Simulated: two bands on a slope, a known linear model.

The "instrument" has 61 channels; a sample is a pair of band heights (fat, water) in percent.
Predictions have a closed form: the least-squares heights of the two bands.
"""

import json

import numpy as np

from spectrakit.accounting import file_sha256
from spectrakit.bundle import Bundle, write_bundle
from spectrakit.bundle.trace_graph import Member, TraceGraph
from spectrakit.spectrum import Axis, Modality, ReferenceValue, SampleInfo, Spectrum
from spectrakit.store import StoreWriter
from spectrakit.transfer.control import control_facts
from spectrakit.transfer.record import Entry, append, file_facts
from spectrakit.verbs.transfer_folder import TransferFolder, outputs_of

AXIS = np.linspace(1100.0, 1700.0, 61)
PROPERTIES = ({"name": "fat", "unit": "%"}, {"name": "water", "unit": "%"})
NOISE = 1e-4  # absorbance
STANDARDS = ("s1", "s2", "s3", "s4", "s5", "s6")


def bands(axis=AXIS, shift=0.0):
    """(2, p): the pure spectra, per percent."""
    middle = np.array([[1250.0], [1480.0]]) + shift
    return 0.02 * np.exp(-0.5 * ((axis - middle) / 45.0) ** 2)


def heights(samples):
    """(n, 2): fat and water of samples, from their numbers."""
    numbers = np.array([int(one[1:]) for one in samples], float)
    return np.column_stack([10 + 3 * np.sin(numbers), 30 + 5 * np.cos(1.7 * numbers)])


def spectra_of(amounts, seed=0, axis=AXIS, shift=0.0, noise=NOISE, offset=0.0):
    rng = np.random.default_rng(seed)
    plain = amounts @ bands(axis, shift)
    return plain + offset + noise * rng.normal(size=plain.shape)


def trace(row, sample="", axis=AXIS, unit="nm", modality=Modality.NIR, native="", **more):
    more.setdefault("value_unit", "absorbance")
    return Spectrum(
        modality, Axis(np.asarray(axis, float), unit), np.asarray(row, float), is_trace=True,
        sample=sample, native_id=native or sample, **more,
    )  # fmt: skip


def store(path, *spectra):
    with StoreWriter(path) as writer:
        for one in spectra:
            writer.add(one)
            for name, known in (one.sample_info.targets if one.sample_info else {}).items():
                writer.add_target(one.sample, name, known.value, known.unit, known.sd)
    return path


def measured(samples=STANDARDS, date="", known=False, **how):
    """Spectra of some samples on the instrument, with a date."""
    amounts = heights(samples)
    found = []
    for name, row, (fat, water) in zip(samples, spectra_of(amounts, **how), amounts, strict=True):
        targets = {"fat": ReferenceValue(fat, "%"), "water": ReferenceValue(water, "%")}
        info = SampleInfo(targets=targets if known else {})
        extra = {"date": date} if date else {}
        found.append(trace(row, name, extra=extra, sample_info=info))
    return found


def fit_into(folder, label, *, gain=1.0, calibration=True, limits=True, said_otherwise=None):
    """Write one version of the model. ``gain`` makes versions differ."""
    rng = np.random.default_rng(5)
    amounts = np.column_stack([rng.uniform(5, 15, 40), rng.uniform(20, 40, 40)])
    values = spectra_of(amounts, seed=6)
    graph = TraceGraph(AXIS)
    graph.head([Member("common", gain * np.linalg.pinv(bands()), np.zeros(2))])
    mean = values.mean(axis=0)
    _, size, right = np.linalg.svd(values - mean, full_matrices=False)
    graph.gate(mean, right[:2].T, size[:2] ** 2 / (len(values) - 1))
    found = graph.expected(values)
    replicates = [one for one in STANDARDS for _ in range(3)]
    standards = spectra_of(heights(replicates), seed=7)
    said = {
        "task": "regress",
        "modality": "nir",
        "input": {
            "kind": "trace", "axis": AXIS.tolist(), "axis_unit": "nm", "resample": True,
            "value_unit": "absorbance",
        },
        "properties": PROPERTIES,
        "gate": {
            "q": 3 * float(found["q"].max()) if limits else None,
            "t2": 3 * float(found["t2"].max()) if limits else None,
            "forced": False,
        },
    }  # fmt: skip
    if calibration:
        errors = {"fat": rng.normal(0, 0.05, 20), "water": rng.normal(0, 0.1, 20)}
        answers = graph.expected(standards)["value"]
        said["calibration"] = {
            "coverage": 0.8,
            "half_width": [0.07, None],
            "reason": ["", "too few standards"],
            "drift": control_facts(replicates, standards, answers, ("fat", "water"), errors),
        }
    path = write_bundle(
        folder / label,
        graphs={"predict": graph.to_bytes(check=values)},
        **{**said, **(said_otherwise or {})},
    )
    return Bundle(path), graph


def fit(folder, source, name="meal", **how):
    """What ``transfer fit`` does to a folder, with the authored model."""
    folder.mkdir(exist_ok=True)
    label = TransferFolder(folder).next_label(name)
    bundle, graph = fit_into(folder, label, **how)
    (folder / "metrics.json").write_text(json.dumps({"label": label}))
    TransferFolder(folder).use(label)
    append(
        folder,
        Entry(
            "fit",
            parameters={"source": [str(source)], "name": name, **how},
            inputs=[file_facts(source)],
            outputs=[*outputs_of(folder, label, ["metrics.json"]),
                     {"path": "current", "sha256": file_sha256(folder / "current")}],
            result={"label": label, "digest": bundle.digest},
        ),
    )  # fmt: skip
    return bundle, graph


def refit(parameters, out):
    """What the fit's verb offers to ``verify``: the same fit, elsewhere."""
    from pathlib import Path

    more = {k: v for k, v in parameters.items() if k not in ("source", "name")}
    fit(Path(out), Path(parameters["source"][0]), parameters["name"], **more)
