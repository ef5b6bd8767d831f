"""Stands in for ``python -m celery``."""

from __future__ import annotations

import time

time.sleep(600)
