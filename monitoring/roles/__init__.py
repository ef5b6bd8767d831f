"""Who the system is for PostgreSQL: an owner for migrations, a role for everything else."""

from __future__ import annotations
