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
# by BOND_KINDS
_BOND = (0.08, 1.40, 2.14, 0.58, 0.87)
# by ATOM_TYPES: the atom that stays in the fragment
_KEPT = (0.00, 0.96, 1.59, 1.35, 0.99, -0.32, -0.26, 0.00, -0.08, -0.23, 1.54, -3.80, -0.69)
# by ATOM_TYPES: the atom that it is broken from
_LOST = (1.33, 0.48, 1.39, 0.50, -0.31, -0.99, -1.02, 0.35, -0.04, -1.54, 2.08, -0.77, -0.41)
# none, bridge, ring, bridge + bridge, bridge + ring, ring + ring
_CUTS = (-1.68, -0.44, -1.21, 0.38, 0.49, 0.42)
# by mass_edges
_MASS = (1.33, 1.63, 0.85, 0.56, 0.04, -0.93, -1.53, -2.31, -1.68)
# by tenths of the molecule's mass
_RELATIVE_MASS = (-0.08, -2.34, -0.92, -1.24, -0.88, -0.19, -0.12, 0.14, 1.51, 2.08)
# by steps of mass error
_ERROR = (-2.27, -1.45, -0.84, -0.54, 0.58, 1.15, 0.46, -0.15, -0.07, 0.00)
# [polarity +, -][2 * cuts + odd][h = -3 .. 3, then the same without the adduct's metal]
_HYDROGEN = (
    (
        (0.89, 0.77, 0.44, 0.96, 0.21, 0.55, 0.89, 1.00, 0.75, 0.50, 0.25, 0.50, 0.75, 1.00),
        (0.68, 0.40, 0.14, -1.09, 0.57, 0.40, 0.67, 1.00, 0.75, 0.50, 0.25, 0.50, 0.75, 1.00),
        (2.28, 2.52, -1.09, -0.03, -1.56, 1.69, 0.92, 1.84, 0.78, 0.70, 0.27, 0.80, 0.78, 1.06),
        (2.57, 3.18, 2.93, -2.03, -2.47, -1.31, 2.41, 1.01, 0.81, 0.49, 0.33, 0.50, 0.88, 1.01),
        (2.16, 1.25, -0.88, 0.13, -0.93, 1.29, 0.26, 0.78, 0.86, 0.41, 0.27, 0.72, 0.77, 1.17),
        (1.46, 1.27, 1.06, -1.31, 1.37, -0.51, 0.80, 1.05, 0.70, 0.57, 0.07, 0.51, 0.81, 1.02),
    ),
    (
        (0.47, 0.72, -0.30, -0.11, -0.20, 0.14, 0.49, 1.00, 0.75, 0.50, 0.25, 0.50, 0.75, 1.00),
        (0.73, 0.26, 0.25, -0.03, 0.22, 0.48, 0.73, 1.00, 0.75, 0.50, 0.25, 0.50, 0.75, 1.00),
        (0.35, 0.65, -3.06, -0.18, -3.90, 0.31, 0.78, 1.00, 0.75, 0.50, 0.25, 0.50, 0.75, 1.00),
        (2.10, -0.83, -0.53, -3.11, 1.38, 2.68, 1.91, 1.00, 0.75, 0.50, 0.25, 0.50, 0.75, 1.00),
        (2.32, 0.76, -1.84, -0.36, -0.22, 1.20, 2.83, 1.00, 0.75, 0.50, 0.25, 0.50, 0.75, 1.00),
        (-1.46, 0.27, 0.59, -0.31, 0.28, 1.08, 0.51, 1.00, 0.75, 0.50, 0.25, 0.50, 0.75, 1.00),
    ),
)
_BACKGROUND = 3.019
_GAMMA = 0.296
_KAPPA = 2.437
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
