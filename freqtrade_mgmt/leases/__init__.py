"""Which supervisor node runs which strategy, where several share a database."""
