"""Invitations: the links by which people get a password, and get one anew; and who may make one for whom.

Whoever sets somebody's password can be them. So nobody makes a link for a user who is more than they are, in any
organization.
"""

from collections.abc import Mapping

from waypost import ids
from waypost.access import OWNER, OWNER_OR_ADMIN, Caller, Operator, OrganizationRole, User
from waypost.clock import Clock
from waypost.db.database import Database, Tx
from waypost.errors import Forbidden, Invalid, NotFound
from waypost.sessions import events, factors, model, passwords, store, throttle
from waypost.sessions.model import Arrival, Guarded, Invitation
from waypost.sessions.passwords import Passwords
from waypost.users import memberships
from waypost.users import store as users

NOUN = "invitation"


class Invitations:
    """Links that set a password, once."""

    def __init__(self, db: Database, clock: Clock, passwords: Passwords) -> None:
        self._db = db
        self._clock = clock
        self._passwords = passwords

    async def invite(self, caller: Caller, email: str, *, drops_factor: bool = False) -> Invitation:
        """A link for the user with that address; an earlier one ends. Raises NotFound, Forbidden.

        With `drops_factor` it takes away the second factor, too, when it is used.
        """
        return await self._db.write(lambda tx: self._invite(tx, caller, model.lower(email), drops_factor))

    async def look(self, token: str) -> str:
        """The address of whom the link is for. Raises NotFound."""

        def read(tx: Tx) -> str:
            found = store.invited(tx, token, self._clock.now_ms())
            if found is None or not memberships.organizations_of(tx, found[0]):
                raise NotFound(NOUN)
            return users.get(tx, found[0]).email

        return await self._db.read(read)

    async def accept(
        self, token: str, password: str, *, ip: str, request_id: str = "", route: str = "invitation"
    ) -> str:
        """Set the password, which ends every session of the user; their address. Raises NotFound, Invalid."""
        email = await self.look(token)
        faults = passwords.faults_of(password, email)
        if faults:
            raise Invalid(faults)
        derived = await self._passwords.derive(password)
        await self._db.write(lambda tx: self._accept(tx, token, derived, Arrival(ip, request_id, route)))
        return email

    def _invite(self, tx: Tx, caller: Caller, email: str, drops_factor: bool) -> Invitation:
        user = users.find(tx, email)
        if user is None:
            raise NotFound("user")
        require(caller, memberships.organizations_of(tx, user.id))
        now, token = self._clock.now_ms(), ids.new_secret()
        expires_at = now + model.INVITATION_MS
        store.invite(tx, token, user.id, drops_factor=drops_factor, expires_at=expires_at)
        details = {"email": user.email, "resetsSecondFactor": drops_factor}
        events.record(tx, caller, "user-invited", user.id, now, details=details)
        return Invitation(user.id, user.email, token, expires_at)

    def _accept(self, tx: Tx, token: str, derived: str, arrival: Arrival) -> None:
        now = self._clock.now_ms()
        found = store.invited(tx, token, now)
        if found is None:
            raise NotFound(NOUN)
        user_id, drops_factor = found
        caller = events.arriving(events.person(tx, user_id), arrival)
        store.drop_invitations(tx, user_id)
        store.put_password(tx, user_id, derived, now)
        store.end_all(tx, user_id)
        throttle.clear(tx, Guarded.account(users.get(tx, user_id).email))
        events.record(tx, caller, events.PASSWORD_SET, user_id, now, details={"after": "changed"})
        if drops_factor and factors.since(tx, user_id) is not None:
            factors.drop(tx, user_id)
            throttle.clear(tx, Guarded.codes(user_id))
            events.record(tx, caller, events.FACTOR_REMOVED, user_id, now, details={"by": "invitation"})


def require(caller: Caller, held: Mapping[int, OrganizationRole]) -> None:
    """Raise NotFound or Forbidden unless the caller may decide about somebody with these roles."""
    if isinstance(caller.principal, Operator) and held:
        return
    mine = caller.principal.organizations if isinstance(caller.principal, User) else {}
    if not any(mine.get(number) in OWNER_OR_ADMIN for number in held):
        raise NotFound("user")
    for number, role in held.items():
        if mine.get(number) not in (OWNER if role is OrganizationRole.owner else OWNER_OR_ADMIN):
            raise Forbidden("This user is an owner, or in another organization as well, where you are not.")


def forget(tx: Tx, user_id: int) -> None:
    """The user has left the last organization: nothing that they signed in with stays."""
    store.end_all(tx, user_id)
    store.drop_invitations(tx, user_id)
    store.drop_password(tx, user_id)
    factors.drop(tx, user_id)
