"""Measurements: each module prints a table; bench/README.md keeps the last results."""
