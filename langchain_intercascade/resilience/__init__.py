"""Timeouts, limits, retries and breakers: what stands between a cascade and those it asks."""
