"""A typed Python wrapper of Kustomize."""
