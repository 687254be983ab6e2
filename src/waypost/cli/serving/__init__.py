"""`waypost serve`: the server, from its options to its end, and how it hears commands meanwhile."""
