"""Sealing at rest: data keys per environment, wrapped by a key-encryption key that has an id."""
