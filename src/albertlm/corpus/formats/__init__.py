"""Readers of input formats: a module a format, each with `spans` and `read`."""
