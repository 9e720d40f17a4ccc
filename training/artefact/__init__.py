"""Model versions by contract 1: written, proved, read, described."""
