"""Destinations: where messages go, and the `PATCH` that moves a held queue to its new home."""
