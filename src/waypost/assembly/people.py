"""The people of a node, and the machines that call it."""

from dataclasses import dataclass

from waypost.apikeys.service import ApiKeys
from waypost.assembly.ground import Ground
from waypost.roles.service import Roles
from waypost.sessions import invitations
from waypost.sessions.accounts import Accounts
from waypost.sessions.gate import Gate
from waypost.sessions.invitations import Invitations
from waypost.sessions.oidc import Provider, Registration
from waypost.sessions.opening import Opening
from waypost.sessions.passwords import Cost, Passwords
from waypost.sessions.service import Sessions
from waypost.tokens.keysets import KeySets
from waypost.tokens.service import Tokens
from waypost.users.model import on_loopback
from waypost.users.service import Users

PASSWORD_COST = Cost()
"""What it takes to try a password: some 40 ms and 19 MiB."""


@dataclass(frozen=True, slots=True)
class People:
    """Who may call: tokens, users, roles and API keys; and signing in to the dashboard."""

    tokens: Tokens
    users: Users
    roles: Roles
    apikeys: ApiKeys
    passwords: Passwords
    sessions: Sessions
    accounts: Accounts
    invitations: Invitations


def build_people(ground: Ground) -> People:
    """What is known of callers."""
    db, vault, clock = ground.db, ground.vault, ground.clock
    keysets = KeySets(ground.client, clock)
    tokens = Tokens(db, vault, clock, keysets, audiences=ground.whereabouts.audiences)
    passwords = Passwords(PASSWORD_COST)
    gate = Gate(db, vault, clock, passwords)
    opening = Opening(clock, exposed=ground.whereabouts.is_exposed)
    return People(
        tokens=tokens,
        users=Users(db, clock, tokens.forget, left=invitations.forget),
        roles=Roles(db, clock, tokens.forget),
        apikeys=ApiKeys(db, clock, ground.policy, tokens.forget),
        passwords=passwords,
        sessions=Sessions(db, clock, gate, opening, provider=_provider(ground)),
        accounts=Accounts(db, vault, clock, passwords, gate, opening),
        invitations=Invitations(db, clock, passwords),
    )


def _provider(ground: Ground) -> Provider | None:
    """The identity provider; None where none is set."""
    settings = ground.settings
    if settings.oidc_issuer is None or settings.oidc_client_id is None:
        return None
    return Provider(
        ground.client,
        ground.clock,
        issuer=settings.oidc_issuer,
        us=Registration(settings.oidc_client_id, settings.oidc_secret),
        home=ground.whereabouts.address,
        https_only=not on_loopback(settings.oidc_issuer),
    )
