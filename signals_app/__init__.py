"""Signals: grading, intake, the live feed."""
