"""What pages stand on: the same services as the API, put together once in `assembly/faces.py`."""

from collections.abc import Callable
from dataclasses import dataclass

from waypost.apikeys.service import ApiKeys
from waypost.clock import Clock
from waypost.credentials.service import Credentials
from waypost.dashboard.readings.glance import Glances
from waypost.dashboard.visits.live import Live
from waypost.db.database import Database
from waypost.destinations.service import Destinations
from waypost.destinations.signing import SigningSecrets
from waypost.destinations.verification import Verifier
from waypost.environments.service import EgressLists
from waypost.notifications.service import Notifications
from waypost.payloads.search import PayloadSearches
from waypost.payloads.service import Payloads
from waypost.queues.service import Queues
from waypost.queues.skipping import Skipping
from waypost.replays.service import Replays
from waypost.roles.service import Roles
from waypost.samples.service import Samples
from waypost.sessions.accounts import Accounts
from waypost.sessions.invitations import Invitations
from waypost.sessions.service import Sessions
from waypost.sources.service import Sources
from waypost.subscriptions.service import Subscriptions
from waypost.users.service import Users


@dataclass(frozen=True, slots=True)
class Services:
    """Everything a page may ask. `db` is for the plain reads that `api.py` files do, through the stores."""

    db: Database
    clock: Clock
    live: Live
    accounts: Accounts
    glances: Glances
    apikeys: ApiKeys
    credentials: Credentials
    destinations: Destinations
    egress_lists: EgressLists
    invitations: Invitations
    notifications: Notifications
    payload_searches: PayloadSearches
    payloads: Payloads
    queues: Queues
    replays: Replays
    roles: Roles
    samples: Samples
    sessions: Sessions
    signing: SigningSecrets
    skipping: Skipping
    sources: Sources
    subscriptions: Subscriptions
    users: Users
    verifier: Verifier
    address: Callable[[], str | None]
    """Where clients reach this server, `https://host[:port]`; None while nobody has said so."""
