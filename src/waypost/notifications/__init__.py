"""Notices: who is told, by webhook or mail, that a queue is held, has drained, and of what else needs a person."""
