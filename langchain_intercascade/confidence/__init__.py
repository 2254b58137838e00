"""How sure is the weak answer? Confidence functions, each a score in [0, 1] or "unavailable"."""
