"""``transfer fit`` without standards: a calibration of the source alone, or a label-free transfer."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from spectrakit.errors import MismatchError
from spectrakit.log import say
from spectrakit.transfer.ceiling import ridge_average
from spectrakit.transfer.common_axis import CommonAxis
from spectrakit.transfer.figures import iso_tests
from spectrakit.transfer.free import label_free_gates, label_free_rows
from spectrakit.transfer.intervals import interval_of
from spectrakit.transfer.problem import Problem
from spectrakit.transfer.result import Gate, Interval, MethodRow, Predicted, PropertyResult
from spectrakit.verbs.transfer_result import Fitting, fitting_of
from spectrakit.verbs.transfer_tables import InstrumentSpectra

FloatArray = NDArray[np.float64]
