"""Strategies that share processes, from the supervisor's side."""
