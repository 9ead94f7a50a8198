"""What it costs to make a fragment, and how a spectrum is weighed: numbers fitted once.

A cost is a negative natural logarithm. It adds up over the broken bonds (kind, the atom that the
fragment keeps, the atom that it loses), the number of cuts, the hydrogens that move, the size of
the fragment and the error of the mass. The numbers were fitted by conditional likelihood to rank
3,639 MassBank library molecules among same-mass decoys that are in no library and in no
evaluation list; ``tests/benchmarks/fit_fragmenter.py`` prints this table. They know chemistry
and measurement only: nothing about how popular a structure is.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from spectrakit.search.bond_classes import N_KINDS, N_TYPES

MAX_HYDROGENS = 3

Floats = NDArray[np.float64]

# fmt: off
_BOND = (0.50, 1.93, 0.76, 0.76, 0.99)
_KEPT = (0.00, 0.71, 1.08, 1.15, 0.60, -0.49, -0.36, 0.00, -0.31, -0.57, 1.11, -1.65, -0.32)  # by ATOM_TYPES, the atom in the fragment
_LOST = (1.24, 0.35, 1.42, 0.17, -0.35, -1.05, -1.18, 0.32, -0.12, -1.29, 2.24, -0.53, -0.27)  # by ATOM_TYPES, the atom beside it
_CUTS = (-1.41, -0.71, -0.86, 0.19, 0.71, 0.21)  # none, bridge, ring, bridge + bridge, bridge + ring, ring + ring
_MASS = (1.74, 1.77, 0.93, 0.57, -0.20, -0.82, -1.57, -2.43, -1.85)  # by _MASS_EDGES
_RELATIVE_MASS = (-0.05, -2.48, -0.52, -1.20, -0.96, -0.14, 0.05, 0.16, 1.23, 2.06)  # by tenths of the molecule's mass
_ERROR = (-2.24, -1.42, -0.48, -0.62, 0.62, 1.31, 0.52, -0.15, -0.05, 0.00)  # by _ERROR_STEPS of mass error
# [polarity +, -][2 * cuts + odd][h = -3 .. 3, then the same without the adduct's metal]
_HYDROGEN = (
    (
        (0.71, 0.55, 0.20, 1.09, -0.16, 0.40, 0.72, 1.00, 0.75, 0.50, 0.25, 0.50, 0.75, 1.00),
        (0.71, 0.45, 0.20, -1.17, 0.29, 0.45, 0.71, 1.00, 0.75, 0.50, 0.25, 0.50, 0.75, 1.00),
        (2.38, 2.45, -1.24, 0.71, -1.57, 1.31, 1.41, 1.39, 0.77, 0.49, 0.27, 0.54, 0.75, 1.01),
        (1.94, 3.60, 2.59, -1.97, -2.01, -1.60, 1.86, 1.02, 0.77, 0.50, 0.16, 0.50, 0.78, 1.01),
        (1.86, 1.35, -0.83, 0.21, -0.83, 1.54, 0.50, 0.91, 0.77, 0.42, 0.27, 0.52, 0.78, 1.05),
        (1.28, 1.08, 1.17, -1.75, 1.43, -0.66, 0.95, 1.02, 0.75, 0.52, 0.25, 0.53, 0.77, 1.01),
    ),
    (
        (0.66, 0.62, 0.06, 0.01, 0.13, 0.39, 0.67, 1.00, 0.75, 0.50, 0.25, 0.50, 0.75, 1.00),
        (0.74, 0.39, 0.29, -0.01, 0.24, 0.49, 0.74, 1.00, 0.75, 0.50, 0.25, 0.50, 0.75, 1.00),
        (0.23, 0.75, -4.21, -0.46, -1.45, 0.15, 0.66, 1.00, 0.75, 0.50, 0.25, 0.50, 0.75, 1.00),
        (2.13, -0.83, -0.15, -3.12, 1.58, 2.94, 1.89, 1.00, 0.75, 0.50, 0.25, 0.50, 0.75, 1.00),
        (2.14, 1.39, -2.09, -0.89, -0.16, 0.95, 2.73, 1.00, 0.75, 0.50, 0.25, 0.50, 0.75, 1.00),
        (-0.48, -0.14, 0.60, -0.39, 0.35, 1.17, 0.58, 1.00, 0.75, 0.50, 0.25, 0.50, 0.75, 1.00),
    ),
)
_BACKGROUND = 1.929
_GAMMA = 0.314
_KAPPA = 2.393
# fmt: on


@dataclass(frozen=True, slots=True)
class FragmentModel:
    """Costs (natural logarithm) and weights of the fragmenter."""

    bond: Floats  # (N_KINDS, N_TYPES, N_TYPES) by kind, atom kept, atom lost
    cuts: Floats  # (6,) none, bridge, ring, bridge + bridge, bridge + ring, ring + ring
    mass: Floats  # (9,) by mass_edges
    relative_mass: Floats  # (10,) by tenths of the molecule's mass
    hydrogen: Floats  # (2, 6, 14) by polarity, state, hydrogens moved with and without the metal
    error: Floats  # (10,) by steps of error_da + error_ppm of mass error
    mass_edges: tuple[float, ...] = (55.0, 70.0, 90.0, 120.0, 160.0, 220.0, 300.0, 400.0)  # Da
    tolerance_da: float = 0.005  # window of a match, Da + ppm
    tolerance_ppm: float = 5.0
    error_da: float = 0.0005  # one step of the error costs, Da + ppm
    error_ppm: float = 2.5
    lowest_mass: float = 45.0  # Da; lighter fragments are seldom in a spectrum's range
    background: float = 1.0  # added to what a structure can make
    gamma: float = 0.4  # how much a structure pays for being able to make anything
    kappa: float = 3.0  # from weighted peaks to log-odds
    score_middle: float = -1.0  # evidence shown as score 0.5: between truths and decoys of valid
    score_spread: float = 2.0

    def size_cost(self, mass: Floats, total: Floats) -> Floats:
        """Return (k,) costs of fragments of ``mass`` from molecules of mass ``total`` (Da)."""
        tenth = np.minimum(mass * (10.0 / total), 9.0).astype(np.int64)
        cost: NDArray[Any] = self.relative_mass[tenth]
        return cost + self.mass[np.searchsorted(self.mass_edges, mass, side="right")]


def bond_table(kind: Floats, kept: Floats, lost: Floats) -> Floats:
    """Return (N_KINDS, N_TYPES, N_TYPES) costs that add over kind, kept atom and lost atom."""
    table = kind[:, None, None] + kept[None, :, None] + lost[None, None, :]
    assert table.shape == (N_KINDS, N_TYPES, N_TYPES)
    return table


FITTED = FragmentModel(
    bond=bond_table(np.array(_BOND), np.array(_KEPT), np.array(_LOST)),
    cuts=np.array(_CUTS),
    mass=np.array(_MASS),
    relative_mass=np.array(_RELATIVE_MASS),
    hydrogen=np.array(_HYDROGEN),
    error=np.array(_ERROR),
    background=_BACKGROUND,
    gamma=_GAMMA,
    kappa=_KAPPA,
)
