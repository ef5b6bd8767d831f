"""Proxies and their tests."""
