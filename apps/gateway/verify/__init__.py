"""Prove what runs: `gateway verify` asks every pod, and compares answers with the goldens (contract 1)."""
