"""A simulated pair: a weak and a strong model that really read their prompts."""
