"""Sources: the systems that send messages into an environment."""
