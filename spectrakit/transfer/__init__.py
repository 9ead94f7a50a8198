"""Calibration transfer: a calibration of one instrument made to work on another."""
