"""What can be done with users. Only the command line does it: the vendor's API invites nobody.

`changed` is told after every commit, so that roles and keys held in memory are read anew; `left` within it, of a
user who has left the last organization.
"""

from collections.abc import Callable, Sequence

from waypost.access import Caller, Operator
from waypost.audit import store as audit
from waypost.clock import Clock
from waypost.db.database import Database, Tx
from waypost.environments import store as environments
from waypost.errors import Conflict, Fault, Forbidden, Invalid, NotFound
from waypost.ids import random_id
from waypost.users import memberships, store
from waypost.users.model import Added, Member, NewUser, PublicKeys, User, UserKey, client_id_faults, name_faults


class Users:
    """Users and their user-level API keys."""

    def __init__(
        self,
        db: Database,
        clock: Clock,
        changed: Callable[[], None],
        *,
        left: Callable[[Tx, int], None] = lambda tx, user_id: None,
    ) -> None:
        self._db = db
        self._clock = clock
        self._changed = changed
        self._left = left

    async def add(self, caller: Caller, new: NewUser) -> Added:
        """A new user with a key, or a known one who joins a further organization. Raises Invalid, Conflict."""
        _operator_only(caller)
        added = await self._db.write(lambda tx: put(tx, caller, new, self._clock.now_ms()))
        self._changed()
        return added

    async def list_all(self, caller: Caller) -> Sequence[Member]:
        """Everybody who belongs to an organization, with their roles."""
        _operator_only(caller)
        members = await self._db.read(lambda tx: [_member(tx, user) for user in store.list_all(tx)])
        return [member for member in members if member.organizations]

    async def find(self, caller: Caller, email: str) -> Member:
        """The user with that address. Raises NotFound."""
        wanted = email.strip().lower()
        for member in await self.list_all(caller):
            if member.user.email == wanted:
                return member
        raise NotFound("user")

    async def remove(self, caller: Caller, user_id: int, *, organization_id: int | None = None) -> None:
        """Take a user out of one organization, or out of all. Raises NotFound, Conflict for the last owner.

        With the last organization go the user's keys, and what they sign in with.
        """
        _operator_only(caller)
        await self._db.write(lambda tx: self._remove(tx, caller, user_id, organization_id))
        self._changed()

    async def keys(self, caller: Caller, user_id: int) -> Sequence[UserKey]:
        """The user's keys, revoked ones too. Raises NotFound."""
        _operator_only(caller)
        return await self._db.read(lambda tx: store.keys_of(tx, store.get(tx, user_id).id))

    async def add_key(
        self, caller: Caller, user_id: int, name: str, keys: PublicKeys, *, client_id: str | None = None
    ) -> UserKey:
        """A further key for a user. Raises NotFound, Invalid, Conflict."""
        _operator_only(caller)
        key = await self._db.write(lambda tx: self._add_key(tx, caller, user_id, name, keys, client_id))
        self._changed()
        return key

    async def revoke_key(self, caller: Caller, client_id: str) -> None:
        """End a key. Raises NotFound."""
        _operator_only(caller)
        await self._db.write(lambda tx: self._revoke_key(tx, caller, client_id))
        self._changed()

    def _remove(self, tx: Tx, caller: Caller, user_id: int, organization_id: int | None) -> None:
        held = memberships.organizations_of(tx, user_id)
        leaving = [number for number in held if organization_id in (None, number)]
        if not leaving:
            raise NotFound("user")
        now = self._clock.now_ms()
        user = store.get(tx, user_id)
        for number in leaving:
            memberships.leave(tx, number, user_id)
            before = {"email": user.email, "organizationRole": held[number].value}
            audit.record(
                tx, caller, "user-removed", organization_id=number, now_ms=now,
                details={"id": user_id, "before": before, "after": None},
            )  # fmt: skip
        if len(leaving) == len(held):
            for key in store.keys_of(tx, user_id):
                store.revoke_key(tx, key.client_id, now)
            self._left(tx, user_id)

    def _add_key(
        self, tx: Tx, caller: Caller, user_id: int, name: str, keys: PublicKeys, client_id: str | None
    ) -> UserKey:
        user = store.get(tx, user_id)
        faults = name_faults(name, "/name") + client_id_faults(client_id) + keys.faults()
        if faults:
            raise Invalid(faults)
        key = _insert_key(tx, user, name, keys, client_id, self._clock.now_ms())
        self._record_key(tx, caller, "user-key-added", key)
        return key

    def _revoke_key(self, tx: Tx, caller: Caller, client_id: str) -> None:
        key = store.key(tx, client_id)
        if key is None:
            raise NotFound("key")
        store.revoke_key(tx, client_id, self._clock.now_ms())
        self._record_key(tx, caller, "user-key-revoked", key)

    def _record_key(self, tx: Tx, caller: Caller, type_: str, key: UserKey) -> None:
        details = {"id": key.client_id, "name": key.name, "userId": key.user_id}
        for number in memberships.organizations_of(tx, key.user_id):
            audit.record(tx, caller, type_, organization_id=number, now_ms=self._clock.now_ms(), details=details)


def put(tx: Tx, caller: Caller, new: NewUser, now_ms: int) -> Added:
    """`Users.add` inside a transaction that does more (`init` makes an organization in the same one)."""
    environments.get_organization(tx, new.organization_id)
    faults = new.faults() + _environment_faults(tx, new)
    if faults:
        raise Invalid(faults)
    user = _insert_user(tx, new, now_ms)
    memberships.join(tx, new.organization_id, user.id, new.organization_role)
    for environment_id, role in new.environment_roles.items():
        memberships.assign(tx, environment_id, user.id, role)
    key = _insert_key(tx, user, new.key_name, new.keys, new.client_id, now_ms)
    after = {
        "email": user.email, "name": user.name, "organizationRole": new.organization_role.value,
        "environmentRoles": {name: role.value for name, role in new.environment_roles.items()},
        "clientId": key.client_id,
    }  # fmt: skip
    audit.record(
        tx, caller, "user-added", organization_id=new.organization_id, now_ms=now_ms,
        details={"id": user.id, "before": None, "after": after},
    )  # fmt: skip
    return Added(user, key)


def _environment_faults(tx: Tx, new: NewUser) -> list[Fault]:
    known = {environment.id for environment in environments.list_of(tx, new.organization_id)}
    return [
        Fault(f"/environmentRoles/{n}", "unknown_environment", "This environment is not of the organization.")
        for n, environment_id in enumerate(new.environment_roles)
        if environment_id not in known
    ]


def _insert_user(tx: Tx, new: NewUser, now_ms: int) -> User:
    """The user with that address, new or known. Raises Conflict."""
    user = store.find(tx, new.lower_email)
    if user is None:
        if new.user_id is not None and store.number_taken(tx, new.user_id):
            raise Conflict("Another user has that id.")
        return store.insert(tx, new.lower_email, new.shown_name, now_ms, user_id=new.user_id)
    if new.user_id not in (None, user.id):
        raise Conflict("The user with that e-mail address has another id.")
    if memberships.in_organization(tx, new.organization_id, user.id) is not None:
        raise Conflict("A user with that e-mail address is already in the organization.")
    return user


def _insert_key(tx: Tx, user: User, name: str, keys: PublicKeys, client_id: str | None, now_ms: int) -> UserKey:
    if client_id is not None and store.client_id_taken(tx, client_id):
        raise Conflict("A key with that client id exists.")
    key = UserKey(client_id or random_id(), user.id, name, keys, now_ms)
    store.insert_key(tx, key)
    return key


def _member(tx: Tx, user: User) -> Member:
    return Member(user, memberships.organizations_of(tx, user.id), memberships.environments_of(tx, user.id))


def _operator_only(caller: Caller) -> None:
    if not isinstance(caller.principal, Operator):
        raise Forbidden("Users are managed on the command line of the server.")
