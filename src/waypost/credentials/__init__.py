"""Auth credentials: how Waypost proves to a destination who it is."""
