"""Torture: what Waypost must survive, at length; `python -m torture PART`. A taste of it is in `make test`."""
