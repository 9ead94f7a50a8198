"""The SPLASH of a spectrum, version 10: a short text that equal peak lists share.

Source: Wohlgemuth et al., Nature Biotechnology 34, 1099 (2016), and the specification that its
authors publish. Intensities are scaled to a base peak of 100 first. The four blocks are the
version, the ten highest peaks (bins of 5 in base 3, written in base 36), all peaks (bins of 100
in base 10), and a hash of every peak.
"""

import hashlib
from collections.abc import Sequence
from itertools import starmap

_EPSILON = 1e-7  # of the specification: keeps 0.999999999 from being cut to 0
_LARGEST_MZ = 1e12  # far beyond any ion; beyond it the integers of the specification overflow
_VERSION = "splash10"
_DIGITS = "0123456789abcdefghijklmnopqrstuvwxyz"
_HIGHEST, _SHARE = 10, 0.1  # peaks of the first block: how many, and of what share of the base

Peak = tuple[float, float]


def splash(mz: Sequence[float], intensity: Sequence[float]) -> str:
    """Return the SPLASH of a mass spectrum; empty where no intensity is positive or an m/z absurd.

    Args:
        mz: (n,) not negative.
        intensity: (n,) of any scale; peaks that are not positive do not count.
    """
    positive = [(m, i) for m, i in zip(mz, intensity, strict=True) if i > 0]
    if not positive or max(positive)[0] > _LARGEST_MZ:
        return ""
    base = max(i for _, i in positive)
    peaks = [(m, i / base * 100) for m, i in positive]
    high = [peak for peak in peaks if peak[1] >= _SHARE * 100]
    high = sorted(high, key=lambda peak: (-peak[1], peak[0]))[:_HIGHEST]
    short = _in_base_36(int(_histogram(high, 3, 5), 3))
    return f"{_VERSION}-{short}-{_histogram(peaks, 10, 100)}-{_hash(peaks)}"


def _histogram(peaks: Sequence[Peak], base: int, width: float) -> str:
    """Return the intensity in ten bins, each the sum over every tenth window of ``width`` m/z."""
    bins = [0.0] * 10
    for mz, intensity in peaks:
        bins[int(mz / width) % 10] += intensity
    highest = max(bins)
    return "".join(_DIGITS[int(_EPSILON + (base - 1) * value / highest)] for value in bins)


def _in_base_36(number: int) -> str:
    text = ""
    while number:
        number, digit = divmod(number, 36)
        text = _DIGITS[digit] + text
    return text.rjust(4, "0")


def _hash(peaks: Sequence[Peak]) -> str:
    ordered = sorted(peaks, key=lambda peak: (peak[0], -peak[1]))
    text = " ".join(starmap(_whole, ordered))
    return hashlib.sha256(text.encode()).hexdigest()[:20]


def _whole(mz: float, intensity: float) -> str:
    return f"{int((mz + _EPSILON) * 1_000_000)}:{int(intensity + _EPSILON)}"
