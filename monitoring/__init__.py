"""Health, measurements, errors, partitions, backups. Sees every app below."""
