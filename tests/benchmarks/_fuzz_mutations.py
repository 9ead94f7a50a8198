"""Damage to files: of bytes, lines, numbers, tags, base64 and encodings."""

import base64
import random
import re
import zlib
from collections.abc import Callable

_NUMBER = re.compile(rb"[-+]?\d+(?:\.\d+)?(?:[eE][-+]?\d+)?")
_TAG = re.compile(rb"<[^<>]{1,400}>")
_ATTRIBUTE = re.compile(rb'(\s[\w:]+)="([^"]*)"')
_BASE64 = re.compile(rb"(?<=>)[A-Za-z0-9+/]{8,}={0,2}(?=<)")
_WORD = re.compile(rb"[A-Za-z_$#]{2,}")

EXTREMES = [
    b"0", b"-0", b"-1", b"1", b"2", b"3", b"255", b"65536", b"2147483647", b"2147483648",
    b"4294967295", b"4294967296", b"9223372036854775807", b"9223372036854775808",
    b"18446744073709551616", b"1" + b"0" * 400, b"1e308", b"1e309", b"-1e309", b"1e-320", b"nan",
    b"NaN", b"inf", b"-inf", b"Infinity", b"", b"1,5", b"1_0", b"0x10", b"1e", b".", b"-", b"+5",
    b"\xef\xbc\x91", b"\xd9\xa3", b"5 6", b"1e5e5", b"--1", b"1.2.3", b"50000001", b"PT1S", b"\x00",
]  # fmt: skip
PIECES = [
    b"\n", b"\n\n", b"\r", b"\r\n", b"\x00", b"\t", b" ", b"\xff", b"\xc3", b"\x1b[31m", b"\x85",
    b"\xe2\x80\xa8", b"<", b">", b"&", b"&#0;", b"&#x1F600;", b"&lt;", b"&x;", b"<!--", b"-->",
    b"<![CDATA[", b"]]>", b"<?x ?>", b"]", b"[", b"{", b"}", b'"', b"'", b",", b":", b"=", b";",
    b"\\u0000", b"\\ud800", b"BEGIN IONS\n", b"END IONS\n", b"Num Peaks: 9\n", b"Name: x\n",
    b"//\n", b"S\t1\t1\t5\n", b"<Spectrum=9>\n", b"<Peaks>\n", b"null", b"true", b"1e999 1\n",
    b"[" * 200,
]  # fmt: skip

Mutation = Callable[[bytes, random.Random, bytes], bytes]


def mutate(data: bytes, chance: random.Random, other: bytes) -> bytes:
    """Return ``data`` with one to four kinds of damage; ``other`` is another good file."""
    for _ in range(chance.choice((1, 1, 1, 2, 2, 3, 4))):
        wise = data.lstrip(b"\xef\xbb\xbf \n")[:1] == b"<" and chance.random() < 0.6
        data = chance.choice(_WELL_FORMED if wise else _ALL)(data, chance, other)
    return data


def _at(data: bytes, chance: random.Random) -> int:
    return chance.randrange(len(data) + 1)


def _flip(data: bytes, chance: random.Random, other: bytes) -> bytes:
    if not data:
        return data
    out = bytearray(data)
    for _ in range(chance.choice((1, 1, 2, 8))):
        out[chance.randrange(len(out))] = chance.choice((chance.randrange(256), 0, 255, 32, 48))
    return bytes(out)


def _truncate(data: bytes, chance: random.Random, other: bytes) -> bytes:
    return data[: _at(data, chance)]


def _cut(data: bytes, chance: random.Random, other: bytes) -> bytes:
    at = _at(data, chance)
    return data[:at] + data[at + chance.choice((1, 2, 4, 16, 100)) :]


def _repeat(data: bytes, chance: random.Random, other: bytes) -> bytes:
    at = _at(data, chance)
    piece = data[at : at + chance.choice((1, 4, 16, 200))]
    return data[:at] + piece * chance.choice((1, 2, 50)) + data[at:]


def _insert(data: bytes, chance: random.Random, other: bytes) -> bytes:
    at = _at(data, chance)
    return data[:at] + chance.choice(PIECES) + data[at:]


def _splice(data: bytes, chance: random.Random, other: bytes) -> bytes:
    """Join the beginning of one file and the end of another."""
    return data[: _at(data, chance)] + other[_at(other, chance) :]


def _replaced(data: bytes, pattern: re.Pattern[bytes], chance: random.Random, new: bytes) -> bytes:
    found = list(pattern.finditer(data))
    if not found:
        return data
    where = chance.choice(found)
    return data[: where.start()] + new + data[where.end() :]


def _number(data: bytes, chance: random.Random, other: bytes) -> bytes:
    return _replaced(data, _NUMBER, chance, chance.choice(EXTREMES))


def _word(data: bytes, chance: random.Random, other: bytes) -> bytes:
    """Put a word of the file, or of the other one, in the place of another word."""
    words = _WORD.findall(chance.choice((data, other))) or [b""]
    return _replaced(data, _WORD, chance, chance.choice(words))


def _lines(data: bytes, chance: random.Random, other: bytes) -> bytes:
    lines = data.split(b"\n")
    i, j = chance.randrange(len(lines)), chance.randrange(len(lines))
    kind = chance.randrange(5)
    if kind == 0:
        del lines[i]
    elif kind == 1:
        lines.insert(j, lines[i])
    elif kind == 2:
        lines[i], lines[j] = lines[j], lines[i]
    elif kind == 3:
        lines[i : i + 1] = lines[i].split(b" ", 1)
    else:
        theirs = other.split(b"\n")
        at = chance.randrange(len(theirs))
        lines[i:i] = theirs[at : at + chance.choice((1, 5, 30))]
    return b"\n".join(lines)


def _tags(data: bytes, chance: random.Random, other: bytes) -> bytes:
    """Remove, repeat or exchange a tag, or change its attributes."""
    found = list(_TAG.finditer(data))
    if not found:
        return data
    where = chance.choice(found)
    tag = where[0]
    kind = chance.randrange(5)
    if kind == 0:
        tag = b""
    elif kind == 1:
        tag = tag * 2
    elif kind == 2:
        tag = chance.choice(found)[0]
    elif kind == 3:
        tag = _ATTRIBUTE.sub(b"", tag, count=1)
    else:
        value = chance.choice(EXTREMES + PIECES).replace(b'"', b"")
        tag = _replaced(tag, _ATTRIBUTE, chance, b' id="' + value + b'"')
        if values := _ATTRIBUTE.findall(where[0]):
            key, _ = chance.choice(values)
            tag = where[0].replace(b"".join((key, b'="')), b"".join((key, b'="', value)), 1)
    return data[: where.start()] + tag + data[where.end() :]


def _value(data: bytes, chance: random.Random, other: bytes) -> bytes:
    """Put the value of an attribute, of this file or of the other, or an extreme, in another."""
    found = list(_ATTRIBUTE.finditer(data))
    if not found:
        return data
    where = chance.choice(found)
    values = [value for _, value in _ATTRIBUTE.findall(chance.choice((data, other)))] or [b""]
    new = chance.choice((chance.choice(values), chance.choice(EXTREMES)))
    return data[: where.start(2)] + new + data[where.end(2) :]


def _element(data: bytes, chance: random.Random, other: bytes) -> bytes:
    """Remove or repeat a whole element."""
    opening = re.compile(rb"<(\w+)[^<>]*>")
    found = [m for m in opening.finditer(data) if not m[0].endswith(b"/>")]
    if not found:
        return data
    where = chance.choice(found)
    closing = b"</" + where[1] + b">"
    end = data.find(closing, where.end())
    if end < 0:
        return data
    end += len(closing)
    whole = data[where.start() : end]
    return data[: where.start()] + whole * chance.choice((0, 2, 3)) + data[end:]


def _base64(data: bytes, chance: random.Random, other: bytes) -> bytes:
    found = list(_BASE64.finditer(data))
    if not found:
        return data
    where = chance.choice(found)
    try:
        raw = base64.b64decode(where[0])
    except ValueError:
        raw = b""
    new = chance.choice(
        (
            where[0][:-1], where[0][1:], where[0] + b"=", b"", b"====", where[0] * 2, b"A",
            b"*" * 8, b" " + where[0] + b"\n", base64.b64encode(raw[:-1]),
            base64.b64encode(raw + b"\x00"),
            base64.b64encode(zlib.compress(raw)), base64.b64encode(zlib.compress(raw)[:-3]),
            base64.b64encode(zlib.compress(bytes(1 << 20))),
            base64.b64encode(b"\x00\x00\x00\x00\x00\x00\xf0\x7f" * (len(raw) // 8)),
            base64.b64encode(b"\x00\x00\x00\x00\x00\x00\xf8\x7f" * (len(raw) // 8)),
            base64.b64encode(bytes(chance.randrange(256) for _ in raw)),
        )
    )  # fmt: skip
    return data[: where.start()] + new + data[where.end() :]


def _integer_field(data: bytes, chance: random.Random, other: bytes) -> bytes:
    """Overwrite an aligned length or offset of a binary file."""
    size = chance.choice((1, 2, 4, 8))
    at = _at(data, chance) // size * size
    value = chance.choice((0, 1, 2, -1, 1 << 31, (1 << 31) - 1, 1 << 16, 1 << 62, 255))
    field = (value & ((1 << (8 * size)) - 1)).to_bytes(size, chance.choice(("little", "big")))
    return data[:at] + field + data[at + size :]


def _encoding(data: bytes, chance: random.Random, other: bytes) -> bytes:
    text = data.decode("latin-1")
    return chance.choice(
        (
            b"\xef\xbb\xbf" + data,
            b"\xef\xbb\xbf" * 2 + data,
            text.encode("utf-16"),
            text.encode("utf-16-be"),
            text.encode("utf-32"),
            data.replace(b"\n", b"\r\n"),
            data.replace(b"\n", b"\r"),
            data.replace(b"\n", b"\n\r"),
            data.replace(b"UTF-8", b"utf-16").replace(b"utf-8", b"latin-1"),
            data.replace(b"e", b"\xe9"),
            data.replace(b" ", b"\xa0"),
            data.replace(b" ", b"\t"),
            data.upper(),
            data.lower(),
        )
    )


_WELL_FORMED: tuple[Mutation, ...] = (_value, _value, _element, _base64)
_ALL: tuple[Mutation, ...] = (
    _flip, _truncate, _cut, _repeat, _insert, _insert, _splice, _number, _number, _number, _word,
    _lines, _lines, _tags, _tags, _element, _base64, _integer_field, _encoding,
)  # fmt: skip
