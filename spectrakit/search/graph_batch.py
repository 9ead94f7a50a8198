"""Molecules of a batch side by side: atoms, bonds, and the classes that cuts are made of.

Two bonds of rings cut a molecule exactly when the same fundamental cycles run through them. Each
ring bond outside the spanning tree is given one bit; a tree bond carries the bits of the cycles
through it, the exclusive or over the atoms below it. Bonds without a bit are bridges; bonds with
equal bits form a class, and any two of a class are a cut.

Source: Pritchard and Thurimella 2011 (doi:10.1145/2000807.2000814), section 2.
"""

from collections.abc import Sequence
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from spectrakit.search.smiles_graph import SmilesGraph

Ints = NDArray[np.int64]


@lru_cache(maxsize=1024)
def pairs(n: int) -> tuple[Ints, Ints]:
    """Return the index pairs i < j of ``n`` things."""
    first, second = np.triu_indices(n, 1)
    return first, second


class GraphBatch:
    """Flat lists of atoms, bonds and cuts, filled molecule by molecule."""

    def __init__(self, graphs: Sequence[SmilesGraph], max_ring: int) -> None:
        self.mass: list[float] = []
        self.n_h: list[int] = []
        self.kind: list[int] = []
        self.odd: list[int] = []
        self.pi: list[bool] = []
        self.stop: list[int] = []  # past-the-end atom below the bond to the parent
        self.bond_a: list[int] = []  # bond e < n_atoms is that of atom e to its parent
        self.bond_b: list[int] = []
        self.order: list[int] = []
        self.in_ring: list[bool] = []
        self.closure: list[tuple[int, int, int]] = []
        self.bridges: list[int] = []
        self.bridge_owner: list[int] = []
        self.ring_first: list[Ints] = []
        self.ring_second: list[Ints] = []
        self.ring_owner: list[int] = []
        self.ring_size: list[int] = []
        self.start: list[int] = [0]
        n_atoms = sum(len(graph.mass) for graph in graphs)
        for owner, graph in enumerate(graphs):
            self._add(graph, owner, n_atoms, max_ring)

    def _add(self, graph: SmilesGraph, owner: int, closure_base: int, max_ring: int) -> None:
        """Append a molecule; closures are numbered from ``closure_base``."""
        base = len(self.mass)
        parent, n = graph.parent, len(graph.parent)
        size = [1] * n
        label = [0] * n
        bit = 1
        for a, b, _ in graph.closures:
            label[a] ^= bit
            label[b] ^= bit
            bit <<= 1
        for i in range(n - 1, 0, -1):
            up = parent[i]
            size[up] += size[i]
            label[up] ^= label[i]
        self.mass += graph.mass
        self.n_h += graph.n_h
        self.kind += graph.kind
        self.odd += graph.odd
        self.pi += graph.pi
        self.order += graph.order
        self.stop += [base + i + s for i, s in enumerate(size)]
        self.bond_a += range(base, base + n)
        self.bond_b.append(base)
        self.bond_b += [base + up for up in parent[1:]]
        self.in_ring += [mark != 0 for mark in label]
        bridges = [base + i for i in range(1, n) if not label[i]]
        self.bridges += bridges
        self.bridge_owner += [owner] * len(bridges)
        self.start.append(base + n)
        if not graph.closures:
            return
        classes: dict[int, list[int]] = {}
        for i in range(1, n):
            if label[i]:
                classes.setdefault(label[i], []).append(base + i)
        for k, (a, b, order) in enumerate(graph.closures):
            classes.setdefault(1 << k, []).append(closure_base + len(self.closure))
            self.closure.append((base + a, base + b, order))
        for bonds in classes.values():
            if len(bonds) > 1:
                first, second = pairs(min(len(bonds), max_ring))
                array = np.array(bonds)
                self.ring_first.append(array[first])
                self.ring_second.append(array[second])
                self.ring_owner.append(owner)
                self.ring_size.append(len(first))
