"""XML as it streams by, on lxml: no entities, no network, and one clear line when it breaks."""

import re
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

from lxml import etree  # type: ignore[attr-defined]  # compiled, without stubs

from spectrakit.errors import InputError
from spectrakit.io.streams import COPY_AGAIN

CHUNK = 1 << 20
_HEAD = 256  # the XML declaration is in it
_DECLARED = re.compile(rb"<\?xml[^>]*?encoding\s*=\s*[\"']([\w.:-]+)[\"']")
# In these, ASCII bytes mean themselves: nothing can hide from a look at the bytes.
_ENCODINGS = re.compile(
    r"utf-?8|(us-)?ascii|(iso-?)?8859-\d+|iso-8859-\d+|latin-?\d|windows-\d+|cp125\d|"
    r"shift[_-]jis|gb(2312|k|18030)|big5|euc-\w+",
    re.IGNORECASE,
)


class XmlStream:
    """An XML document that arrives in parts, and how far its spectra were read.

    Args:
        path: named in messages.
        tags: local names of the elements to hear of; the root is one of them.

    ``n_spectra`` and ``last`` (the id of the last spectrum) are kept by the reader and said when
    the document breaks; so is ``lines_passed``, of parts that did not come through here.
    """

    def __init__(self, path: Path, tags: Iterable[str]) -> None:
        self.path = path
        self.n_spectra = 0
        self.last = ""
        self.lines_passed = 0
        self._is_checked = False
        self._head = b""
        self._names: dict[str, str] = {}  # tag -> local name; only ``tags`` come here
        self._parser = etree.XMLPullParser(
            events=("start", "end"),
            tag=tuple("{*}" + name for name in tags),
            huge_tree=True,  # a spectrum of a million peaks is longer than 10 MB of text
            resolve_entities=False,
            no_network=True,
            load_dtd=False,
            remove_comments=True,
            remove_pis=True,
        )

    def feed(self, part: bytes) -> Iterator[tuple[str, str, Any]]:
        """Parse some more; yield (``start`` or ``end``, local name, element) as they come.

        Raises:
            InputError: the XML is not well-formed, has a DOCTYPE or a strange encoding. What came
                before is yielded first.
        """
        if len(self._head) < _HEAD:
            self._head += part[:_HEAD]
            self._check_encoding()
        broken: etree.XMLSyntaxError | None = None
        names = self._names
        try:
            self._parser.feed(part)
        except etree.XMLSyntaxError as error:
            broken = error
        try:
            for event, element in self._parser.read_events():
                if not self._is_checked:
                    self._check_doctype(element)
                tag: str = element.tag
                name = names.get(tag)
                if name is None:
                    name = names[tag] = local_name(element)
                yield event, name, element
        except etree.XMLSyntaxError as error:
            broken = broken or error
        if broken is not None:
            raise self._broken(broken) from broken

    def close(self) -> None:
        """Check that the document is complete.

        Raises:
            InputError: it ends too early.
        """
        try:
            self._parser.close()
        except etree.XMLSyntaxError as error:
            raise self._broken(error) from error

    def _check_encoding(self) -> None:
        declared = _DECLARED.search(self._head)
        name = declared[1].decode() if declared else "utf-8"
        if not _ENCODINGS.fullmatch(name):
            raise InputError(
                f"{self.path}: the XML declares the encoding '{name}', which is not read.",
                hint="Write it again in UTF-8.",
            )

    def _check_doctype(self, root: Any) -> None:
        self._is_checked = True
        if root.getroottree().docinfo.internalDTD is not None:
            raise InputError(
                f"{self.path}: the XML has a DOCTYPE, which no mass spectrometer writes.",
                hint="Remove the DOCTYPE, or get the file from a source you trust.",
            )

    def _broken(self, error: etree.XMLSyntaxError) -> InputError:
        where = f"spectrum '{self.last}'" if self.n_spectra else "the start"
        line = (error.lineno or 0) + self.lines_passed
        return InputError(
            f"{self.path}: the XML breaks at line {line} after {where} "
            f"({self.n_spectra} spectra read): {_short(error.msg)}.",
            hint=COPY_AGAIN,
        )


def local_name(element: Any) -> str:
    """Return the name without its namespace; lxml's QName refuses undeclared prefixes."""
    tag: str = element.tag
    return tag[tag.rfind("}") + 1 :]


def forget(element: Any) -> None:
    """Free an element that was read, and all before it in its parent."""
    element.clear()
    parent = element.getparent()
    while parent is not None and element.getprevious() is not None:
        del parent[0]


def _short(message: str | None) -> str:
    """Return libxml2's message without its position, on one line."""
    plain = " ".join((message or "not well-formed").split())
    return plain.split(", line")[0].rstrip(".")
