"""Payloads: sealed bodies and answers opened for the people who may see them, never without an audit event."""
