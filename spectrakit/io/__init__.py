"""Files in, spectra out: one module for each format family, recognised by content."""

from spectrakit.io.reading import read_parts, read_spectra
from spectrakit.io.sniff import sniff

__all__ = ["read_parts", "read_spectra", "sniff"]
