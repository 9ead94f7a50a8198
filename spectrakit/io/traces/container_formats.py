"""Containers of arrays (MATLAB, HDF5, netCDF, numpy, tables): how their content is recognised."""

from pathlib import Path

from spectrakit.io.traces.described import TraceFormat


def _matlab(head: bytes, path: Path) -> bool:
    if head.startswith(b"MATLAB "):
        return True
    from spectrakit.io.traces.mat5 import is_mat4

    return is_mat4(head[:100])


def _hdf5(head: bytes, path: Path) -> bool:
    return head.startswith(b"\x89HDF\r\n\x1a\n")


CONTAINERS: tuple[TraceFormat, ...] = (
    TraceFormat("matlab", _matlab, "spectrakit.io.traces.matlab:read_matlab", (".mat",)),
    TraceFormat("hdf5", _hdf5, "spectrakit.io.traces.hdf5:read_hdf5", (".h5", ".hdf5", ".nc")),
)
