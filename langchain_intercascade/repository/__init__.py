"""What has the strong model taught so far? The repository and its engines."""
