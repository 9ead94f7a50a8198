"""spectrakit: mass, NMR and vibrational spectra on the command line of an instrument lab."""

__version__ = "0.1.0"
