"""Whether a transfer still holds: control charts over the days, and what to do.

Residuals are predicted minus known of control samples; a day counts by its mean over samples.

Source: Shewhart 1931 (limits at 2 and 3 sd of the mean); Page 1954, Biometrika 41, 100 (CUSUM;
k = 0.5 and h = 5 after Montgomery, Introduction to Statistical Quality Control, chapter 9).
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import isfinite, nan, sqrt

import numpy as np

from spectrakit.transfer.control import ControlFacts
from spectrakit.transfer.gated import PASS
from spectrakit.transfer.history import Control

WARNING, ACTION = 2.0, 3.0  # sd of a day's mean
SLACK, DECISION = 0.5, 5.0  # CUSUM's k and h, in sd
CONFIDENCE = 0.9973  # of the spread's limit: as much as 3 sd
# Replicates taken one after the other differ less than days do, and a bias well below the model's
# own error harms no result: no sd is taken below this share of the residual's.
LEAST_SHARE = 0.3
SHIFT_SD = 0.1  # channels, of a sample where the fit had no replicates
LEAST_SHIFT_SD = 0.02  # channels, of a day: temperature moves all samples alike
LARGE_SHIFT = 0.1  # channels; a smaller one matters only where answers are off, too
VERDICTS = ("keep", "watch", "bias correction", "transfer again")
FEWEST_FOR_SPREAD = 4
_ROUNDING = 1e-6  # sd below which an error is one of rounding
_SHOWN = 5  # ids of standards in a message


@dataclass(frozen=True, slots=True)
class Day:
    """The chart of one property on one day: mean residual, its sd, z and both CUSUM sums."""

    date: str
    n: int  # samples
    mean: float
    sd: float
    z: float
    high: float
    low: float
    start: str  # day since which the larger sum is above zero


@dataclass(frozen=True, slots=True)
class PropertyDrift:
    """What is found of one property: its days so far, verdict and reasons."""

    property: str
    days: tuple[Day, ...]
    verdict: str
    reasons: tuple[str, ...]
    correction: float | None  # to be added to answers


@dataclass(frozen=True, slots=True)
class Drift:
    """What is found of one day, over all properties and spectra."""

    verdict: str
    reasons: tuple[str, ...]
    properties: tuple[PropertyDrift, ...]
    shift: float  # channels, mean of the day's samples; NaN where not known


def sd_of(facts: ControlFacts, one: Control, replicates: int = 1) -> float:
    """Return the standard deviation of a residual; NaN where the bundle knows none."""
    residual = facts.residual.get(one.property, nan)
    if one.known_from != "fit":
        return residual
    repeat = facts.repeatability.get(one.property, nan)
    if not isfinite(repeat):
        return residual
    before = facts.replicates.get(one.sample, 1)
    own = repeat * sqrt(1 / replicates + 1 / before)
    return max(own, LEAST_SHARE * residual) if isfinite(residual) else own


def judge(
    facts: ControlFacts, controls: Sequence[Control], date: str, units: Mapping[str, str]
) -> Drift:
    """Judge one day by all that was measured until then.

    Args:
        facts: what the bundle keeps.
        controls: of this bundle, any days.
        date: the day.
        units: property -> unit; every property of the bundle.
    """
    until = [one for one in controls if one.date <= date]
    today = [one for one in until if one.date == date]
    found = tuple(_property(facts, until, today, name, unit) for name, unit in units.items())
    reasons: list[str] = []
    verdict = "keep"
    for part in ((one.verdict, one.reasons) for one in found):
        verdict, reasons = _worse(verdict, part[0]), [*reasons, *part[1]]
    biased = any(one.verdict == "bias correction" for one in found)
    shift, (shift_verdict, said) = _shift(facts, today, biased)
    gate_verdict, gate_said = _gates(today)
    for one in (shift_verdict, gate_verdict):
        verdict = _worse(verdict, one)
    if today and not any(isfinite(one.residual()) for one in today):
        verdict = _worse(verdict, "watch")  # no answer was held against anything
        said = (*said, _unknown(facts, today))
    return Drift(verdict, (*reasons, *said, *gate_said), found, shift)


def _unknown(facts: ControlFacts, today: Sequence[Control]) -> str:
    first, known = today[0].sample, list(facts.samples)
    more = " ..." if len(known) > _SHOWN else ""
    return (
        f"no value was judged: '{first}' is no standard of the fit and has no reference value "
        f"(standards: {', '.join(known[:_SHOWN])}{more}); give --targets"
    )


def _worse(one: str, other: str) -> str:
    return max(one, other, key=VERDICTS.index)


def _samples(facts: ControlFacts, some: Sequence[Control]) -> list[tuple[float, float]]:
    """Return residual and its sd of each sample, replicates averaged; those not known left out."""
    groups: dict[str, list[Control]] = {}
    for one in some:
        if isfinite(one.residual()):
            groups.setdefault(one.sample, []).append(one)
    means = [float(np.mean([one.residual() for one in group])) for group in groups.values()]
    sds = [sd_of(facts, group[0], len(group)) for group in groups.values()]
    return [(mean, sd) for mean, sd in zip(means, sds, strict=True) if isfinite(sd) and sd > 0]


def chart(facts: ControlFacts, controls: Sequence[Control]) -> tuple[Day, ...]:
    """Return the days of one property, oldest first; after an alarm CUSUM starts anew."""
    days: list[Day] = []
    high = low = 0.0
    high_start = low_start = ""
    by_date: dict[str, list[Control]] = {}
    for one in controls:
        by_date.setdefault(one.date, []).append(one)
    for date, some in sorted(by_date.items()):
        pairs = _samples(facts, some)
        if not pairs:
            continue
        mean = float(np.mean([residual for residual, _ in pairs]))
        sd = sqrt(sum(sd**2 for _, sd in pairs)) / len(pairs)
        z = mean / sd
        high_start = high_start if high > 0 else date
        low_start = low_start if low > 0 else date
        high, low = max(0.0, high + z - SLACK), max(0.0, low - z - SLACK)
        start = high_start if high >= low else low_start
        days.append(Day(date, len(pairs), mean, sd, z, high, low, start))
        if abs(z) > ACTION or max(high, low) > DECISION:
            high = low = 0.0
    return tuple(days)


def _property(
    facts: ControlFacts,
    until: Sequence[Control],
    today: Sequence[Control],
    name: str,
    unit: str,
) -> PropertyDrift:
    days = chart(facts, [one for one in until if one.property == name])
    if not today or not days or days[-1].date != today[0].date:
        why = f"{name}: no control sample with a known value and a limit, so it is not judged"
        return PropertyDrift(name, days, "keep", (why,), None)
    day = days[-1]
    shown = f" {unit}".rstrip()
    over = "1 sample" if day.n == 1 else f"{day.n} samples"
    real = 0.0 if abs(day.z) < _ROUNDING else 1.0  # the spectra of the fit themselves
    mean = f"{name}: mean error {real * day.mean + 0.0:+.4g}{shown} over {over} is "
    mean += f"{real * day.z + 0.0:+.1f} sd"
    pairs = _samples(facts, [one for one in today if one.property == name])
    spread = sum((residual - day.mean) ** 2 / sd**2 for residual, sd in pairs)
    if len(pairs) >= FEWEST_FOR_SPREAD and spread > (limit := _chi2(len(pairs) - 1)):
        why = (
            f"{name}: errors of the samples differ among themselves by more than chance "
            f"(chi2 {spread:.1f}, limit {limit:.1f}): no one bias corrects them"
        )
        return PropertyDrift(name, days, "transfer again", (why,), None)
    cusum = max(day.high, day.low)
    if abs(day.z) > ACTION or cusum > DECISION:
        since = [day] if abs(day.z) > ACTION else [one for one in days if one.date >= day.start]
        weight = sum(1 / one.sd**2 for one in since)
        bias = sum(one.mean / one.sd**2 for one in since) / weight
        half = 1.96 / sqrt(weight)
        limit = f"action at {ACTION:g}" if abs(day.z) > ACTION else (
            f"CUSUM {cusum:.1f} since {day.start}, limit {DECISION:g}"
        )  # fmt: skip
        why = (
            f"{mean} ({limit}): add {-bias:+.4g}{shown} to answers "
            f"(95 %: {-bias - half:+.4g} to {-bias + half:+.4g})"
        )
        return PropertyDrift(name, days, "bias correction", (why,), -bias)
    if abs(day.z) > WARNING:
        return PropertyDrift(name, days, "watch", (f"{mean} (warning at {WARNING:g})",), None)
    return PropertyDrift(name, days, "keep", (f"{mean}: within its limits",), None)


def _chi2(freedom: int) -> float:
    from scipy.stats import chi2

    return float(chi2.ppf(CONFIDENCE, freedom))


def _spectra(today: Sequence[Control]) -> list[Control]:
    """Return one measurement for each spectrum, whatever number of properties it gave."""
    return list({(one.sha256, one.number): one for one in today}.values())


def _shift(
    facts: ControlFacts, today: Sequence[Control], biased: bool
) -> tuple[float, tuple[str, tuple[str, ...]]]:
    """Return the day's shift against the same samples at the fit, its verdict and reasons."""
    groups: dict[str, list[float]] = {}
    for one in _spectra(today):
        if isfinite(one.shift):
            groups.setdefault(one.sample, []).append(one.shift)
    if not groups:
        return nan, ("keep", ())
    mean = float(np.mean([np.mean(some) for some in groups.values()]))
    variance = 0.0
    for sample, some in groups.items():
        before = facts.replicates.get(sample, 1)
        known = isfinite(facts.shift_sd)
        variance += facts.shift_sd**2 * (1 / len(some) + 1 / before) if known else SHIFT_SD**2
    z = mean / max(sqrt(variance) / len(groups), LEAST_SHIFT_SD)
    why = f"the wavelength axis is off by {mean:+.3f} channels ({z:+.1f} sd)"
    if abs(z) > ACTION and (abs(mean) >= LARGE_SHIFT or biased):
        return mean, ("transfer again", (f"{why}: no bias corrects that",))
    return mean, ("watch", (why,)) if abs(z) > WARNING else ("keep", ())


def _gates(today: Sequence[Control]) -> tuple[str, tuple[str, ...]]:
    spectra = [one for one in _spectra(today) if one.gate]
    beyond = sum(one.gate != PASS for one in spectra)
    if not beyond:
        return "keep", ()
    why = f"{beyond} of {len(spectra)} spectra are beyond the limits of q or t2"
    if beyond == 1:  # one bad measurement is no news of the instrument
        return "watch", (f"{why}: measure that sample again",)
    return ("transfer again" if 2 * beyond > len(spectra) else "watch"), (why,)
