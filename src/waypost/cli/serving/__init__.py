"""`waypost serve`: the server, from its options to its end."""
