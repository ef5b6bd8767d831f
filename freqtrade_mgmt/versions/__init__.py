"""Releases of freqtrade: what there is, what is installed, and how it changes."""
