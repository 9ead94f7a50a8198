"""Spectra that a bundle answers in a CPU second, one thread, at several batch sizes.

    python tests/benchmarks/spectralfm_speed.py BUNDLE [BUNDLE ...]

Spectra are made up on the bundle's own axis. Time is that of the process, best of five runs, so
that what else a machine does counts little.
"""

import argparse
from pathlib import Path
from time import process_time

import numpy as np

from spectrakit.bundle import Bundle

SPECTRA = 512


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("bundles", type=Path, nargs="+")
    for path in parser.parse_args().bundles:
        bundle = Bundle(path)
        axis = np.array(bundle.manifest.input["axis"])
        role = next(iter(bundle.manifest.graphs))
        rng = np.random.default_rng(0)
        values = np.sin(np.linspace(0, 9, len(axis))) + 0.1 * rng.normal(size=(SPECTRA, len(axis)))
        for batch in (1, 16, 256):
            count = SPECTRA if batch > 1 else 128
            bundle.run(role, {"spectrum": values[:batch]})  # opens the session
            best = np.inf
            for _ in range(5):
                start = process_time()
                for first in range(0, count, batch):
                    bundle.run(role, {"spectrum": values[first : first + batch]})
                best = min(best, process_time() - start)
            print(f"{bundle.label}: {len(axis)} points, batch {batch}: {count / best:,.0f} / CPU s")


if __name__ == "__main__":
    main()
