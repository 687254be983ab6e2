"""Replays: logs that ended are sent once more, one by one or by a search, each as a new log at the tail."""
