"""JCAMP-DX 4.24, 5 and 6: reading in every encoding, writing as version 5.01."""
