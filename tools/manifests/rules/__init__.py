"""The rules: one small function each, in a module by subject."""
