"""Measurements behind the claims: each module writes one JSON file to `benchmarks/results`."""
