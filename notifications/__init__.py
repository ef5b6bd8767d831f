"""Channels, the outbox and its delivery. Knows messages, never signals."""
