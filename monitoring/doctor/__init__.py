"""Is everything in order, and what to do where it is not."""
