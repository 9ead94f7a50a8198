"""How often ``transfer drift`` alarms, by simulation: days of control samples, one property.

``python tests/benchmarks/drift_alarms.py``. Residuals are normal with the sd that the bundle keeps;
``bias`` is in units of it. A row says on what share of days a chart of its own (60 days, fresh for
each run) gave each verdict, and on which day, in the median, the first bias was reported. Nothing
is measured here: it checks that the limits do what their formulas promise.
"""

import numpy as np

from spectrakit.transfer.control import ControlFacts
from spectrakit.transfer.drift import VERDICTS, judge
from spectrakit.transfer.history import Control

DAYS, RUNS = 60, 40
FACTS = ControlFacts(
    samples={}, replicates={}, repeatability={}, residual={"fat": 1.0},
    mean_spectrum=np.zeros(0), shifts={}, shift_sd=float("nan"),
)  # fmt: skip


def _control(day: int, sample: int, residual: float) -> Control:
    return Control(
        date=f"{day:03d}", model="m", file="f", sha256=f"{day}", spectrum="", number=sample,
        sample=f"s{sample}", property="fat", predicted=residual, known=0.0,
        known_from="reference", q=0.0, t2=0.0, gate="pass", shift=float("nan"),
    )  # fmt: skip


def verdicts(samples: int, bias: float, seed: int) -> list[str]:
    """Return the verdict of each of 60 days."""
    rng = np.random.default_rng(seed)
    held: list[Control] = []
    found: list[str] = []
    for day in range(DAYS):
        held += [_control(day, k, bias + rng.normal()) for k in range(samples)]
        found.append(judge(FACTS, held, f"{day:03d}", {"fat": ""}).verdict)
    return found


def main() -> None:
    """Print the table."""
    print("samples\tbias/sd\t" + "\t".join(VERDICTS) + "\tfirst bias report (median day)")
    for samples in (1, 3, 6):
        for bias in (0.0, 0.5, 1.0, 2.0):
            runs = [verdicts(samples, bias, seed) for seed in range(RUNS)]
            every = [one for run in runs for one in run]
            share = [every.count(name) / len(every) for name in VERDICTS]
            first = [run.index("bias correction") + 1 for run in runs if "bias correction" in run]
            median = f"{np.median(first):.0f} ({len(first)}/{RUNS} runs)" if first else "-"
            print(samples, bias, *(f"{one:.3f}" for one in share), median, sep="\t")


if __name__ == "__main__":
    main()
