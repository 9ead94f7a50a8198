"""Figures of spectra: two instruments over each other, what is left between them, one choice."""

from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from spectrakit.report.drawing import (
    BLUE,
    FAINT,
    GREEN,
    RED,
    SOFT,
    canvas,
    key,
    label,
    quantity,
)
from spectrakit.report.text import count
from spectrakit.transfer.result import Spectra, TransferResult

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure as Canvas

FloatArray = NDArray[np.float64]
_MOST_LINES = 12  # thin lines of one instrument; more only darken the figure
_MOST_POINTS = 700  # of one line: twice the pixels it gets on a telephone
_AXES = {
    "nm": ("Wavelength", "nm"),
    "um": ("Wavelength", "µm"),
    "cm-1": ("Wavenumber", "cm⁻¹"),
    "ppm": ("Chemical shift", "ppm"),
    "m/z": ("m/z", ""),
    "Hz": ("Frequency", "Hz"),
    "eV": ("Energy", "eV"),
    "s": ("Time", "s"),
    "min": ("Time", "min"),
    "pixel": ("Pixel", ""),
    "index": ("Channel", ""),
    "": ("Channel", ""),
}
_VALUES = {
    "absorbance": ("Absorbance", ""),
    "transmittance": ("Transmittance", ""),
    "percent transmittance": ("Transmittance", "%"),
    "reflectance": ("Reflectance", ""),
    "percent reflectance": ("Reflectance", "%"),
    "counts": ("Intensity", "counts"),
    "arbitrary": ("Intensity", "arbitrary units"),
    "": ("Signal", ""),
}


def name_axes(axes: "Axes", spectra: Spectra, value_unit: str, modality: str) -> None:
    """Title both axes; wavenumbers and chemical shifts fall to the right, Raman shifts rise."""
    raman = "raman" in modality.lower()
    unit = spectra.axis_unit
    what, written = _AXES.get(unit, (unit, ""))
    if unit == "cm-1" and raman:
        what = "Raman shift"
    axes.set_xlabel(quantity(what, written))
    axes.set_ylabel(quantity(*_VALUES.get(value_unit, (value_unit, ""))))
    finite = spectra.axis[np.isfinite(spectra.axis)]
    if len(finite) and finite.min() < finite.max():
        axes.set_xlim(float(finite.min()), float(finite.max()))
    if unit == "ppm" or (unit == "cm-1" and not raman):
        axes.invert_xaxis()


def same_axis(one: Spectra, other: Spectra | None) -> bool:
    """Say whether two sets of spectra are on one axis, so that they can share a figure."""
    return (
        other is not None
        and one.axis_unit == other.axis_unit
        and one.axis.shape == other.axis.shape
        and bool(np.allclose(one.axis, other.axis))
    )


Panel = tuple["Canvas", str, str]  # drawing, what it shows in words, caption


def panels(result: TransferResult, modality: str) -> list[Panel]:
    """Draw the standards before and after a transfer, and what is left between the instruments.

    Instruments without a common axis get a figure each.
    """
    unit = result.value_unit
    source, before, after = result.source_spectra, result.target_before, result.target_after
    if not len(source.values) and not len(before.values):
        return []
    n = count(len(source.values), "standard")
    from_source = (f"Source {result.source}", source, BLUE, "-")
    from_target = (f"Target {result.target}", before, RED, "--")
    lines = "Strong lines are means, thin lines single samples."
    drawn: list[Panel] = []
    if same_axis(source, before):
        drawn.append(
            (
                overlay([from_source, from_target], unit, modality),
                f"Spectra of {n} on {result.source} and on {result.target}, before the transfer.",
                f"Before: {n} as both instruments measure them. {lines}",
            )
        )
    else:
        for where, layer in ((result.source, from_source), (result.target, from_target)):
            drawn.append(
                (
                    overlay([layer], unit, modality),
                    f"Spectra of {count(len(layer[1].values), 'standard')} on {where}.",
                    f"The standards as {where} measures them, on its own axis. {lines}",
                )
            )
    if after is not None and same_axis(source, after):
        mapped = ("Target, transferred", after, GREEN, "--")
        drawn.append(
            (
                overlay([from_source, mapped], unit, modality),
                f"Spectra of {n} on {result.source} and those of {result.target} mapped to it.",
                f"After: the spectra of the target mapped to the source. {lines}",
            )
        )
    left = differences(source, before, after, unit, modality)
    if left is not None:
        both = " and after" if after is not None else ""
        drawn.append(
            (
                left,
                f"Target minus source for the same standards, before{both} the transfer.",
                "What is left: target minus source for the same standards. Zero would be alike.",
            )
        )
    return drawn


def overlay(
    layers: list[tuple[str, Spectra, str, str]], value_unit: str, modality: str
) -> "Canvas":
    """Draw sets of spectra over each other: (name, spectra, colour, line style), axis shared.

    Every set shows its mean as a strong line and up to 12 of its spectra as thin ones.
    """
    drawing, axes = canvas()
    for _, spectra, colour, _ in layers:
        lines(axes, spectra, colour)
    rows = complete(*(spectra for _, spectra, _, _ in layers))
    for k, (words, spectra, colour, style) in enumerate(layers):
        width = 1.5 if k else 2.8  # the lower one is seen where both agree
        mean_line(axes, spectra, colour, style, words, rows, width)
    name_axes(axes, layers[0][1], value_unit, modality)
    key(axes)
    return drawing


def differences(
    source: Spectra, before: Spectra, after: Spectra | None, value_unit: str, modality: str
) -> "Canvas | None":
    """Draw target minus source for the same standards, before and after the transfer."""
    layers = [("before", before, RED, "--")]
    if after is not None and same_axis(source, after):
        layers.append(("after", after, GREEN, "-"))
    shown = [
        (words, _minus(other, source), colour, style)
        for words, other, colour, style in layers
        if other.values.shape == source.values.shape and same_axis(source, other)
    ]
    if not shown:
        return None
    drawing, axes = canvas()
    axes.axhline(0.0, color=SOFT, linewidth=0.8)
    for _, spectra, colour, _ in shown:
        lines(axes, spectra, colour)
    rows = complete(*(spectra for _, spectra, _, _ in shown))
    for words, spectra, colour, style in shown:
        mean_line(axes, spectra, colour, style, f"Target minus source, {words}", rows)
    name_axes(axes, source, value_unit, modality)
    key(axes)
    return drawing


def chosen_over_all(
    spectra: Spectra, chosen: NDArray[np.int64], value_unit: str, modality: str
) -> "Canvas":
    """Draw the chosen spectra over the range that all of them span."""
    drawing, axes = canvas()
    low, high = extremes(spectra.values)
    order = np.argsort(spectra.axis, kind="stable")
    axes.fill_between(
        spectra.axis[order], low[order], high[order], color=FAINT, alpha=0.5, linewidth=0,
        label=f"All {len(spectra.values)}, lowest to highest",
    )  # fmt: skip
    picked = Spectra(spectra.axis, spectra.axis_unit, spectra.values[chosen], ())
    lines(axes, picked, BLUE, alpha=0.75, most=30, name=f"Chosen {len(chosen)}")
    name_axes(axes, spectra, value_unit, modality)
    key(axes)
    return drawing


def lines(
    axes: "Axes",
    spectra: Spectra,
    colour: str,
    *,
    alpha: float = 0.3,
    most: int = _MOST_LINES,
    name: str | None = None,
) -> None:
    """Draw up to ``most`` spectra, evenly taken, as thin lines; rows without numbers are left."""
    rows = np.flatnonzero(np.isfinite(spectra.values).any(axis=1))
    if len(rows) > most:
        rows = rows[np.linspace(0, len(rows) - 1, most).round().astype(np.int64)]
    for k, row in enumerate(rows):
        x, y = thinned(spectra.axis, spectra.values[row])
        axes.plot(x, y, color=colour, alpha=alpha, linewidth=0.7, label=None if k else name)


def mean_line(
    axes: "Axes",
    spectra: Spectra,
    colour: str,
    style: str,
    name: str,
    rows: NDArray[np.bool_],
    width: float = 1.6,
) -> None:
    """Draw the mean of some of the spectra, of all complete ones if ``rows`` fits others."""
    if len(rows) != len(spectra.values):
        rows = complete(spectra)
    values = spectra.values[rows]
    mean = values.mean(axis=0) if len(values) else np.full(len(spectra.axis), np.nan)
    x, y = thinned(spectra.axis, mean)
    axes.plot(x, y, color=colour, linestyle=style, linewidth=width, label=label(name, 34))


def complete(*sets: Spectra | None) -> NDArray[np.bool_]:
    """Return (n,) which rows have, in every set, all channels that any row of the set has.

    A mean over rows with gaps would step where a row comes or goes. Sets with another number
    of rows than the first are left out.
    """
    first = sets[0]
    n = 0 if first is None else len(first.values)
    whole = np.ones(n, dtype=np.bool_)
    for one in sets:
        if one is not None and len(one.values) == n:
            there = np.isfinite(one.values)
            whole &= there[:, there.any(axis=0)].all(axis=1) & there.any(axis=1)
    return whole


def extremes(values: FloatArray) -> tuple[FloatArray, FloatArray]:
    """Return the (p,) smallest and largest of (n, p) values, NaN where there are none."""
    there = np.isfinite(values)
    low = np.where(there, values, np.inf).min(axis=0, initial=np.inf)
    high = np.where(there, values, -np.inf).max(axis=0, initial=-np.inf)
    none = ~there.any(axis=0)
    return np.where(none, np.nan, low), np.where(none, np.nan, high)


def thinned(axis: FloatArray, values: FloatArray) -> tuple[FloatArray, FloatArray]:
    """Return at most about 700 points of a line that keep every stretch's lowest and highest."""
    order = np.argsort(axis, kind="stable")
    x, y = axis[order], np.where(np.isfinite(values), values, np.nan)[order]
    width = -(-len(x) // (_MOST_POINTS // 2))
    if width <= 2:
        return x, y
    stretches = -(-len(x) // width)
    padded = np.full(stretches * width, np.nan)
    padded[: len(y)] = y
    blocks = padded.reshape(stretches, width)
    start = np.arange(stretches) * width
    low = start + np.where(np.isnan(blocks), np.inf, blocks).argmin(axis=1)
    high = start + np.where(np.isnan(blocks), -np.inf, blocks).argmax(axis=1)
    kept = np.unique(np.concatenate([low, high, [len(x) - 1]]))
    return x[kept], y[kept]


def _minus(other: Spectra, source: Spectra) -> Spectra:
    return Spectra(source.axis, source.axis_unit, other.values - source.values, source.samples)
