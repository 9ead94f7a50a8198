"""One graph on real instruments' spectra answers what scikit-learn answers step by step."""

import csv
import gzip

import numpy as np
import pytest

from spectrakit.bundle import Bundle, write_bundle
from spectrakit.bundle.predict import predict
from spectrakit.bundle.trace_graph import Member, TraceGraph
from spectrakit.preprocess.trace_chain import parse_chain
from spectrakit.preprocess.trace_steps import apply_trace_steps, fit_steps
from spectrakit.spectrum import Axis, Modality, Spectrum

FILES = {  # file: (instrument, properties, axis unit, common chain)
    "corn": ("m5", ("moisture", "starch"), "nm", "resample(1110-2490/4)"),
    "tablets_idrc2002": ("spec1", ("assay",), "nm", "cut(600-1638)"),
    "sugarcane_NIRscanNano": ("NIRscanNano", ("CP", "ADF"), "nm", "resample(905-1695/5)"),
    "raman_bioprocess_timegate": ("timegate", ("glucose",), "cm-1", "resample(210-1990/4),als"),
}
PREPARED = ("raw", "sg1", "sg2", "snv", "snv,sg1", "snv,sg2", "msc,detrend", "autoscale")


def read(path, instrument, properties):
    with gzip.open(path, "rt", encoding="utf-8") as stream:
        rows = [row for row in csv.DictReader(stream) if row["instrument_id"] == instrument]
    channels = [name for name in rows[0] if name.replace(".", "").isdigit()]
    values = np.array([[float(row[name]) for name in channels] for row in rows])
    targets = np.array([[float(row[name]) for name in properties] for row in rows])
    return np.array([float(name) for name in channels]), values[:80], targets[:80]


@pytest.mark.parametrize("name", FILES)
def test_an_ensemble_in_one_graph_is_scikit_learns(shared_data, tmp_path, name):
    from sklearn.cross_decomposition import PLSRegression

    instrument, properties, unit, text = FILES[name]
    path = shared_data / "vib" / "caltransfer" / f"{name}.csv.gz"
    raw_axis, values, targets = read(path, instrument, properties)
    whole = np.isfinite(targets).all(axis=1)
    graph = TraceGraph(raw_axis, dtype=np.float32)
    given = values.astype(np.float32).astype(np.float64)
    chain = fit_steps(parse_chain(text), given, raw_axis)
    graph.apply(chain)
    common, axis = apply_trace_steps(given, raw_axis, chain)
    low, high = targets[whole].min(axis=0), targets[whole].max(axis=0)
    members, answers = [], []
    for number, prepared in enumerate(PREPARED):
        steps = fit_steps(parse_chain(prepared), common, axis)
        graph.basis(prepared, steps)
        x = apply_trace_steps(common, axis, steps)[0]
        model = PLSRegression(4, scale=False).fit(x[whole], targets[whole])
        slope = model.coef_.T
        offset = model.intercept_ - model._x_mean @ slope
        weight = (number + 1) / 36
        members.append(Member(prepared, slope, offset, weight, low, high))
        predicted = model.predict(x).reshape(len(x), -1)
        answers.append(weight * np.clip(predicted, low, high))
    graph.head(members)
    bundle = Bundle(
        write_bundle(
            tmp_path / "real@1",
            graphs={"predict": graph.to_bytes(check=values)},
            task="regress",
            modality="nir",
            input={"kind": "trace", "axis": raw_axis.tolist(), "axis_unit": unit},
            properties=tuple({"name": one, "unit": ""} for one in properties),
        )
    )
    spectra = (
        Spectrum(Modality.NIR, Axis(raw_axis, unit), row.astype(np.float32), is_trace=True)
        for row in values
    )
    found = np.array([one.value for one in predict(bundle, spectra)]).reshape(targets.shape)
    np.testing.assert_allclose(found, sum(answers), rtol=1e-8)
