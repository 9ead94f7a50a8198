"""Foundation model of vibrational and optical spectra, and calibrations on top of it."""
