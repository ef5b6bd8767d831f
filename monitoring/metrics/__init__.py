"""Measurements: taken every 30 seconds, kept, averaged by hour, and shown."""
