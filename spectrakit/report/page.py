"""HTML that cannot be injected into: text is escaped unless it is `Html` already."""

from base64 import b64encode
from collections.abc import Sequence
from dataclasses import dataclass
from html import escape
from importlib.resources import files
from pathlib import Path

from spectrakit.atomic import atomic_path
from spectrakit.report.text import plain

_EMPTY = frozenset({"meta", "img", "br", "hr", "col"})


class Html(str):
    """Markup that was built here; every other string is text and gets escaped."""

    __slots__ = ()


Content = str | None


def el(tag: str, *content: Content, **attributes: str | None) -> Html:
    """Return an element; None is left out. ``class_`` and ``aria_label`` mean what they say."""
    written = "".join(
        f' {name.rstrip("_").replace("_", "-")}="{_quoted(value)}"'
        for name, value in attributes.items()
        if value is not None
    )
    opened = f"<{tag}{written}>"
    return Html(opened if tag in _EMPTY else f"{opened}{join(*content)}</{tag}>")


def _quoted(value: str) -> str:
    return value if isinstance(value, Html) else escape(plain(value))


def join(*content: Content) -> Html:
    """Return pieces one after the other, text escaped, None left out."""
    return Html(
        "".join(
            part if isinstance(part, Html) else escape(plain(part), quote=False)
            for part in content
            if part is not None
        )
    )


def name(text: object) -> Html:
    """Return a name that came with the data, kept apart from the direction of text around it."""
    return el("bdi", str(text))


@dataclass(frozen=True, slots=True)
class Figure:
    """A drawn figure: SVG bytes, what it shows for who cannot see it, and its caption."""

    svg: bytes
    alt: str
    caption: str


def figure(drawn: Figure | None) -> Html | None:
    """Return a figure with its picture inside the page."""
    if drawn is None:
        return None
    source = Html("data:image/svg+xml;base64," + b64encode(drawn.svg).decode("ascii"))
    return el(
        "figure",
        el("img", src=source, alt=drawn.alt),
        el("figcaption", drawn.caption),
    )


def figures(*drawn: Figure | None) -> Html | None:
    """Return figures side by side, below each other where the screen is narrow."""
    shown = [figure(one) for one in drawn if one is not None]
    return el("div", *shown, class_="figures") if shown else None


@dataclass(frozen=True, slots=True)
class Row:
    """A row of a table: its head, its cells; one cell may stand for all (``wide``)."""

    head: Content
    cells: Sequence[Content]
    kind: str | None = None  # class
    wide: bool = False


def table(caption: str, head: Sequence[Content], rows: Sequence[Row], text: int = 0) -> Html:
    """Return a table whose first column heads the rows.

    The ``text`` columns after it hold text, the others numbers (aligned right).
    """

    def cell(k: int, content: Content, row: Row) -> Html:
        if row.wide:
            return el("td", content, colspan=str(len(head) - 1), class_="text")
        return el("td", content, class_="text" if k < text else None)

    top = [
        el("th", content, scope="col", class_="text" if k <= text else None)
        for k, content in enumerate(head)
    ]
    body = [
        el(
            "tr",
            el("th", row.head, scope="row"),
            *(cell(k, content, row) for k, content in enumerate(row.cells)),
            class_=row.kind,
        )
        for row in rows
    ]
    whole = el(
        "table", el("caption", el("span", caption)), el("thead", el("tr", *top)), el("tbody", *body)
    )
    return el("div", whole, class_="scroll", tabindex="0", role="region", aria_label=caption)


def section(identity: str, title: Content, *content: Content, level: int = 2) -> Html:
    """Return a section with its heading."""
    return el("section", el(f"h{level}", title), *content, id=identity)


def box(kind: str, title: Content, *content: Content) -> Html:
    """Return a framed note: ``kind`` is "warning", "good" or "note"."""
    role = "alert" if kind == "warning" else None
    return el("div", el("p", el("strong", title)), *content, class_=f"box {kind}", role=role)


def badge(kind: str, words: str) -> Html:
    """Return a mark with a sign and words: "pass", "fail", "forced" or "note"."""
    sign = {"pass": "✓", "fail": "✕", "forced": "!", "note": "•"}[kind]
    return el("span", el("span", sign, aria_hidden="true"), f" {words}", class_=f"badge {kind}")


def bullets(items: Sequence[Content]) -> Html | None:
    """Return a list, None when it is empty."""
    return el("ul", *(el("li", item) for item in items)) if items else None


def page(title: str, lead: Content, parts: Sequence[tuple[str, str, Html | None]]) -> str:
    """Return a whole document: ``parts`` are (id, words for the contents, section)."""
    style = files("spectrakit.report").joinpath("report.css").read_text(encoding="utf-8")
    there = [(identity, words, part) for identity, words, part in parts if part is not None]
    contents = el(
        "nav",
        el("ol", *(el("li", el("a", words, href=f"#{one}")) for one, words, _ in there)),
        aria_label="Contents",
    )
    body = join(
        el("header", el("h1", title), el("p", lead, class_="lead")),
        contents,
        el("main", *(part for _, _, part in there)),
    )
    heads = join(
        el("meta", charset="utf-8"),
        el("meta", name="viewport", content="width=device-width, initial-scale=1"),
        el(
            "meta",
            http_equiv="Content-Security-Policy",
            content="default-src 'none'; img-src data:; style-src 'unsafe-inline'",
        ),
        el("title", title),
        el("style", Html(style)),
    )
    return (
        f'<!DOCTYPE html>\n<html lang="en">\n<head>{heads}</head>\n<body>{body}</body>\n</html>\n'
    )


def write_page(path: Path, document: str) -> None:
    """Write a document whole or not at all.

    Raises:
        InputError: the file cannot be written.
    """
    with atomic_path(path) as part:
        part.write_bytes(document.encode("utf-8"))
