"""Write old_nir.csv, new_nir.csv and daily_nir.csv: simulated grain on two instruments.

    python tests/data/make_instruments.py [FOLDER]

Nothing was measured. A sample is a mixture of moisture, protein, fat and starch; its absorbance is
the sum of their Gaussian bands at the positions that the literature gives for such overtones and
combinations (Beer-Lambert), times a path length, on an offset and a slope that scattering leaves.
An instrument moves the wavelengths, widens the bands by its slit, bends the photometric scale and
adds stray light and noise. Standard library only; everything random comes from named seeds and
absorbances are rounded to 1e-5: a rerun gives the same bytes.
"""

import math
import random
import sys
from dataclasses import dataclass, replace
from pathlib import Path

CHANNELS = range(1100, 2301, 12)  # nm

# Component: (centre nm, height per percent at a path length of 1, standard deviation nm).
BANDS = {
    "moisture": (
        (1450, 0.0140, 38),  # O-H stretch, first overtone
        (1940, 0.0260, 36),  # O-H stretch and bend
    ),
    "protein": (
        (1510, 0.0042, 32),  # N-H stretch, first overtone
        (2055, 0.0085, 30),  # N-H stretch and amide II
        (2180, 0.0075, 28),  # amide I and III
    ),
    "fat": (
        (1210, 0.0050, 24),  # C-H stretch, second overtone
        (1725, 0.0160, 18),  # C-H2 stretch, first overtone
        (1765, 0.0120, 16),
        (2310, 0.0300, 20),  # C-H stretch and bend
    ),
    "starch": (
        (1205, 0.0014, 34),  # C-H stretch, second overtone
        (1590, 0.0020, 55),  # O-H stretch, bound
        (2100, 0.0052, 48),  # O-H bend and C-O stretch
        (2285, 0.0046, 30),  # C-H stretch and C-H2 bend
    ),
}
SEL = {"moisture": 0.12, "protein": 0.20}  # percent: standard error of the reference method


@dataclass(frozen=True)
class Instrument:
    """What an instrument does to a spectrum.

    Attributes:
        shift: nm that a band lies too high at 1100 nm; ``stretch`` nm more at 2300 nm.
        slit: full width at half maximum in nm.
        gain: relative error of the photometric scale, a half cosine along the axis.
        stray: share of the light that never passed the sample.
        noise: standard deviation of absorbance.
    """

    name: str
    shift: float
    stretch: float
    slit: float
    gain: float
    stray: float
    noise: float


OLD = Instrument("old", shift=0.0, stretch=0.0, slit=8.0, gain=0.0, stray=0.0, noise=2e-4)
NEW = Instrument("new", shift=1.5, stretch=1.5, slit=20.0, gain=0.04, stray=0.004, noise=3e-4)
MOVED = replace(NEW, shift=NEW.shift + 1.2)  # the second day of daily_nir.csv, after a service

# What `spectrakit transfer plan --standards 12` chose from old_nir.csv.
STANDARDS = (3, 7, 9, 10, 22, 24, 28, 36, 40, 41, 55, 57)


@dataclass(frozen=True)
class Cup:
    """A filled cup: percent of each component, and what its packing does to the light."""

    amounts: dict[str, float]
    path: float
    offset: float
    slope: float  # absorbance from 1100 to 2300 nm


def amounts_of(sample: str) -> dict[str, float]:
    """Return the true composition of a sample in percent; the four add up to 100."""
    rng = random.Random(f"composition of {sample}")
    amounts = {
        "moisture": rng.uniform(8.0, 16.0),
        "protein": rng.uniform(8.0, 17.0),
        "fat": rng.uniform(1.0, 5.0),
    }
    return {**amounts, "starch": 100.0 - sum(amounts.values())}


def cup_of(sample: str, filling: str) -> Cup:
    """Return a filling of the cup with a sample: another filling scatters otherwise."""
    rng = random.Random(f"{filling} filling of {sample}")
    return Cup(
        amounts_of(sample),
        path=rng.uniform(0.9, 1.1),
        offset=rng.uniform(0.05, 0.20),
        slope=rng.uniform(0.00, 0.10),
    )


def references_of(sample: str) -> dict[str, float]:
    """Return what the reference laboratory finds, in percent: the truth and its error."""
    rng = random.Random(f"reference of {sample}")
    return {name: amounts_of(sample)[name] + rng.gauss(0.0, sel) for name, sel in SEL.items()}


def absorbances(cup: Cup, instrument: Instrument, measurement: str) -> list[float]:
    """Return the absorbance at each channel as the instrument reads it."""
    rng = random.Random(f"noise of {measurement}")
    slit = instrument.slit / 2.354820045
    values: list[float] = []
    for channel in CHANNELS:
        along = (channel - 1100) / 1200
        place = channel - instrument.shift - instrument.stretch * along
        bands = 0.0
        for name, percent in cup.amounts.items():
            for centre, height, sigma in BANDS[name]:
                wide = math.hypot(sigma, slit)  # a Gaussian slit keeps the area of a Gaussian band
                z = (place - centre) / wide
                bands += percent * height * sigma / wide * math.exp(-0.5 * z * z)
        value = cup.offset + cup.slope * along + cup.path * bands
        value *= 1.0 + instrument.gain * math.cos(math.pi * along)
        value = -math.log10((10.0**-value + instrument.stray) / (1.0 + instrument.stray))
        values.append(value + rng.gauss(0.0, instrument.noise))
    return values


def row(sample: str, instrument: Instrument, facts: str, filling: str, day: str = "") -> str:
    """Return one line of a table: facts, then absorbances."""
    name = f"{sample} {filling} {instrument.name} {day}"
    values = absorbances(cup_of(sample, filling), instrument, name)
    cells = [sample, instrument.name, facts, *(f"{value:.5f}" for value in values)]
    return ",".join(cells)


def with_references(sample: str, split: str) -> str:
    """Return the cells of split, reference values and their errors."""
    cells = [split]
    for name, value in references_of(sample).items():
        cells += [f"{value:.2f}", f"{SEL[name]:.2f}"]
    return ",".join(cells)


def split_of(number: int) -> str:
    """Return the split of a sample of the old instrument: standards are there to learn from."""
    return "train" if number % 4 or number in STANDARDS else "test"


def table(columns: str, rows: list[str]) -> bytes:
    """Return a CSV: the header names each channel by its position."""
    header = ",".join(["sample", "instrument", columns, *(str(channel) for channel in CHANNELS)])
    return "\n".join([header, *rows, ""]).encode()


def main(folder: Path) -> None:
    grain = [f"grain-{number:02d}" for number in range(1, 81)]
    calibration, tests = grain[:60], grain[60:]
    standards = [grain[number - 1] for number in STANDARDS]
    facts = "split,moisture [%],moisture_sel,protein [%],protein_sel"
    old = [
        row(sample, OLD, with_references(sample, split_of(k)), "first")
        for k, sample in enumerate(calibration, start=1)
    ]
    new = [row(one, NEW, with_references(one, "train"), "second") for one in standards]
    new += [row(one, NEW, with_references(one, "test"), "first") for one in tests]
    # Four sealed cups with standards, as at the transfer, measured again on two later days.
    days = [("2026-11-30", NEW), ("2026-12-07", MOVED)]
    daily = [
        row(sample, instrument, day, "second", day)
        for day, instrument in days
        for sample in standards[1::3]
    ]
    (folder / "old_nir.csv").write_bytes(table(facts, old))
    (folder / "new_nir.csv").write_bytes(table(facts, new))
    (folder / "daily_nir.csv").write_bytes(table("date", daily))


if __name__ == "__main__":
    main(Path(sys.argv[1]) if len(sys.argv) > 1 else Path(__file__).parent)
