"""Tokens: the assertion exchange, the legacy key exchange, and who a bearer token stands for."""
