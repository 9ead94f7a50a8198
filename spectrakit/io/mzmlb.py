"""mzMLb: an HDF5 file with the XML of an mzML and its numbers in datasets of their own.

Source: Bhamber et al. 2021, J Proteome Res 20:172. What HDF5 can do beyond that (links, data in
other files, plug-in filters, impossible sizes) is refused, as in every HDF5 file that is read.
"""

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, BinaryIO, cast

from h5py import h5t  # pyright: ignore[reportAttributeAccessIssue] -- compiled
from numpy.typing import NDArray

from spectrakit.accounting import InputAccount
from spectrakit.errors import one_line
from spectrakit.io.mzml import read_mzml
from spectrakit.io.mzml_arrays import PREDICTIONS, Packed
from spectrakit.io.packed_numbers import LONGEST, OTHER_LENGTH, TOO_LONG
from spectrakit.io.record import BadSpectrum
from spectrakit.io.traces.hdf5_guard import FAILURES, ForeignFile
from spectrakit.spectrum import Spectrum

_NAME, _OFFSET, _LENGTH = "MS:1002841", "MS:1002842", "MS:1002843"
_XML = "mzML"
_WINDOW = 1 << 20  # bytes read at once


def read_mzmlb(path: Path, stream: BinaryIO, account: InputAccount) -> Iterator[Spectrum]:
    """Yield the spectra of an mzMLb file as ``read_mzml`` yields those of mzML.

    Raises:
        InputError: as ``read_mzml``; or the HDF5 file is damaged or hostile, or uses a filter
            that is not built into HDF5.
    """
    with ForeignFile(path) as file:
        try:
            columns = {name: _Column(file, name, one) for name, one in file.members("", file.file)}
        except FAILURES as error:
            raise file.wrong("/", f"cannot be read ({one_line(str(error))})") from error
        xml = columns.get(_XML)
        if xml is None or not xml.is_bytes:
            raise file.wrong(_XML, "is no dataset of bytes, where mzMLb has its XML")
        text = cast(BinaryIO, _Text(xml))
        yield from read_mzml(path, text, account, _Datasets(columns))


class _Datasets:
    """The arrays of an mzMLb, for ``read_mzml``."""

    def __init__(self, columns: "Mapping[str, _Column]") -> None:
        self._columns = columns

    def begin(self, content: Mapping[str, str]) -> None:
        """Do nothing: the parts of one file belong together."""

    def fill(self, packed: Packed, native_id: str) -> None:
        """Read an array from its dataset.

        Numbers are taken as the dataset has them; only a dataset of bytes holds them as the
        terms of the array say (MS-Numpress).

        Raises:
            BadSpectrum: the dataset is not there, or has no such rows.
            InputError: the dataset is damaged or hostile.
        """
        place = packed.external
        if not place:
            return
        name = place.get(_NAME, "").removeprefix("./").lstrip("/")
        column = self._columns.get(name)
        offset, length = _count(place.get(_OFFSET)), _count(place.get(_LENGTH))
        if column is None or not (column.is_bytes or column.is_numbers) or name == _XML:
            raise BadSpectrum("array names a dataset that is not there")
        if offset is None or length is None or offset + length > len(column):
            raise BadSpectrum(OTHER_LENGTH)
        if length > LONGEST:
            raise BadSpectrum(TOO_LONG)
        values = column.read(offset, offset + length)
        if not column.is_bytes:
            little = values.dtype.newbyteorder("<")
            values = values.astype(little, copy=False)
            packed.dtype, packed.length = little.str, length
            packed.zlib = False
            if packed.numpress not in PREDICTIONS:
                packed.numpress = ""
        packed.raw = values.tobytes()


class _Column:
    """One dataset of one dimension, read in windows: chunks are inflated once, not per spectrum."""

    def __init__(self, file: ForeignFile, name: str, dataset: Any) -> None:
        self._file, self._name, self._dataset = file, name, dataset
        shape: tuple[int, ...] = getattr(dataset, "shape", None) or ()
        is_row = len(shape) == 1
        self._length = shape[0] if is_row else 0
        kind = dataset.id.get_type() if is_row else None
        is_number = isinstance(kind, h5t.TypeIntegerID | h5t.TypeFloatID)
        size = kind.get_size() if kind is not None else 0
        self.is_bytes = size == 1 and (is_number or isinstance(kind, h5t.TypeOpaqueID))
        self.is_numbers = is_number and size in (2, 4, 8)
        self._start = 0
        self._held: NDArray[Any] | None = None

    def __len__(self) -> int:
        return self._length

    def read(self, start: int, stop: int) -> NDArray[Any]:
        """Return rows ``start:stop``, checked.

        Raises:
            InputError: the dataset is damaged or hostile.
        """
        held = self._held
        if held is None or start < self._start or stop > self._start + len(held):
            if held is None:
                self._file.check(self._name, self._dataset)
            end = max(stop, start + _WINDOW // self._dataset.dtype.itemsize)
            chunk = self._dataset.chunks[0] if self._dataset.chunks else 1
            end = min(-(-end // chunk) * chunk, self._length)
            self._held = held = self._file.rows(self._name, self._dataset, start, end)
            self._start = start
        return held[start - self._start : stop - self._start]


class _Text:
    """The XML as a stream."""

    def __init__(self, column: _Column) -> None:
        self._column = column
        self._at = 0

    def read(self, size: int) -> bytes:
        """Return the next bytes; the zeros that pad the end are left out."""
        end = min(self._at + size, len(self._column))
        data = self._column.read(self._at, end).tobytes()
        self._at = end
        return data.rstrip(b"\x00") if end == len(self._column) else data


def _count(text: str | None) -> int | None:
    text = (text or "").strip()
    return int(text) if text.isascii() and text.isdecimal() and len(text) < 19 else None
