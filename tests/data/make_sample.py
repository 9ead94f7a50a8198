"""Write sample.mzML and sample_truth.tsv: a synthetic DDA run, made from facts, not measured.

    python tests/data/make_sample.py [FOLDER]

Standard library only, with a small mzML writer of its own (sample_mzml.py), so that the file is
an independent check of our reader. The chemistry is in sample_facts.py. Everything random comes
from named seeds, m/z are rounded to 1e-6 and intensities to 0.1: a rerun gives the same bytes.
"""

import math
import random
import re
import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

from sample_facts import COMPOUNDS, CONTAMINANTS, UNKNOWNS, Compound
from sample_mzml import Peaks, Scan, mzml_bytes

# Monoisotopic masses in Da (AME2020) and the electron (CODATA 2018).
MASS = {
    "H": 1.00782503190, "C": 12.0, "N": 14.00307400425, "O": 15.99491461926,
    "F": 18.99840316207, "Na": 22.98976928195, "Si": 27.97692653442, "S": 31.97207117354,
    "Cl": 34.968852694, "Br": 78.918337601, "I": 126.904472592,
}  # fmt: skip
ELECTRON = 0.000548579909065
# Heavy isotopes that show in MS1: mass difference in Da, abundance relative to the light one.
HEAVY = {
    "C": (1.0033548, 0.010816), "N": (0.9970349, 0.003653), "Si": (0.9995684, 0.050780),
    "S": (1.9957959, 0.044742), "Cl": (1.9970499, 0.319958), "Br": (1.9979534, 0.972776),
}  # fmt: skip
CARBON_13 = HEAVY["C"][0]

CYCLE_SECONDS = 7.5  # one positive and one negative survey scan
RUN_SECONDS = 300.0
PEAK_SIGMA_SECONDS = 5.0
BLANK_SECONDS = ((0.0, 40.0), (158.0, 184.0), (258.0, 300.0))  # no MS2 here
PROFILE_RESOLUTION = 17500.0


def atoms(formula: str) -> dict[str, int]:
    """Return the element counts of a formula without brackets."""
    counts: dict[str, int] = {}
    for element, n in re.findall(r"([A-Z][a-z]?)(\d*)", formula):
        counts[element] = counts.get(element, 0) + int(n or 1)
    return counts


def ion_mz(formula: str, charge: int) -> float:
    """Return the exact m/z of an ion formula: the electrons of its charge are taken off."""
    mass = sum(MASS[element] * n for element, n in atoms(formula).items())
    return (mass - charge * ELECTRON) / abs(charge)


def with_error(rng: random.Random, mz: float) -> float:
    """Return the m/z as a good instrument reads it: within 3 ppm."""
    return mz * (1 + max(-2.8, min(2.8, rng.gauss(0.4, 1.0))) * 1e-6)


def isotopes(formula: str, charge: int) -> Peaks:
    """Return the light peak and its first heavy companions as (m/z, relative height)."""
    mz, z = ion_mz(formula, charge), abs(charge)
    peaks = [(mz, 1.0)]
    for element, n in atoms(formula).items():
        if element in HEAVY:
            shift, abundance = HEAVY[element]
            share = n * abundance
            peaks.append((mz + shift / z, share))
            if n > 1:
                peaks.append((mz + 2 * shift / z, share * (n - 1) / n * share / 2))
    return [(m, height) for m, height in peaks if height > 0.004]


def noise(rng: random.Random, n: int, low: float, high: float, top: float) -> Peaks:
    """Return ``n`` peaks at places where organic ions can be, none higher than ``top``."""
    peaks: Peaks = []
    for _ in range(n):
        nominal = math.floor(rng.uniform(low, high))
        defect = nominal * rng.uniform(0.0001, 0.0009) + rng.uniform(-0.01, 0.01)
        peaks.append((nominal + defect, top * rng.uniform(0.15, 1.0) ** 2))
    return peaks


def fragments(compound: Compound, energy: float) -> list[tuple[str, int, float]]:
    """Return (ion formula, charge, relative intensity); other energies tilt the intensities."""
    ions = [(compound.ion, compound.charge, compound.precursor_left)]
    sign = 1 if compound.charge > 0 else -1
    for entry in compound.fragments.split():
        formula, intensity = entry.split(":")
        ions.append((formula, sign, float(intensity)))
    whole = ion_mz(compound.ion, compound.charge) * abs(compound.charge)
    tilt = (energy - 30.0) / 10.0
    return [
        (
            formula,
            charge,
            height * math.exp(tilt * (0.5 - ion_mz(formula, charge) * abs(charge) / whole)),
        )
        for formula, charge, height in ions
    ]


def product_peaks(compound: Compound, energy: float, label: str, first_isotope: bool) -> Peaks:
    """Return the MS2 peaks of a compound; of its M+1 ion when ``first_isotope``.

    With one carbon-13 in the precursor, a fragment holds it with probability nC(fragment) /
    nC(precursor), so each fragment splits into a light and a heavy peak.
    """
    rng = random.Random(label)
    scale = compound.height * 0.012 * (0.25 if first_isotope else 1.0)
    carbons = atoms(compound.ion).get("C", 0)
    peaks: Peaks = []
    for formula, charge, height in fragments(compound, energy):
        mz = with_error(rng, ion_mz(formula, charge))
        height *= scale * rng.uniform(0.88, 1.12)
        heavy = atoms(formula).get("C", 0) / carbons if first_isotope else 0.0
        if heavy < 1:
            peaks.append((mz, height * (1 - heavy)))
        if heavy > 0:
            peaks.append((mz + CARBON_13 / abs(charge), height * heavy))
    top = max(height for _, height in peaks)
    return peaks + noise(
        rng, rng.randint(5, 14), 50, ion_mz(compound.ion, compound.charge), top * 0.012
    )


def as_profile(peaks: Peaks) -> Peaks:
    """Return Gaussian peaks of the stated resolution, sampled eight times per half-width."""
    grid: dict[float, float] = {}
    for mz, height in peaks:
        step = mz / PROFILE_RESOLUTION / 8
        first = round(mz / step) - 14
        for k in range(first, first + 29):
            offset = (k * step - mz) / (8 * step / 2.354820045)
            value = height * math.exp(-0.5 * offset * offset) if 0 < k - first < 28 else 0.0
            grid[k * step] = grid.get(k * step, 0.0) + value
    return sorted(grid.items())


def tandem(compound: Compound, energy: float = 30.0, late: float = 1.0, **special: bool) -> Scan:
    """Return an MS2 scan of a compound, ``late`` seconds after its apex."""
    first_isotope = special.get("first_isotope", False)
    label = f"{compound.name} {energy} {sorted(special)}"
    rng = random.Random("precursor " + label)
    mz = ion_mz(compound.ion, compound.charge)
    peaks = product_peaks(compound, energy, label, first_isotope)
    notes = [name.replace("_", " ") for name in special]
    if not compound.known:
        notes.append("not in HMDB")
    if first_isotope:
        mz += CARBON_13 / abs(compound.charge)
    return Scan(
        compound.rt_seconds + late,
        1 if compound.charge > 0 else -1,
        as_profile(peaks) if special.get("profile") else peaks,
        profile=special.get("profile", False),
        precursor=with_error(rng, mz),
        charge=0 if special.get("charge_missing") else abs(compound.charge),
        energy=energy,
        precursor_intensity=compound.height * rng.uniform(0.6, 0.95),
        truth=compound,
        note="; ".join(notes),
    )


def tandem_scans() -> Iterator[Scan]:
    """Yield every MS2 scan of the run."""
    named = {compound.name: compound for compound in COMPOUNDS}
    for compound in (*COMPOUNDS, *UNKNOWNS):
        yield (
            tandem(compound, charge_missing=True)
            if compound.name == "kynurenine"
            else tandem(compound)
        )
    for name in ("acetaminophen", "caffeine", "citric acid", "sulfamethoxazole", "riboflavin"):
        yield tandem(named[name], 20.0, late=3.5)
    for name in ("propranolol", "cortisol", "theobromine"):
        yield tandem(named[name], 40.0, late=3.5)
    yield tandem(named["tryptophan"], 20.0, late=3.5, profile=True)
    yield tandem(named["verapamil"], 30.0, late=3.5, first_isotope=True)

    mixture: Peaks = []
    for name, share in (("kynurenine", 0.3), ("tryptophan", 0.1)):
        for mz, height in product_peaks(named[name], 30.0, f"wide window {name}", False):
            mixture.append((mz, height * share))
    yield Scan(112.0, 1, mixture, precursor=212.5, isolation=12.5, note="wide window")
    yield Scan(156.0, 1, [], precursor=413.2662, charge=1, note="empty")


def survey_scans() -> Iterator[Scan]:
    """Yield the MS1 scans: compounds with isotopes as they elute, and chemical background."""
    background: dict[int, Peaks] = {}
    for polarity, ions in CONTAMINANTS.items():
        rng = random.Random(f"background {polarity}")
        fixed = [(mz, h * height) for ion, height in ions for mz, h in isotopes(ion, polarity)]
        background[polarity] = fixed + noise(rng, 30, 80, 700, 0.15)
    for cycle in range(int(RUN_SECONDS / CYCLE_SECONDS)):
        for polarity, delay in ((1, 0.0), (-1, 0.4)):
            rt = cycle * CYCLE_SECONDS + delay
            rng = random.Random(f"survey {cycle} {polarity}")
            peaks = [
                (with_error(rng, mz), 2.0e5 * height * rng.uniform(0.8, 1.2))
                for mz, height in background[polarity]
            ]
            for compound in (*COMPOUNDS, *UNKNOWNS):
                if compound.charge * polarity > 0:
                    z = (rt - compound.rt_seconds) / PEAK_SIGMA_SECONDS
                    height = compound.height * math.exp(-0.5 * z * z)
                    for mz, share in isotopes(compound.ion, compound.charge):
                        if height * share > 2000.0:
                            seen = height * share * rng.uniform(0.94, 1.06)
                            peaks.append((with_error(rng, mz), seen))
            peaks += noise(rng, 12, 80, 700, 8000.0)
            yield Scan(rt, polarity, peaks, ms_level=1)


def run_order() -> list[Scan]:
    """Return all scans by time, tidied; no MS2 may fall into a blank region."""
    scans = sorted(
        [*survey_scans(), *tandem_scans()], key=lambda scan: (scan.rt_seconds, -scan.polarity)
    )
    for scan in scans:
        in_blank = any(start <= scan.rt_seconds < stop for start, stop in BLANK_SECONDS)
        assert scan.ms_level == 1 or not in_blank, f"MS2 in a blank at {scan.rt_seconds} s"
    return [tidy(scan) for scan in scans]


def tidy(scan: Scan) -> Scan:
    """Return the scan with peaks ascending and rounded; centroids within 2 mDa are merged."""
    out: Peaks = []
    for mz, height in sorted(scan.peaks):
        if out and not scan.profile and mz - out[-1][0] < 0.002:
            out[-1] = (out[-1][0], round(out[-1][1] + height, 1))
        else:
            out.append((round(mz, 6), round(height, 1)))
    return replace(scan, peaks=out)


def truth_table(scans: list[Scan]) -> str:
    """Return the truth of every MS2 scan that can be identified or is a planned unknown."""
    lines = ["spectrum\tinchikey\tmolecule\tname\tformula\tadduct\tknown\tpolarity\tnote\tsmiles"]
    for number, scan in enumerate(scans, start=1):
        if (truth := scan.truth) is not None:
            block = truth.inchikey[:14] or truth.name
            sign = "positive" if scan.polarity > 0 else "negative"
            note = "; ".join(part for part in ("synthetic", scan.note) if part)
            lines.append(
                f"scan={number}\t{truth.inchikey}\t{block}\t{truth.name}\t{truth.formula}\t"
                f"{truth.adduct}\t{int(truth.known)}\t{sign}\t{note}\t{truth.smiles}"
            )
    return "\n".join(lines) + "\n"


def main(folder: Path) -> None:
    scans = run_order()
    (folder / "sample.mzML").write_bytes(mzml_bytes(scans))
    (folder / "sample_truth.tsv").write_bytes(truth_table(scans).encode())


if __name__ == "__main__":
    main(Path(sys.argv[1]) if len(sys.argv) > 1 else Path(__file__).parent)
