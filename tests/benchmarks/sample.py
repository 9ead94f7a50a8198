"""The main job on the synthetic run: CPU seconds, compounds found, unknowns named.

    python tests/benchmarks/sample.py [OPTIONS OF identify]

Runs ``spectrakit identify tests/data/sample.mzML`` in new processes, once in an empty user
folder (the first run builds what later ones reuse) and a few times more, and judges the answers
as ``evaluate identify`` does (ties count against the truth). CPU seconds are user + system time
of the child process and its own children, one thread per library. The file is synthetic: 22
compounds in 32 spectra and 5 invented unknowns; this says that the program works, not how well
it identifies.
"""

import argparse
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from spectrakit.search.truth import judge
from spectrakit.verbs.evaluate import evaluate_identify, table_lines

ROOT = Path(__file__).resolve().parents[2]
SAMPLE = ROOT / "tests" / "data" / "sample.mzML"
TRUTH = ROOT / "tests" / "data" / "sample_truth.tsv"
THREADS = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS")


def child_seconds(command: list[str], home: Path) -> tuple[float, float]:
    """Run a command to its end; return its CPU seconds and its wall-clock seconds."""
    environment = {**os.environ, "SPECTRAKIT_HOME": str(home), **dict.fromkeys(THREADS, "1")}
    before, start = os.times(), time.perf_counter()
    quiet = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
    subprocess.run(command, check=True, cwd=ROOT, env=environment, **quiet)
    after = os.times()
    cpu = after.children_user + after.children_system
    return cpu - before.children_user - before.children_system, time.perf_counter() - start


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--repeats", type=int, default=3, help="later runs; the median is shown")
    settings, options = parser.parse_known_args()
    with tempfile.TemporaryDirectory() as folder:
        hits = Path(folder) / "hits.tsv"
        command = [sys.executable, "-m", "spectrakit", "identify", str(SAMPLE), "-o", str(hits)]
        help_cpu, help_wall = child_seconds([*command[:4], "--help"], Path(folder) / "other")
        runs = [child_seconds(command + options, Path(folder) / "home")]
        first_bytes = hits.read_bytes()
        runs += [
            child_seconds(command + options, Path(folder) / "home") for _ in range(settings.repeats)
        ]
        same = hits.read_bytes() == first_bytes
        result = evaluate_identify(hits, TRUTH)
        cases = judge(hits, TRUTH).cases
    later_cpu, later_wall = sorted(runs[1:])[len(runs[1:]) // 2]
    say = sys.stdout.write
    say(f"tests/data/sample.mzML (synthetic), identify {' '.join(options)}\n\n")
    say("| run | CPU seconds | wall seconds |\n|---|---|---|\n")
    say(f"| --help | {help_cpu:.2f} | {help_wall:.2f} |\n")
    say(f"| first in an empty user folder | {runs[0][0]:.2f} | {runs[0][1]:.2f} |\n")
    say(f"| later, median of {len(runs) - 1} | {later_cpu:.2f} | {later_wall:.2f} |\n\n")
    say(f"all runs wrote the same bytes: {'yes' if same else 'NO'}\n\n")

    known = [case for case in cases if case.known]
    unknown = [case for case in cases if not case.known]
    compounds = {case.molecule for case in known}

    def found(limit: int) -> int:
        return len({c.molecule for c in known if c.rank is not None and c.rank <= limit})

    say("| answers | |\n|---|---|\n")
    say(f"| compounds ranked first in at least one spectrum | {found(1)} of {len(compounds)} |\n")
    say(f"| compounds in the first five | {found(5)} of {len(compounds)} |\n")
    for limit in (1, 5):
        part = result[f"recall_at_{limit}"]
        share = part["per_molecule"]["value"]
        say(f"| spectra with the compound in the first {limit} | ")
        say(f"{round(part['value'] * part['n'])} of {part['n']} ({share:.2f} per molecule) |\n")
    named = sum(case.is_named for case in unknown)
    say(f"| unknowns named (level 2a, or probability >= 0.5) | {named} of {len(unknown)} |\n\n")
    missed = {c.spectrum: c.rank for c in known if c.rank != 1}
    names = dict(line.split("\t")[0:4:3] for line in TRUTH.read_text("utf-8").splitlines())
    say("not first: ")
    say("; ".join(f"{names[s]} ({s}) {'absent' if r is None else r}" for s, r in missed.items()))
    say("\n\n" + "\n".join(table_lines(result)) + "\n")


if __name__ == "__main__":
    main()
