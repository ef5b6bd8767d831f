"""Trying a strategy before it is accepted, and saying in words what came of it.

``load_strategy.py`` runs inside freqtrade's own environment and is never imported here.
"""

from __future__ import annotations
