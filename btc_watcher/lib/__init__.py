"""Tools without a domain: every app may use them, they use no app."""
