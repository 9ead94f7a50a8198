"""What a transfer found: plain data that the verb writes, the report shows and tests read."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

FloatArray = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class MethodRow:
    """How well one method predicts one property on the target instrument.

    ``cv_*`` come from standards that the method, its choices included, did not see; the others
    from labelled target samples that are no standards, and are None where there are none. RMSEP,
    bias (mean of predicted minus known), SEP (bias-corrected) in the unit of the property; slope
    of known on predicted (ISO 12099); RPD = sd of known over SEP; ``ceiling_ratio`` = RMSEP over
    that of a model trained on the target instrument itself, None below 40 labelled samples.
    """

    method: str
    uses: str  # "nothing", "paired spectra", "labels", "labels of the target only", ...
    chosen: str  # the parameters that were chosen, as text
    cv_rmse: float | None
    cv_low: float | None  # 95 % interval by bootstrap over standards
    cv_high: float | None
    rmsep: float | None
    rmsep_low: float | None  # 95 % interval by bootstrap over test samples
    rmsep_high: float | None
    r2: float | None
    bias: float | None
    slope: float | None
    sep: float | None
    rpd: float | None
    n_standards: int
    n_test: int
    ceiling_ratio: float | None
    seconds: float  # CPU time of fitting it
    refused: str = ""  # why a gate or the data did not let it be fitted


@dataclass(frozen=True, slots=True)
class Interval:
    """Half-width of the prediction interval; ``half_width`` is None with the reason."""

    level: float
    half_width: float | None
    n_residuals: int
    reason: str = ""
    coverage: float | None = None  # share of test samples (or held-out standards) inside
    coverage_of: str = ""  # "test samples" or "standards left out"
    n_coverage: int = 0


@dataclass(frozen=True, slots=True)
class Test:
    """A test of ISO 12099: the statistic against its limit."""

    name: str  # "bias", "SEP", "slope"
    value: float
    limit: float
    passed: bool
    n: int


@dataclass(frozen=True, slots=True)
class Gate:
    """A check before or after the transfer that can refuse it."""

    name: str  # "q", "t2", "wavelength shift", "composition", "disjoint", "outlier", ...
    value: float
    limit: float
    passed: bool
    says: str  # one sentence with the values
    forced: bool = False  # it refused, and --force went on


@dataclass(frozen=True, slots=True)
class Predicted:
    """Known and predicted values of some samples (all (n,)); ``known`` NaN where not known."""

    samples: tuple[str, ...]
    known: FloatArray
    value: FloatArray
    lower: FloatArray  # NaN where there is no interval
    upper: FloatArray


@dataclass(frozen=True, slots=True)
class PropertyResult:
    """Everything that was found for one property."""

    name: str
    unit: str
    method: str  # what the bundle uses
    why: str  # one sentence: why this method
    rows: tuple[MethodRow, ...]  # every method that was tried; "target-only" always among them
    weights: Mapping[str, float]  # of the families in an average
    interval: Interval
    standards: Predicted  # each by models that did not see it
    test: Predicted | None
    tests: tuple[Test, ...]  # ISO 12099, on test samples or else on standards left out
    sel: float | None  # standard error of the reference method, if the data state it


@dataclass(frozen=True, slots=True)
class CurvePoint:
    """Error to expect with so many standards: median and 80 % range over draws."""

    standards: int
    rmsep: float
    low: float
    high: float


@dataclass(frozen=True, slots=True)
class LearningCurve:
    """How the error falls with the number of standards."""

    property: str
    unit: str
    points: tuple[CurvePoint, ...]
    simulated: bool  # no target spectra yet: virtual instruments stand in for the new one
    worth: int | None  # smallest number after which neither median nor upper end falls much
    says: str


@dataclass(frozen=True, slots=True)
class Spectra:
    """Some spectra for a plot: ``axis`` (p,), ``values`` (n, p)."""

    axis: FloatArray
    axis_unit: str
    values: FloatArray
    samples: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class TransferResult:
    """A whole transfer."""

    source: str  # instrument
    target: str
    value_unit: str
    source_spectra: Spectra  # of the standards on the source instrument, common axis
    target_before: Spectra  # the same standards on the target instrument
    target_after: Spectra | None  # mapped to the source (None: no map of spectra in use)
    scores: FloatArray  # (n_source, 2) principal component scores of the source samples
    standard_rows: NDArray[np.int64]  # (N,) rows of ``scores`` that are the standards
    standards: tuple[str, ...]
    properties: tuple[PropertyResult, ...]
    gates: tuple[Gate, ...]
    curves: tuple[LearningCurve, ...] = ()
    about: Mapping[str, Any] = field(default_factory=dict[str, Any])  # parameters, versions, data


@dataclass(frozen=True, slots=True)
class PlanResult:
    """Which samples of the source to measure on the new instrument, and how many are worth it."""

    source: str  # instrument
    modality: str
    value_unit: str
    method: str  # "Kennard–Stone", "SPXY", "D-optimal", "leverage"
    spectra: Spectra  # (n, p) of every sample that could be chosen
    scores: FloatArray  # (n, 2) principal component scores of them
    chosen: NDArray[np.int64]  # (N,) rows of ``spectra``, first choice first
    curves: tuple[LearningCurve, ...] = ()
    about: Mapping[str, Any] = field(default_factory=dict[str, Any])


@dataclass(frozen=True, slots=True)
class DriftPoint:
    """One property of one measurement of a control sample."""

    when: str  # date as the file says, else ""
    file: str
    sample: str
    property: str
    predicted: float
    known: float  # NaN where not known
    residual: float  # predicted minus known; NaN where not known
    q: float  # squared residual of the spectrum; the same for every property of a measurement
    t2: float


@dataclass(frozen=True, slots=True)
class ControlLimits:
    """Limits of the residuals of one property: ``centre`` ± ``warning``, ± ``action``."""

    property: str
    unit: str
    centre: float
    warning: float  # half-width, NaN where there is none
    action: float


@dataclass(frozen=True, slots=True)
class DriftResult:
    """Control samples measured on the target since the transfer, oldest first."""

    target: str  # instrument
    bundle: str
    points: tuple[DriftPoint, ...]
    limits: tuple[ControlLimits, ...]  # one for each property
    q_limit: float  # NaN where the bundle has none
    t2_limit: float
    verdict: str  # "keep", "watch", "bias correction", "transfer again"
    reasons: tuple[str, ...]
    about: Mapping[str, Any] = field(default_factory=dict[str, Any])
