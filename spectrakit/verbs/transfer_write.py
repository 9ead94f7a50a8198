"""The files of a transfer: bundle, metrics.json, report and a line of the record."""

import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import numpy as np

from spectrakit import __version__
from spectrakit.accounting import Summary
from spectrakit.atomic import atomic_path
from spectrakit.bundle import write_bundle
from spectrakit.bundle.trace_graph import Inlined, Member, TraceGraph
from spectrakit.io.streams import on_disk
from spectrakit.preprocess.trace_chain import chain_text, parse_chain
from spectrakit.transfer.control import control_facts
from spectrakit.transfer.lock import locked
from spectrakit.transfer.record import Entry, append, file_facts
from spectrakit.transfer.result import PropertyResult, TransferResult
from spectrakit.verbs.outputs import make_folder
from spectrakit.verbs.transfer_folder import CURRENT, TransferFolder, outputs_of
from spectrakit.verbs.transfer_result import Fitting

METRICS, REPORT = "metrics.json", "report.html"
_ENOUGH = 5  # test samples whose errors stand for those of new ones
_CONTROLS = 10  # samples that stand for standards where there are none


def write_transfer(
    found: Fitting, settings: Mapping[str, Any], name: str, out: Path, summary: Summary,
    reason: str, png: bool,
) -> list[str]:  # fmt: skip
    """Write everything of one fit into a transfer folder; the version in use changes last.

    What takes long, drawing above all, is done before any file gets its name: a fit that is
    stopped there leaves the folder as it was, and ``verify`` content.

    Returns lines that say what came out.
    """
    from spectrakit.report.transfer import write_transfer_report

    make_folder(out)
    folder = TransferFolder(out)
    about = {**found.result.about, "parameters": dict(settings), "spectrakit": __version__}
    metrics = out / METRICS
    inputs = [file_facts(on_disk(Path(one.path)), one.path) for one in summary.inputs]
    with locked(out / CURRENT):
        label = folder.next_label(name or _slug("-".join(settings["properties"])))
        with atomic_path(metrics) as facts, atomic_path(out / REPORT) as page:
            _write_json(facts, metrics_of(found.result, label))
            title = _title(found.result)
            write_transfer_report(replace(found.result, about=about), page, title)
            if png:
                from spectrakit.report.png import write_png

                summary.outputs += [str(path) for path in write_png(found.result, out)]
            _write_bundle(found, label, out, settings)
        folder.use(label)
        head = append(
            out,
            Entry(
                action="fit",
                reason=reason,
                parameters=dict(settings),
                inputs=inputs,
                outputs=outputs_of(out, label, (METRICS, REPORT)),
                result={
                    "label": label,
                    "forced": [gate.name for gate in found.result.gates if not gate.passed],
                },
            ),
        )
    summary.outputs += [str(out / label), str(metrics), str(out / REPORT)]
    return [
        *(_in_short(one) for one in found.result.properties),
        f"{out / label} is in use; head of the record: {head}",
    ]


def _in_short(one: PropertyResult) -> str:
    """Return the result of a property as one line."""
    row = next(row for row in one.rows if row.method == one.method)
    told = [f"{one.name}: {one.method}"]
    if row.rmsep is not None:
        told.append(f"RMSEP {row.rmsep:.4g} {one.unit}".rstrip() + f" on {row.n_test} test samples")
    if row.cv_rmse is not None:
        told.append(f"{row.cv_rmse:.4g} on standards left out")
    half = one.interval.half_width
    interval = f"± {half:.4g}" if half is not None else f"none ({one.interval.reason})"
    told.append(f"{one.interval.level:.0%} interval {interval}")
    return ", ".join(told)


def _slug(text: str) -> str:
    kept = "".join(c if c.isascii() and c.isalnum() else "-" for c in text.lower()).strip("-")
    return (kept or "transfer")[:48]


def _title(result: TransferResult) -> str:
    names = ", ".join(one.name for one in result.properties)
    return f"{names}: {result.source} to {result.target}"


def _write_bundle(found: Fitting, label: str, out: Path, settings: Mapping[str, Any]) -> None:
    graph = TraceGraph(found.raw.axis)
    graph.apply(found.steps)
    base = "common"
    if found.resampling is not None:
        zeros = np.zeros(found.resampling.shape[1])
        base = graph.affine("shared", found.resampling, zeros, axis=found.axis)
    bases = {"raw": base}
    if any(term.basis == "snv" for term in found.calibration.terms):
        bases["snv"] = graph.basis("snv", parse_chain("snv"), of=base)
    graph.head(
        [
            Member(bases[t.basis], t.slope, t.offset, t.weight, t.low, t.high)
            for t in found.calibration.terms
        ],
        inlined=[Inlined(base, g.model(), g.place) for g in found.calibration.graphs],
    )
    gate: dict[str, Any] = {"forced": any(not g.passed for g in found.result.gates)}
    if found.gate is not None:
        graph.gate(found.gate.mean, found.gate.loadings, found.gate.variances, basis=base)
        gate |= {"q": found.gate.q_limit, "t2": found.gate.t2_limit}
    properties = found.result.properties
    write_bundle(
        out / label,
        graphs={"predict": graph.to_bytes(check=found.raw.values[:17])},
        units={"predict": {"value": ", ".join(one.unit for one in properties)}},
        task="regress",
        modality=found.raw.modality,
        input={
            "kind": "trace",
            "axis": found.raw.axis.tolist(),
            "axis_unit": found.raw.axis_unit,
            "value_unit": found.raw.value_unit,
            "resample": True,
            "graph_steps": chain_text(found.steps),
        },
        properties=[{"name": one.name, "unit": one.unit} for one in properties],
        calibration={
            "coverage": properties[0].interval.level,
            "half_width": [one.interval.half_width for one in properties],
            "reason": [one.interval.reason for one in properties],
            "drift": _control(found, graph),
        },
        gate=gate,
        metrics=_manifest_metrics(properties),
        summary=f"Calibration of {_title(found.result)}",
        data=[{"samples": len(found.result.scores), "standards": len(found.check_ids)}],
    )


def _control(found: Fitting, graph: TraceGraph) -> dict[str, Any]:
    """Return what daily standards are held against: the standards, or else some samples."""
    place = {name: k for k, name in enumerate(found.raw.samples)}
    ids = [name for name in found.check_ids if name in place] or list(found.raw.samples[:_CONTROLS])
    spectra = found.raw.values[[place[name] for name in ids]]
    errors: dict[str, Any] = {}
    for one in found.result.properties:
        judged = one.test if one.test is not None and len(one.test.known) >= _ENOUGH else None
        judged = judged or one.standards
        error = judged.value - judged.known
        errors[one.name] = error[np.isfinite(error)]
    names = [one.name for one in found.result.properties]
    return control_facts(ids, spectra, graph.expected(spectra)["value"], names, errors)


def _manifest_metrics(properties: Sequence[PropertyResult]) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = []
    for one in properties:
        row = next((row for row in one.rows if row.method == one.method), None)
        if row is None:
            continue
        if row.rmsep is not None:
            found.append(
                {"name": f"rmsep {one.name}", "value": row.rmsep, "split": "test", "n": row.n_test}
            )
        elif row.cv_rmse is not None:
            found.append(
                {
                    "name": f"rmse {one.name}",
                    "value": row.cv_rmse,
                    "split": "standards left out",
                    "n": row.n_standards,
                }
            )
    return found


def metrics_of(result: TransferResult, label: str) -> dict[str, Any]:
    """Return ``metrics.json``: for each property and method every figure, and the choice."""
    return {
        "bundle": label,
        "source": result.source,
        "target": result.target,
        "standards": list(result.standards),
        "properties": {one.name: _property(one) for one in result.properties},
        "gates": [_plain(asdict(gate)) for gate in result.gates],
        "about": _plain(dict(result.about)),
    }


def _property(one: PropertyResult) -> dict[str, Any]:
    return {
        "unit": one.unit,
        "chosen": one.method,
        "why": one.why,
        "weights": dict(one.weights),
        "sel": one.sel,
        "interval": _plain(asdict(one.interval)),
        "tests": [_plain(asdict(test)) for test in one.tests],
        "methods": {row.method: _plain(asdict(row)) for row in one.rows},
    }


def _plain(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {str(key): _plain(item) for key, item in value.items() if key != "seconds"}
    if isinstance(value, list | tuple):
        return [_plain(item) for item in value]
    if isinstance(value, np.generic):
        value = value.item()
    return None if isinstance(value, float) and not math.isfinite(value) else value


def _write_json(path: Path, body: Mapping[str, Any]) -> None:
    text = json.dumps(body, indent=1, ensure_ascii=False, allow_nan=False)
    path.write_text(text + "\n", encoding="utf-8", newline="\n")
