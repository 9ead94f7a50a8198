"""Peptidoforms: ProForma from what programs write, identity, and theoretical mass."""

from spectrakit.peptides.forms import nist_peptide, peptide_key, peptide_mass, read_peptide

__all__ = ["nist_peptide", "peptide_key", "peptide_mass", "read_peptide"]
