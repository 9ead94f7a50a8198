"""The traces among the spectra of a file: taken aside, searched together, counted."""

from dataclasses import replace
from pathlib import Path

import numpy as np

from spectrakit.accounting import InputAccount
from spectrakit.search.hits import Hit
from spectrakit.search.traces.families import comparable
from spectrakit.search.traces.search import TraceQuery, TraceSearch
from spectrakit.spectrum import Axis, Spectrum

WAITING = 512  # traces held before they are searched; answers do not depend on it


class TracesAside:
    """Take the traces of one file, and answer for them.

    Args:
        path: of the file.
        search: what traces are compared with.
        account: of the file.
        alone: nothing is there to compare mass spectra with: they are counted as dropped.
    """

    def __init__(
        self, path: Path, search: TraceSearch, account: InputAccount, *, alone: bool
    ) -> None:
        self._path = path
        self._alone = alone
        self._search = search
        self._account = account
        self._queries: list[TraceQuery] = []
        self._told: list[tuple[int, Spectrum]] = []
        self._hits: list[tuple[int, list[Hit]]] = []

    def take(self, number: int, spectrum: Spectrum) -> bool:
        """Take a spectrum if it is a trace; one that cannot be compared is counted as dropped."""
        if not spectrum.is_trace:
            if self._alone:
                self._account.drop("no library holds mass spectra")
            return self._alone
        form = comparable(spectrum)
        if form.on_grid is None:
            self._account.drop(form.reason)
            return True
        nothing = np.empty(0)
        bare = replace(
            spectrum, axis=Axis(nothing, ""), value=nothing, columns={}, extra={}, molecule=None
        )
        self._queries.append(TraceQuery(form.family, form.on_grid, form.note))
        self._told.append((number, bare))
        if len(self._queries) >= WAITING:
            self._answer()
        return True

    def hits(self) -> list[tuple[int, list[Hit]]]:
        """Return number and hits of each trace that was compared."""
        self._answer()
        return self._hits

    def _answer(self) -> None:
        answers = self._search.identify(self._queries)
        for (number, spectrum), answer in zip(self._told, answers, strict=True):
            if isinstance(answer, str):
                self._account.drop(answer)
                continue
            self._account.keep()
            for hit in answer:
                hit.file = str(self._path)
                hit.spectrum = spectrum.native_id or spectrum.sample or str(number)
                hit.rt_seconds = spectrum.rt_seconds
            self._hits.append((number, answer))
        self._queries, self._told = [], []
