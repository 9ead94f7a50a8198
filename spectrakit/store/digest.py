"""The content digest: one SHA-256 over the logical columns, whatever the chunks and compression.

Each dataset has the SHA-256 of its little-endian bytes in row order; the content digest is the
SHA-256 over one line for each dataset and group, sorted by path. So equal data give equal
digests, and ``store check`` can name the column that changed.
"""

import hashlib
import json
from collections.abc import Mapping, Sequence

from spectrakit.store.layout import NOT_DIGESTED

Attribute = str | int
SHA256_ATTRIBUTE = "sha256"


def is_digested(path: str) -> bool:
    """Tell whether an object is content: not history, not a search index, not a path."""
    return not any(path == top or path.startswith(top + "/") for top in NOT_DIGESTED)


def object_line(
    path: str,
    attributes: Mapping[str, Attribute],
    dtype: str = "",
    shape: Sequence[int] = (),
    sha256: str = "",
) -> str:
    """Return an object's line: path, dtype, shape, SHA-256 and attributes, tabs between."""
    plain = {key: value for key, value in attributes.items() if key != SHA256_ATTRIBUTE}
    words = json.dumps(plain, sort_keys=True, ensure_ascii=True)
    return "\t".join((path, dtype, ",".join(map(str, shape)), sha256, words))


def content_digest(lines: Mapping[str, str]) -> str:
    """Return ``sha256:<hex>`` over object lines by path; those that are no content are left out."""
    digest = hashlib.sha256()
    for path in sorted(lines):
        if is_digested(path):
            digest.update(lines[path].encode("utf-8") + b"\n")
    return f"sha256:{digest.hexdigest()}"
