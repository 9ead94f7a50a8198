"""Retrieval of molecules from tandem mass spectra: contrastive, then generative (GLMR)."""
