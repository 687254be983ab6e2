"""Real parts for tests: a served application, receivers that misbehave on command, a server process."""
