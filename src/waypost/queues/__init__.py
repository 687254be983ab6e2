"""Queues: one for each subscription, first in first out. Rows only; nobody sends anything here."""
