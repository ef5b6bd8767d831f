"""Measurements: ``make bench`` prints one JSON object per figure."""
