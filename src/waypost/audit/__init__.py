"""Who did what, when: append-only, and chained so that a missing or changed event shows."""
