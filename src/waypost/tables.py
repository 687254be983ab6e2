"""Every table of the product in one import, for migrations and for tests that compare the two."""

from waypost.apikeys import store as apikeys
from waypost.audit import store as audit
from waypost.credentials import sharing
from waypost.credentials import store as credentials
from waypost.destinations import store as destinations
from waypost.environments import store as environments
from waypost.ledger import minutes
from waypost.logs import store as logs
from waypost.messages import idempotency
from waypost.notifications import outbox as notices
from waypost.notifications import store as notifications
from waypost.queues import errands, purged, shards
from waypost.queues import store as queues
from waypost.quotas import store as quotas
from waypost.replays import store as replays
from waypost.sessions import factors, throttle
from waypost.sessions import store as sessions
from waypost.sources import store as sources
from waypost.subscriptions import store as subscriptions
from waypost.tokens import store as tokens
from waypost.users import store as users
from waypost.vault import vault

__all__ = [
    "apikeys",
    "audit",
    "credentials",
    "destinations",
    "environments",
    "errands",
    "factors",
    "idempotency",
    "logs",
    "minutes",
    "notices",
    "notifications",
    "purged",
    "queues",
    "quotas",
    "replays",
    "sessions",
    "shards",
    "sharing",
    "sources",
    "subscriptions",
    "throttle",
    "tokens",
    "users",
    "vault",
]
