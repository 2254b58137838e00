"""Spans and metrics for those who ask for them; content is in neither.

`observer` is the seam: what a cascade tells whoever watches it.  `otel` is the one
who writes it down as OpenTelemetry does, and nothing else here is imported by a
cascade that nobody watches.
"""
