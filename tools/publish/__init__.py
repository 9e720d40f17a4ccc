"""What happens to images once built: one name for all architectures, signatures, SBOMs, provenance, releases."""
