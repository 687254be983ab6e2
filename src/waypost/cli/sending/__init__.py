"""Commands that are clients of a running server, here or elsewhere: `waypost token`, `waypost send`."""
