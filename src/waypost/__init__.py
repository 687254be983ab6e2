"""Waypost: a self-hosted destination platform for healthcare data."""

__version__ = "0.1.0"
