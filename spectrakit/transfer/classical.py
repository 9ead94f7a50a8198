"""The classical methods of calibration transfer, on PLS, as ``transfer`` knows them."""

from collections.abc import Sequence

from spectrakit.transfer.bases import Preprocessing
from spectrakit.transfer.calibrations import SG1, Instruments
from spectrakit.transfer.mapped import MapFits, mapped
from spectrakit.transfer.members import Standards
from spectrakit.transfer.methods import Fitted, Method
from spectrakit.transfer.nested import check, search
from spectrakit.transfer.standardisers import (
    CCA_TEXTS, DS_TEXTS, PDS_TEXTS, SST_TEXTS,
    canonical, direct, mean_differences, piecewise_ranks, spectral_space,
)  # fmt: skip
