"""What audit events may say of values that can carry secrets."""

CHANGED = "changed"
"""Stands for a secret that was set, replaced or cleared."""


def masked_url(url: str) -> str:
    """The URL with its query string hidden."""
    address, mark, _ = url.partition("?")
    return f"{address}?…" if mark else address
