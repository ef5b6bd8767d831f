"""Intervals of the work that happens by itself: first values, bounds, changes."""
