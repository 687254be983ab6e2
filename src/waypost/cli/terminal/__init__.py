"""The two sides of every command: the options that it takes, and how it says what came of it."""
