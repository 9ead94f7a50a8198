"""Streams of an OLE compound document, every chain of sectors bounded by the size of the file.

Source: [MS-CFB], Microsoft's open specification of the compound file binary format.
"""

import numpy as np

from spectrakit.io.traces.layout import Layout

MARK = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1"
_HEADER = 512
_LAST_REGULAR = 0xFFFFFFFA  # larger numbers mark free sectors and ends of chains
_ENTRY = 128
_STREAM, _ROOT = 2, 5


class CompoundFile:
    """The streams of a compound document by their names; folders are not told apart."""

    def __init__(self, layout: Layout) -> None:
        self._layout = layout
        shift, mini_shift = layout.unpack("<HH", 30, "the header")
        if shift not in (9, 12) or mini_shift != 6:
            raise layout.bad(f"byte 30: the sectors have 2^{shift} and 2^{mini_shift} bytes")
        self._sector = 1 << shift
        self._most = layout.size // self._sector + 1
        self._table = self._read_table()
        directory, _, self._cutoff, mini_table, _ = layout.unpack("<5I", 48, "the header")
        raw = self._chain(directory, "the directory")
        self._entries: dict[str, tuple[int, int]] = {}
        root = (0, 0)
        for at in range(0, len(raw) - _ENTRY + 1, _ENTRY):
            entry = raw[at : at + _ENTRY]
            length = min(int.from_bytes(entry[64:66], "little"), 64)
            name = entry[: max(length - 2, 0)].decode("utf-16-le", "replace")
            start = int.from_bytes(entry[116:120], "little")
            size = int.from_bytes(entry[120:124], "little")
            if entry[66] == _ROOT:
                root = (start, size)
            elif entry[66] == _STREAM:
                self._entries.setdefault(name, (start, size))
        self._mini_table = np.frombuffer(b"", "<u4")
        self._mini = b""
        if mini_table <= _LAST_REGULAR and root[1]:
            self._mini_table = np.frombuffer(self._chain(mini_table, "the small sectors"), "<u4")
            self._mini = self._chain(root[0], "the small streams")

    @property
    def names(self) -> list[str]:
        """The names of the streams."""
        return list(self._entries)

    def stream(self, name: str) -> Layout:
        """Return the bytes of a stream.

        Raises:
            InputError: there is none of this name, or its sectors do not exist.
        """
        if name not in self._entries:
            raise self._layout.bad(f"the stream '{name}' is missing")
        start, size = self._entries[name]
        if size >= self._cutoff:
            raw = self._chain(start, f"the stream '{name}'")
        else:
            raw = self._mini_chain(start, size, name)
        if len(raw) < size:
            raise self._layout.bad(f"the stream '{name}' has {len(raw)} of {size} bytes")
        return Layout(self._layout.path, raw[:size])

    def _read_table(self) -> list[int]:
        """Return the sector that follows each sector."""
        layout = self._layout
        count = layout.number("<I", 44, "the header")
        where = list(layout.unpack("<109I", 76, "the header"))
        after, more = layout.unpack("<II", 68, "the header")
        per_sector = self._sector // 4
        for _ in range(min(more, self._most)):
            if after > _LAST_REGULAR:
                break
            *numbers, after = layout.unpack(
                f"<{per_sector}I", self._place(after), "the list of tables"
            )
            where.extend(numbers)
        table: list[int] = []
        for sector in where[: min(count, self._most)]:
            if sector > _LAST_REGULAR:
                continue
            table.extend(layout.unpack(f"<{per_sector}I", self._place(sector), "a table"))
        return table

    def _place(self, sector: int) -> int:
        return (sector + 1) * self._sector

    def _chain(self, start: int, what: str) -> bytes:
        pieces: list[bytes] = []
        sector = start
        while sector <= _LAST_REGULAR:
            if sector >= len(self._table) or len(pieces) > self._most:
                raise self._layout.bad(f"{what}: the chain of sectors is broken at {sector}")
            at = self._place(sector)
            size = min(self._sector, self._layout.size - at)
            pieces.append(self._layout.raw(at, max(size, 1), what))  # the last one may be short
            sector = self._table[sector]
        return b"".join(pieces)

    def _mini_chain(self, start: int, size: int, name: str) -> bytes:
        pieces: list[bytes] = []
        sector = start
        while sector <= _LAST_REGULAR and len(pieces) * 64 < size:
            if sector >= len(self._mini_table):
                raise self._layout.bad(f"the stream '{name}': the chain is broken at {sector}")
            pieces.append(self._mini[sector * 64 : sector * 64 + 64])
            sector = int(self._mini_table[sector])
        return b"".join(pieces)
