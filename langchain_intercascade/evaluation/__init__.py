"""Is it worth it? Streams, arms, metrics and reports."""
