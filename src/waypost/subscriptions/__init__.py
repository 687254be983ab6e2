"""Subscriptions: which messages of a source go to which destination. Each has a queue of its own."""
