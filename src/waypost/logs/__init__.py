"""Logs: one for each message and destination, with its attempts."""
