"""Delivery: one attempt from the head of a queue to its recorded fate, and the worker that makes them."""
