"""Keys of ``extra`` in MGF and MSP: one that would be read as a field is written as ``x-KEY``."""

from spectrakit.io.fields import canonical

_MARK = "x-"
_NO_KEY = "0123456789.+-#;!/("  # what peaks and comments begin with
# Readers give these back as extras, whatever else they learn from them.
KEPT_RAW = frozenset({"scans", "feature_id", "comment", "nist_mods"})


def marked(key: str) -> str:
    """Return a key that is read back as an extra, never as a field, a peak or a comment."""
    return f"{_MARK}{key}" if _needs_mark(key) else key


def unmarked(key: str) -> str:
    """Return the key that ``marked`` was given; an empty text for one that has no mark."""
    rest = key.removeprefix(_MARK)
    return rest if rest != key and rest and _needs_mark(rest) else ""


def _needs_mark(key: str) -> bool:
    meaning = canonical(key)
    return key[0] in _NO_KEY or (meaning != "" and meaning not in KEPT_RAW) or unmarked(key) != ""
