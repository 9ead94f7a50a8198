"""How long help takes: CPU time of whole processes over ``python -c "import typer"``.

    python tests/benchmarks/start.py [--repeats 21]

The commands take turns, so that a drift of the machine meets all alike; medians are compared.
"""

import argparse
import os
import statistics
import subprocess
import sys

BASE = [sys.executable, "-c", "import typer"]
COMMANDS = {
    "spectrakit --help": ["--help"],
    "spectrakit identify --help": ["identify", "--help"],
    "spectrakit convert --help": ["convert", "--help"],
    "spectrakit --version": ["--version"],
}


def cpu_seconds(command: list[str]) -> float:
    """Return user + system seconds of one run."""
    before = os.times()
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
    after = os.times()
    return (after.children_user - before.children_user) + (
        after.children_system - before.children_system
    )


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--repeats", type=int, default=21)
    repeats = parser.parse_args().repeats
    commands = {"base": BASE} | {
        name: [sys.executable, "-m", "spectrakit", *argv] for name, argv in COMMANDS.items()
    }
    seconds: dict[str, list[float]] = {name: [] for name in commands}
    for _ in range(repeats):
        for name, command in commands.items():
            seconds[name].append(cpu_seconds(command))
    base = statistics.median(seconds["base"])
    print(f"median of {repeats} runs in turn; base: python -c 'import typer'\n")
    print("| command | CPU time over base |\n|---|---|")
    for name in COMMANDS:
        print(f"| {name} | {statistics.median(seconds[name]) / base:.2f} |")


if __name__ == "__main__":
    main()
