"""Measure models: on pictures held out, against each other, and where they look."""
