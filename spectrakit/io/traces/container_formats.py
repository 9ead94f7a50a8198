"""Containers of arrays (MATLAB, HDF5, netCDF, numpy, tables): how their content is recognised."""

from spectrakit.io.traces.described import TraceFormat

CONTAINERS: tuple[TraceFormat, ...] = ()
