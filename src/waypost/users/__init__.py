"""Users: people with a user-level API key, and the roles they hold."""
