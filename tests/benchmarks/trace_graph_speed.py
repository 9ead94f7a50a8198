"""Preprocessing of traces: CPU milliseconds per spectrum in numpy and in the ONNX graph.

    python tests/benchmarks/trace_graph_speed.py [CHANNELS]

One thread, CPU time, best of three rounds, imports and loading excluded; simulated spectra. The
last column is the largest difference of graph and numpy over the largest value.
"""

import os
import sys
import time

os.environ.setdefault("OMP_NUM_THREADS", "1")

import numpy as np

from spectrakit.bundle.graphs import open_bytes
from spectrakit.bundle.trace_graph import TraceGraph
from spectrakit.preprocess.trace_chain import parse_chain
from spectrakit.preprocess.trace_steps import apply_trace_steps, fit_steps

CHAINS = ("snv", "msc", "sg1", "snv,sg2", "detrend", "vector", "resample(1110-1790/2)",
          "als", "als(lam=1000000,iterations=10),snv,sg1", "autoscale")  # fmt: skip
BATCHES = (1, 256)
ROUNDS = 3


def best(work):
    seconds = []
    for _ in range(ROUNDS):
        start = time.process_time()
        work()
        seconds.append(time.process_time() - start)
    return 1e3 * min(seconds)


def main(channels: int) -> None:
    axis = np.linspace(1100.0, 1800.0, channels)
    values = np.random.default_rng(0).normal(size=(256, channels)).cumsum(axis=1) / 50 + 5
    print(f"{channels} channels; ms per spectrum; bytes of the graph")
    print("chain\tbatch\tnumpy\tgraph\tbytes\tdifference")
    for text in CHAINS:
        steps = fit_steps(parse_chain(text), values, axis)
        graph = TraceGraph(axis)
        graph.apply(steps)
        graph.output("x")
        model = graph.to_bytes()
        session = open_bytes(model, text)
        for n in BATCHES:
            batch = values[:n]
            by_numpy = best(lambda b=batch, s=steps: apply_trace_steps(b, axis, s)) / n
            by_graph = best(lambda b=batch, s=session: s.run(None, {"spectrum": b})) / n
            wanted = apply_trace_steps(batch, axis, steps)[0]
            found = session.run(None, {"spectrum": batch})[0]
            worst = np.abs(found - wanted).max() / np.abs(wanted).max()
            print(f"{text}\t{n}\t{by_numpy:.4f}\t{by_graph:.4f}\t{len(model)}\t{worst:.1e}")


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 700)
