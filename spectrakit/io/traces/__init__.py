"""Traces (NIR, IR, Raman, optical, NMR) out of files: one module for each format family."""
