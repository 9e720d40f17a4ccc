"""Experiments: one module each, holding one `CONFIG` and a docstring with command, hardware, minutes and result."""
