"""The file under a store that is being written: HDF5 never hears that the disk is full.

HDF5 cannot give up a file whose disk refuses bytes: every handle that Python frees tries to write
once more, prints a traceback of its own, and may end the process with a segmentation fault. So
HDF5 writes through this file, which keeps the first refusal for ``check`` and lets what follows
fall. Ctrl-C, which Python would raise into the midst of HDF5, is kept in the same way.
"""

import io
import signal
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path
from threading import current_thread, main_thread
from types import FrameType
from typing import Any


class PartFile(io.FileIO):
    """A new file for h5py's driver ``fileobj``.

    Raises:
        OSError: the file cannot be made.
    """

    def __init__(self, path: Path) -> None:
        super().__init__(path, "w+")
        self.refusal: BaseException | None = None

    def check(self) -> None:
        """Raise what the system said when it first refused bytes, or the interrupt that came."""
        if self.refusal is not None:
            raise self.refusal

    @contextmanager
    def interrupts_kept(self) -> Generator[None]:
        """Keep what Ctrl-C and SIGTERM raise for ``check`` while HDF5 works.

        Outside the main thread nothing is raised, and nothing kept.
        """
        before = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)}

        def keep(number: int, frame: FrameType | None) -> None:
            handler = before[signal.Signals(number)]
            try:
                if callable(handler):
                    handler(number, frame)
            except BaseException as error:
                self.refusal = error

        if current_thread() is not main_thread():
            yield
            return
        try:
            for number, handler in before.items():
                if callable(handler):
                    signal.signal(number, keep)
            yield
        finally:
            for number, handler in before.items():
                if callable(handler):
                    signal.signal(number, handler)

    def write(self, data: Any) -> int:
        """Write all bytes, as far as nothing was refused; it never fails."""
        rest = memoryview(data)
        try:
            while self.refusal is None and len(rest):
                rest = rest[super().write(rest) or 0 :]
        except OSError as error:
            self.refusal = error
        return len(data)

    def truncate(self, size: int | None = None) -> int:
        """Set the length in bytes, as far as nothing was refused; it never fails."""
        try:
            if self.refusal is None:
                return super().truncate(size)
        except OSError as error:
            self.refusal = error
        return size or 0
