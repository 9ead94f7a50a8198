"""Two instruments that see the same Gaussian bands, authored here: no data of anybody.

The second one has a shifted axis, another gain, a baseline and a broader resolution.
"""

from dataclasses import replace

import numpy as np
import pytest

from spectrakit.transfer.result import (
    ControlLimits,
    CurvePoint,
    DriftPoint,
    DriftResult,
    Gate,
    Interval,
    LearningCurve,
    MethodRow,
    PlanResult,
    Predicted,
    PropertyResult,
    Spectra,
    Test,
    TransferResult,
)

METHODS = ("none", "mean difference", "bias", "slope/bias", "DS", "PDS", "SST", "EPO",
           "updating", "JYPLS", "di-PLS", "CORAL", "optimal transport", "recipe R",
           "plain ensemble", "simulated instrument", "CCA", "target-only", "ceiling")  # fmt: skip
NAMES = ("protein", "moisture", "oil", "starch", "ash", "fibre")


def bands(axis, amounts, shift=0.0, broad=1.0):
    """Return (n, p) absorbance of Gaussian bands, one for each column of ``amounts``."""
    centres = np.linspace(axis.min(), axis.max(), amounts.shape[1] + 2)[1:-1] + shift
    width = (axis.max() - axis.min()) / 18 * broad
    shapes = np.exp(-0.5 * ((axis[:, None] - centres) / width) ** 2)
    return amounts @ shapes.T


def table(axis, unit, rng, n, *, target=False):
    amounts = rng.uniform(0.2, 1.0, (n, 6))
    values = bands(axis, amounts, *((0.01 * np.ptp(axis), 1.1) if target else (0.0, 1.0)))
    if target:
        values = 0.9 * values + 0.05 + 0.05 * np.linspace(0, 1, len(axis))
    values += rng.normal(0, 0.002, values.shape)
    return Spectra(axis, unit, values, tuple(f"sample-{k:03d}" for k in range(n))), amounts


def row(method, k, rng, *, test=60, standards=10, scale=0.1):
    if method == "di-PLS":
        why = "the samples are not disjoint: sample-001 is on both sides"
        return MethodRow(method, "target spectra", "", *([None] * 11), standards, test, None, 0.0,
                         refused=why)  # fmt: skip
    k = {"none": 40, "ceiling": -1}.get(method, k)
    cv = scale * (1.0 + 0.25 * k) * rng.uniform(0.9, 1.2)
    error = cv * rng.uniform(0.9, 1.2)
    on = lambda value: value if test else None  # noqa: E731
    own = lambda value: None if method in ("none", "ceiling") else value  # noqa: E731
    return MethodRow(
        method, "paired spectra", "LV 6, window 11", own(cv), own(0.8 * cv), own(1.3 * cv),
        on(error), on(0.85 * error), on(1.2 * error), on(1 - error**2), on(0.1 * error), on(0.98),
        on(0.99 * error), on(1 / error), standards, test, on(1.1 + 0.1 * k) if test >= 40 else None,
        0.05 * abs(k),
    )  # fmt: skip


def predictions(rng, n, scale, half, known=True):
    reference = rng.uniform(8, 14, n)
    value = reference + rng.normal(0, scale, n)
    nothing = np.full(n, np.nan)
    return Predicted(
        tuple(f"sample-{k:03d}" for k in range(n)), reference if known else nothing, value,
        value - half if half else nothing, value + half if half else nothing,
    )  # fmt: skip


def property_of(name, rng, *, n_test, n_standards, methods, half=0.2):
    rows = [
        row(method, (7 * k) % len(methods), rng, test=n_test, standards=n_standards)
        for k, method in enumerate(methods)
    ]
    errors = {one.method: one.cv_rmse or np.inf for one in rows if not one.refused}
    best = min(errors, key=errors.get)
    interval = Interval(0.9, half, n_standards, "", 0.88, "test samples", n_test)
    if half is None:
        why = f"90 % needs 9 residuals, there are {n_standards}"
        interval = Interval(0.9, None, n_standards, why)
    tests = (Test("bias", 0.02, 0.05, True, n_test), Test("SEP", 0.13, 0.12, False, n_test),
             Test("slope", 0.98, 0.95, True, n_test))  # fmt: skip
    return PropertyResult(
        name, "%", best, "its error on standards left out is the smallest",
        tuple(rows), {"PDS": 0.7, "target-only": 0.3} if best == "recipe R" else {}, interval,
        predictions(rng, n_standards, 0.12, half),
        predictions(rng, n_test, 0.1, half) if n_test else None,
        tests if n_test else (), 0.08,
    )  # fmt: skip


def curve_of(name, simulated=False):
    counts = (3, 5, 10, 15, 20, 30)
    points = tuple(CurvePoint(n, 0.1 + 0.4 / n, 0.08 + 0.3 / n, 0.12 + 0.7 / n) for n in counts)
    says = "Fifteen standards are worth it: more gain less than 5 %."
    return LearningCurve(name, "%", points, simulated, 15, says)


GATES = (
    Gate("q", 1.2, 2.5, True, "Q of the transferred spectra is 1.2, the limit 2.5."),
    Gate("t2", 5.1, 9.4, True, "T² of the transferred spectra is 5.1, the limit 9.4."),
    Gate("wavelength shift", 0.3, 1.0, True, "The axis is 0.3 nm off, the limit is 1.0 nm."),
)


def transfer_of(
    *, n_properties=1, n_standards=10, n_test=60, n_methods=8, half=0.2, unit="nm", seed=0,
    points=300, gates=GATES, simulated=False,
):  # fmt: skip
    rng = np.random.default_rng(seed)
    axis = np.linspace(1100, 2500, points) if unit == "nm" else np.linspace(400, 4000, points)
    source, amounts = table(axis, unit, rng, 80)
    before, _ = table(axis, unit, np.random.default_rng(seed), 80, target=True)
    standards = rng.choice(80, n_standards, replace=False)
    picked = [
        replace(one, values=one.values[standards], samples=tuple(one.samples[k] for k in standards))
        for one in (source, before)
    ]
    after = replace(
        picked[1], values=picked[0].values + rng.normal(0, 0.004, (n_standards, points))
    )
    centred = amounts - amounts.mean(axis=0)
    left, size, _ = np.linalg.svd(centred, full_matrices=False)
    methods = (METHODS[: n_methods - 2] + METHODS[-2:])[:n_methods]
    properties = tuple(
        property_of(
            NAMES[k % 6] + ("" if k < 6 else str(k)), rng, n_test=n_test, n_standards=n_standards,
            methods=methods, half=half,
        )
        for k in range(n_properties)
    )  # fmt: skip
    return TransferResult(
        "FOSS NIRSystems 5000", "Bruker MPA II", "absorbance", *picked, after,
        (left * size)[:, :2], standards.astype(np.int64), picked[0].samples, properties, gates,
        tuple(curve_of(one.name, simulated) for one in properties),
        {"modality": "nir", "spectrakit": "0.1.0", "seed": 0, "level": 0.9,
         "data": {"source": "corn-a.h5", "sha256": "ab" * 32}, "methods": list(methods)},
    )  # fmt: skip


def plan_of(n_chosen=15, simulated=True):
    rng = np.random.default_rng(3)
    spectra, amounts = table(np.linspace(400, 4000, 900), "cm-1", rng, 80)
    left, size, _ = np.linalg.svd(amounts - amounts.mean(axis=0), full_matrices=False)
    chosen = rng.choice(80, n_chosen, replace=False).astype(np.int64)
    curves = (curve_of("protein", simulated), curve_of("oil", simulated))
    return PlanResult("Renishaw inVia", "raman", "counts", "Kennard–Stone", spectra,
                      (left * size)[:, :2], chosen, curves, {"seed": 0})  # fmt: skip


def drift_of(n=20, verdict="bias correction", slope=0.02, properties=("protein", "oil")):
    rng = np.random.default_rng(4)
    points = []
    for day in range(n):
        q, t2 = rng.chisquare(3) / 4, rng.chisquare(2)
        for one in properties:
            known = 11.0 if day != 3 else np.nan
            predicted = 11.0 + slope * day + rng.normal(0, 0.05)
            points.append(
                DriftPoint(f"2026-03-{day + 1:02d}", f"day{day + 1:02d}.spc", "check-A", one,
                           predicted, known, predicted - known, q, t2)
            )  # fmt: skip
    limits = tuple(ControlLimits(one, "%", 0.0, 0.15, 0.25) for one in properties)
    reasons = ("Protein rose above the action limit on 3 days.",)
    return DriftResult("Bruker MPA II", "protein@2", tuple(points), limits, 2.5, 9.2, verdict,
                       reasons, {"level": 0.95})  # fmt: skip


@pytest.fixture(scope="session")
def simulate():
    """The makers of results, by name."""

    class Makers:
        transfer = staticmethod(transfer_of)
        plan = staticmethod(plan_of)
        drift = staticmethod(drift_of)
        property = staticmethod(property_of)
        gates = GATES

    return Makers
