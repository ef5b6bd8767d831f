"""The forms of the strategy editor."""
