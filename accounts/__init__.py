"""People, their sessions and tokens."""
