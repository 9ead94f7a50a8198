"""Fingerprints of unknown molecules from MS/MS spectra by kernel ridge regression."""
