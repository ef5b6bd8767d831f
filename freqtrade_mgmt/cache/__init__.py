"""What this app keeps in Redis; nothing is lost when it is flushed."""
