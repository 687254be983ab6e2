"""Every table of the product in one import, for migrations and for tests that compare the two."""

from waypost.audit import store as audit
from waypost.environments import store as environments
from waypost.vault import vault

__all__ = ["audit", "environments", "vault"]
