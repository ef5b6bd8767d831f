"""Programs that stand in for the product in tests of make up."""

from __future__ import annotations
