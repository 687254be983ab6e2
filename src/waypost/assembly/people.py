"""The people of a node, and the machines that call it."""

from waypost.apikeys.service import ApiKeys
from waypost.assembly.ground import Ground
from waypost.clock import Clock
from waypost.db.database import Database
from waypost.roles.service import Roles
from waypost.sessions import invitations
from waypost.sessions.accounts import Accounts
from waypost.sessions.gate import Gate
from waypost.sessions.invitations import Invitations
from waypost.sessions.oidc import Provider, Registration
from waypost.sessions.opening import Opening
from waypost.sessions.passwords import Cost, Passwords
from waypost.sessions.service import Sessions
from waypost.settings import Settings
from waypost.tokens.keysets import KeySets
from waypost.tokens.service import Tokens
from waypost.users.model import on_loopback
from waypost.users.service import Users
from waypost.vault import keyring

PASSWORD_COST = Cost()
"""What it takes to try a password: some 40 ms and 19 MiB."""


class People(Ground):
    """Who may call: tokens, users, roles and API keys; and signing in to the dashboard."""

    def __init__(self, settings: Settings, clock: Clock, db: Database, keys: keyring.Keyring) -> None:
        super().__init__(settings, clock, db, keys)
        keysets = KeySets(self.client, self.clock)
        self.tokens = Tokens(self.db, self.vault, self.clock, keysets, audiences=lambda: self._audiences)
        self.users = Users(self.db, self.clock, self.tokens.forget, left=invitations.forget)
        self.roles = Roles(self.db, self.clock, self.tokens.forget)
        self.apikeys = ApiKeys(self.db, self.clock, self.policy, self.tokens.forget)
        self._build_sign_in()

    def _build_sign_in(self) -> None:
        settings = self.settings
        provider = None
        if settings.oidc_issuer is not None and settings.oidc_client_id is not None:
            us = Registration(settings.oidc_client_id, settings.oidc_secret)
            provider = Provider(
                self.client,
                self.clock,
                issuer=settings.oidc_issuer,
                us=us,
                home=lambda: self._address,
                https_only=not on_loopback(settings.oidc_issuer),
            )
        self.passwords = Passwords(PASSWORD_COST)
        gate = Gate(self.db, self.vault, self.clock, self.passwords)
        opening = Opening(self.clock, exposed=lambda: self._is_exposed)
        self.sessions = Sessions(self.db, self.clock, gate, opening, provider=provider)
        self.accounts = Accounts(self.db, self.vault, self.clock, self.passwords, gate, opening)
        self.invitations = Invitations(self.db, self.clock, self.passwords)
