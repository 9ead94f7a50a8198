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


def _netcdf(head: bytes, path: Path) -> bool:
    return head[:4] in (b"CDF\x01", b"CDF\x02")


def _npy(head: bytes, path: Path) -> bool:
    return head.startswith(b"\x93NUMPY")


def _npz(head: bytes, path: Path) -> bool:
    return _first_member(head).endswith(b".npy")


def _xlsx(head: bytes, path: Path) -> bool:
    return bool(_first_member(head)) and (
        path.suffix.lower() in (".xlsx", ".xlsm") or b"xl/work" in head
    )


def _first_member(head: bytes) -> bytes:
    """Return the name of the first member of a zip archive."""
    if not head.startswith(b"PK\x03\x04"):
        return b""
    return head[30 : 30 + int.from_bytes(head[26:28], "little")]


def _parquet(head: bytes, path: Path) -> bool:
    return head.startswith(b"PAR1")


def _fits(head: bytes, path: Path) -> bool:
    return head.startswith(b"SIMPLE  =")


CONTAINERS: tuple[TraceFormat, ...] = (
    TraceFormat("matlab", _matlab, "spectrakit.io.traces.matlab:read_matlab", (".mat",)),
    TraceFormat("hdf5", _hdf5, "spectrakit.io.traces.hdf5:read_hdf5", (".h5", ".hdf5", ".nc")),
    TraceFormat("netcdf", _netcdf, "spectrakit.io.traces.netcdf:read_netcdf", (".nc", ".cdf")),
    TraceFormat("npy", _npy, "spectrakit.io.traces.numpy_files:read_npy", (".npy",)),
    TraceFormat("npz", _npz, "spectrakit.io.traces.numpy_files:read_npz", (".npz",)),
    TraceFormat("xlsx", _xlsx, "spectrakit.io.traces.xlsx:read_xlsx", (".xlsx", ".xlsm")),
    TraceFormat("parquet", _parquet, "spectrakit.io.traces.parquet:read_parquet", (".parquet",)),
    TraceFormat("fits", _fits, "spectrakit.io.traces.fits_spectra:read_fits", (".fits", ".fit")),
)
