"""This is where reports become one HTML page that needs no network, no script and no other file."""
