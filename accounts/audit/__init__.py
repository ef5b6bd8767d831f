"""The audit: who changed what, from which value to which."""
