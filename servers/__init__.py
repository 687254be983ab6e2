"""Servers of others that the tests, the bench and the crash campaign start: real ones, on loopback, as anybody."""
