"""A clinic with people who sign in, on a store of its own; passwords cost next to nothing here."""

import json
from typing import Any

import pytest

from tests.conftest import SetClock
from tests.support import authenticator, keys, tenants
from tests.support.tenants import Tenant
from waypost.access import Caller, OrganizationRole, operator
from waypost.audit import store as audit
from waypost.audit.store import EventQuery
from waypost.db.database import Database
from waypost.sessions import invitations as inviting
from waypost.sessions import totp
from waypost.sessions.accounts import Accounts, WithCodes
from waypost.sessions.gate import Gate
from waypost.sessions.invitations import Invitations
from waypost.sessions.model import Expired, NeedsCode, NotSignedIn, Session, SignedIn
from waypost.sessions.oidc import Provider
from waypost.sessions.opening import Opening
from waypost.sessions.passwords import Cost, Passwords
from waypost.sessions.service import Sessions
from waypost.sessions.totp import Enrolment
from waypost.tokens.assertion import public_of
from waypost.users.model import NewUser, PublicKeys
from waypost.users.service import Users
from waypost.vault.vault import Vault

CHEAP = Cost(iterations=1, lanes=1, memory_kib=8)
CLI = operator("users add")
IP = "192.0.2.7"
PASSWORD = "seven wild geese"

Entered = SignedIn | NeedsCode | NotSignedIn | Expired


class World:
    """Everything of the room, and short words for what people do."""

    def __init__(self, db: Database, vault: Vault, clock: SetClock, tenant: Tenant) -> None:
        self.db, self.vault, self.clock, self.tenant = db, vault, clock, tenant
        self.exposed = False
        self.passwords = Passwords(CHEAP)
        self.gate = Gate(db, vault, clock, self.passwords)
        self.opening = Opening(clock, exposed=lambda: self.exposed)
        self.sessions = Sessions(db, clock, self.gate, self.opening)
        self.accounts = Accounts(db, vault, clock, self.passwords, self.gate, self.opening)
        self.invitations = Invitations(db, clock, self.passwords)
        self.users = Users(db, clock, lambda: None, left=inviting.forget)

    def by(self, provider: Provider) -> Sessions:
        """The same with an identity provider."""
        return Sessions(self.db, self.clock, self.gate, self.opening, provider=provider)

    async def person(
        self,
        email: str = "ann@clinic.test",
        *,
        role: OrganizationRole = OrganizationRole.member,
        tenant: Tenant | None = None,
        password: str | None = PASSWORD,
    ) -> int:
        """A user's number; with a password, unless None is given for one."""
        added = await self.users.add(
            CLI,
            NewUser(
                email,
                (tenant or self.tenant).id,
                PublicKeys.of(public_of(keys.ec())),
                organization_role=role,
                environment_roles={},
            ),
        )
        if password is not None:
            invitation = await self.invitations.invite(operator("users invite"), email)
            await self.invitations.accept(invitation.token, password, ip=IP)
        return added.user.id

    async def enter(
        self, email: str = "ann@clinic.test", password: str = PASSWORD, *, ip: str = IP
    ) -> SignedIn | NeedsCode | NotSignedIn:
        return await self.sessions.sign_in(email, password, ip=ip, request_id="a-request", route="POST /sign-in")

    async def inside(self, email: str = "ann@clinic.test", password: str = PASSWORD, *, ip: str = IP) -> SignedIn:
        entered = await self.enter(email, password, ip=ip)
        assert isinstance(entered, SignedIn)
        return entered

    async def back(self, entered: SignedIn) -> Session | None:
        return await self.sessions.resume(entered.cookie, IP)

    def caller(self, session: Session, *, ip: str = IP) -> Caller:
        return Caller(session.user, ip, "a-request", "POST /dashboard/account")

    def code(self, enrolment: Enrolment) -> str:
        """What the app shows now."""
        return authenticator.code(enrolment.secret, self.clock.now_ms())

    async def enrol(self, entered: SignedIn, password: str = PASSWORD) -> tuple[Enrolment, WithCodes]:
        """The session with a second factor; the clock is moved past the code that was used."""
        session = entered.session
        begun = await self.accounts.begin_factor(self.caller(session), session, password)
        assert isinstance(begun, Enrolment)
        done = await self.accounts.confirm_factor(self.caller(session), session, self.code(begun))
        assert isinstance(done, WithCodes)
        self.clock.advance(totp.STEP_SECONDS)
        return begun, done

    async def events(self, *types: str, tenant: Tenant | None = None) -> list[dict[str, Any]]:
        """The audit events of these types, oldest first."""
        number = (tenant or self.tenant).id
        rows = await self.db.read(lambda tx: audit.page(tx, number, EventQuery(types=types), offset=0, count=500))
        return [{**row, "details": json.loads(row["details"])} for row in reversed(rows)]


@pytest.fixture
async def world(db: Database, vault: Vault, clock: SetClock) -> World:
    return World(db, vault, clock, await tenants.found(db, clock))
