"""Write traces as JCAMP-DX 5.01: one block, or a compound file of several.

Numbers are written in full (AFFN, factors of 1), so they read back exactly. An axis that is even
within 1e-9 of its step is ``(X++(Y..Y))``, any other ``(XY..XY)``; complex NMR data are NTUPLES.
What JCAMP-DX has no label for stands in one private record, ``##$SPECTRAKIT=``.
"""

import shutil
import tempfile
from collections.abc import Iterable, Iterator
from typing import BinaryIO

import numpy as np

from spectrakit.errors import one_line
from spectrakit.io.traces.kept import pack, to_record
from spectrakit.spectrum import FloatArray, Modality, Spectrum

PRIVATE = "$SPECTRAKIT"
_WIDTH = 78  # characters of a line; the standard asks for at most 80
_EVEN = 1e-9  # of the step
_IN_MEMORY = 1 << 26
_X_UNITS = {"cm-1": "1/CM", "nm": "NANOMETERS", "um": "MICROMETERS", "s": "SECONDS", "Hz": "HZ",
            "ppm": "PPM", "m/z": "M/Z", "arbitrary": "ARBITRARY UNITS"}  # fmt: skip
_Y_UNITS = {"arbitrary": "ARBITRARY UNITS"}
_TYPES = {
    Modality.IR: "INFRARED SPECTRUM",
    Modality.NIR: "INFRARED SPECTRUM",
    Modality.RAMAN: "RAMAN SPECTRUM",
    Modality.NMR: "NMR SPECTRUM",
    Modality.NMR_1H: "NMR SPECTRUM",
    Modality.NMR_13C: "NMR SPECTRUM",
    Modality.MSMS: "MASS SPECTRUM",
}
_NUCLEI = {Modality.NMR_1H: "^1H", Modality.NMR_13C: "^13C"}


def why_not(spectrum: Spectrum) -> str:
    """Return why a spectrum cannot be written as JCAMP-DX; empty when it can."""
    if not spectrum.is_trace:
        return "a peak list, which is no trace"
    if not len(spectrum):
        return "no points"
    if spectrum.value.ndim > 1:
        if spectrum.value.shape[1] != 2:
            return "hypercomplex values"
        if not is_even(spectrum.axis.values):
            return "complex values on an uneven axis"
    return ""


def write_jcamp(handle: BinaryIO, spectra: Iterable[Spectrum]) -> int:
    """Write traces and return how many; more than one become the blocks of a compound file."""
    with tempfile.SpooledTemporaryFile(_IN_MEMORY) as spool:
        n = 0
        for n, spectrum in enumerate(spectra, 1):  # noqa: B007 - the last count is returned
            for line in _block(spectrum):
                spool.write(line.encode() + b"\n")
        if n != 1:
            head = ["##TITLE= Spectra", "##JCAMP-DX= 5.01", "##DATA TYPE= LINK", f"##BLOCKS= {n}"]
            head += ["##ORIGIN= spectrakit", "##OWNER="]
            handle.write("\n".join(head).encode() + b"\n")
        spool.seek(0)
        shutil.copyfileobj(spool, handle)
        if n != 1:
            handle.write(b"##END=\n")
    return n


def is_even(axis: FloatArray) -> bool:
    """Say whether the points of an axis lie where first, last and count put them."""
    if len(axis) < 2:
        return True
    step = abs(float(axis[-1] - axis[0])) / (len(axis) - 1)
    even = np.linspace(axis[0], axis[-1], len(axis))
    return step > 0 and bool((np.abs(even - axis) <= _EVEN * step).all())


def _block(spectrum: Spectrum) -> Iterator[str]:
    title = spectrum.name or spectrum.sample or spectrum.native_id
    kind = _TYPES.get(spectrum.modality, "UV/VIS SPECTRUM")
    if kind.startswith("NMR") and spectrum.axis.unit == "s":
        kind = "NMR FID"
    yield f"##TITLE= {_label_text(title)}"
    yield "##JCAMP-DX= 5.01"
    yield f"##DATA TYPE= {kind}"
    if spectrum.modality in _NUCLEI:
        yield f"##.OBSERVE NUCLEUS= {_NUCLEI[spectrum.modality]}"
    yield "##ORIGIN= spectrakit"
    yield "##OWNER="
    if spectrum.instrument:
        yield f"##SPECTROMETER/DATA SYSTEM= {_label_text(spectrum.instrument)}"
    if spectrum.molecule is not None:
        for label, text in (
            ("NAMES", spectrum.molecule.name),
            ("MOLFORM", spectrum.molecule.formula),
        ):
            if text:
                yield f"##{label}= {_label_text(text)}"
    packed = pack(to_record(spectrum))
    yield f"##{PRIVATE}="
    yield from (packed[i : i + _WIDTH] for i in range(0, len(packed), _WIDTH))
    yield from _complex(spectrum) if spectrum.value.ndim > 1 else _real(spectrum)
    yield "##END="


def _label_text(text: str) -> str:
    return one_line(text).replace("$$", "$ $").strip()


def _units(spectrum: Spectrum) -> tuple[str, str]:
    x, y = spectrum.axis.unit, spectrum.value_unit
    return _X_UNITS.get(x, _label_text(x.upper())), _Y_UNITS.get(y, _label_text(y.upper()))


def _real(spectrum: Spectrum) -> Iterator[str]:
    axis, value = spectrum.axis.values, spectrum.value
    x_unit, y_unit = _units(spectrum)
    even = is_even(axis)
    yield f"##DATA CLASS= {'XYDATA' if even else 'XYPOINTS'}"
    yield f"##XUNITS= {x_unit}"
    yield f"##YUNITS= {y_unit}"
    yield "##XFACTOR= 1"
    yield "##YFACTOR= 1"
    yield f"##FIRSTX= {_number(axis[0])}"
    yield f"##LASTX= {_number(axis[-1])}"
    if even and len(axis) > 1:
        yield f"##DELTAX= {_number((axis[-1] - axis[0]) / (len(axis) - 1))}"
    if np.isfinite(value).any():
        yield f"##MAXY= {_number(float(np.nanmax(value)))}"
        yield f"##MINY= {_number(float(np.nanmin(value)))}"
    yield f"##NPOINTS= {len(axis)}"
    if np.isfinite(value[0]):
        yield f"##FIRSTY= {_number(value[0])}"
    if even:
        yield "##XYDATA= (X++(Y..Y))"
        yield from _even_lines(axis, value)
    else:
        yield "##XYPOINTS= (XY..XY)"
        for x, y in zip(axis.tolist(), value.tolist(), strict=True):
            yield f"{_number(x)}, {_number(y)}"


def _complex(spectrum: Spectrum) -> Iterator[str]:
    axis, n = spectrum.axis.values, len(spectrum)
    x_unit, y_unit = _units(spectrum)
    real, imaginary = spectrum.value[:, 0], spectrum.value[:, 1]
    yield "##DATA CLASS= NTUPLES"
    yield "##NTUPLES= NMR SPECTRUM"
    yield "##VAR_NAME= X, REAL, IMAGINARY, PAGE NUMBER"
    yield "##SYMBOL= X, R, I, N"
    yield "##VAR_TYPE= INDEPENDENT, DEPENDENT, DEPENDENT, PAGE"
    yield "##VAR_FORM= AFFN, AFFN, AFFN, AFFN"
    yield f"##VAR_DIM= {n}, {n}, {n}, 2"
    yield f"##UNITS= {x_unit}, {y_unit}, {y_unit},"
    yield f"##FIRST= {_number(axis[0])}, {_number(real[0])}, {_number(imaginary[0])}, 1"
    yield f"##LAST= {_number(axis[-1])}, {_number(real[-1])}, {_number(imaginary[-1])}, 2"
    yield "##FACTOR= 1, 1, 1, 1"
    for number, (symbol, values) in enumerate((("R", real), ("I", imaginary)), 1):
        yield f"##PAGE= N={number}"
        yield f"##DATA TABLE= (X++({symbol}..{symbol})), XYDATA"
        yield from _even_lines(axis, values)
    yield "##END NTUPLES= NMR SPECTRUM"


def _even_lines(axis: FloatArray, value: FloatArray) -> Iterator[str]:
    """Yield lines of an abscissa and as many ordinates as fit."""
    numbers = [_number(v) for v in value.tolist()]
    at = 0
    while at < len(numbers):
        line = _number(axis[at])
        first = at
        while at < len(numbers) and (at == first or len(line) + len(numbers[at]) < _WIDTH):
            line += f" {numbers[at]}"
            at += 1
        yield line


def _number(value: float) -> str:
    """Return the shortest text that reads back as the same float64; ``?`` for a missing one."""
    number = float(value)
    return "?" if number != number else repr(number).removesuffix(".0")
