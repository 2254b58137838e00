"""An OpenAI-compatible server on loopback, for tests: models that answer, and fail, as told."""
