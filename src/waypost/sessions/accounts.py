"""What somebody who is signed in does about their own sign-in: the password, the second factor, other sessions.

Each change ends the other sessions, and renews the cookie of this one.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import TypeVar

from waypost.access import Caller
from waypost.clock import Clock
from waypost.db.database import Database, Tx
from waypost.errors import Conflict, Invalid
from waypost.sessions import events, factors, model, passwords, store, throttle, totp
from waypost.sessions.gate import Gate
from waypost.sessions.model import Arrival, Expired, Guarded, Means, NotSignedIn, Session, SignedIn
from waypost.sessions.opening import Opening
from waypost.sessions.passwords import Passwords
from waypost.sessions.totp import Enrolment
from waypost.vault.vault import INSTALLATION, Vault

T = TypeVar("T")

THERE_IS_ONE = "There is a second factor already; remove it first."


@dataclass(frozen=True, slots=True)
class Account:
    """What somebody signs in with. Times in ms."""

    has_password: bool
    factor_since_ms: int | None
    recovery_codes_left: int
    sessions: Sequence[store.SessionRow]


@dataclass(frozen=True, slots=True)
class WithCodes:
    """The session under its new cookie, and recovery codes, which are shown this once."""

    signed_in: SignedIn
    recovery_codes: Sequence[str] = field(repr=False)


class Accounts:
    """The own account of whoever is signed in."""

    def __init__(
        self, db: Database, vault: Vault, clock: Clock, passwords: Passwords, gate: Gate, opening: Opening
    ) -> None:
        self._db = db
        self._vault = vault
        self._clock = clock
        self._passwords = passwords
        self._gate = gate
        self._opening = opening

    async def look(self, session: Session) -> Account:
        """How the account stands."""

        def read(tx: Tx) -> Account:
            return Account(
                store.password_of(tx, session.user_id) is not None,
                factors.since(tx, session.user_id),
                factors.recovery_codes_left(tx, session.user_id),
                store.list_of(tx, session.user_id, self._clock.now_ms()),
            )

        return await self._db.read(read)

    async def change_password(
        self, caller: Caller, session: Session, current: str, new: str
    ) -> SignedIn | NotSignedIn:
        """Another password, for whoever knows the one so far. Raises Invalid, Unauthenticated, Unavailable."""
        faults = passwords.faults_of(new, session.email)
        if faults:
            raise Invalid(faults)
        arrival = _arrival(caller)
        known = await self._gate.ask(session.email, current, arrival)
        if isinstance(known, NotSignedIn):
            return known
        derived = await self._passwords.derive(new)

        def change(tx: Tx) -> SignedIn | NotSignedIn:
            if not self._gate.passed(tx, known, arrival):
                return NotSignedIn()
            now = self._clock.now_ms()
            store.put_password(tx, session.user_id, derived, now)
            store.drop_invitations(tx, session.user_id)
            events.record(tx, caller, events.PASSWORD_SET, session.user_id, now, details={"after": "changed"})
            return self._renewed(tx, session, session.means)

        return await self._db.write(change)

    async def begin_factor(self, caller: Caller, session: Session, password: str) -> Enrolment | NotSignedIn:
        """A fresh secret for the user's app; it counts once `confirm_factor` has seen a code.

        The password is asked for where there is one, but not of somebody who just gave it and is led here.
        Raises Conflict where there is a factor already.
        """
        account = await self.look(session)
        if account.factor_since_ms is not None:
            raise Conflict(THERE_IS_ONE)
        arrival = _arrival(caller)
        asks = account.has_password and not session.needs_second_factor
        known = await self._gate.ask(session.email, password, arrival) if asks else None
        if isinstance(known, NotSignedIn):
            return known
        await self._vault.prepare(INSTALLATION)
        secret = totp.new_secret()

        def begin(tx: Tx) -> Enrolment | NotSignedIn:
            if factors.since(tx, session.user_id) is not None:
                raise Conflict(THERE_IS_ONE)
            if known is not None and not self._gate.passed(tx, known, arrival):
                return NotSignedIn()
            factors.begin(tx, self._vault, session.user_id, secret, session.id)
            return totp.enrolment(secret, session.email)

        return await self._db.write(begin)

    async def begun_factor(self, session: Session) -> Enrolment | None:
        """The secret that this session has begun with; None when it has not, or is done."""

        def read(tx: Tx) -> Enrolment | None:
            found = self._begun(tx, session)
            if found is None:
                return None
            return totp.enrolment(factors.open_secret(tx, self._vault, found), session.email)

        return await self._db.read(read)

    async def confirm_factor(
        self, caller: Caller, session: Session, code: str
    ) -> WithCodes | NotSignedIn | Expired:
        """From now on codes are asked for, the first of which is this one. Raises Unauthenticated."""
        codes = Guarded.codes(session.user_id)

        def confirm(tx: Tx) -> WithCodes | NotSignedIn | Expired:
            now, found = self._clock.now_ms(), self._begun(tx, session)
            if found is None:
                return Expired()
            wait = throttle.begin(tx, [codes], now)
            if wait:
                return NotSignedIn(model.seconds(wait))
            if not factors.spend(tx, self._vault, found, code, now):
                return NotSignedIn(model.seconds(throttle.failed(tx, [codes], now)))
            throttle.clear(tx, codes)
            factors.confirm(tx, session.user_id, now)
            events.record(tx, caller, "second-factor-added", session.user_id, now)
            return self._with_codes(tx, session, Means.code)

        return await self._db.write(confirm)

    async def remove_factor(self, caller: Caller, session: Session, code: str) -> SignedIn | NotSignedIn:
        """No codes any more, for whoever has one. Raises Unauthenticated."""

        def remove(tx: Tx) -> SignedIn:
            factors.drop(tx, session.user_id)
            events.record(tx, caller, events.FACTOR_REMOVED, session.user_id, self._clock.now_ms())
            left = Means.password if session.means is Means.code else session.means
            return self._renewed(tx, session, left)

        return await self._with_code(caller, session, code, remove)

    async def renew_recovery_codes(self, caller: Caller, session: Session, code: str) -> WithCodes | NotSignedIn:
        """Fresh recovery codes in place of all before, for whoever has a code. Raises Unauthenticated."""

        def renew(tx: Tx) -> WithCodes:
            events.record(tx, caller, "recovery-codes-renewed", session.user_id, self._clock.now_ms())
            return self._with_codes(tx, session, session.means)

        return await self._with_code(caller, session, code, renew)

    async def _with_code(
        self, caller: Caller, session: Session, code: str, do: Callable[[Tx], T]
    ) -> T | NotSignedIn:
        def asked(tx: Tx) -> T | NotSignedIn:
            refused = self._gate.ask_code(tx, caller, session.user_id, code)
            return refused if refused is not None else do(tx)

        return await self._db.write(asked)

    def _begun(self, tx: Tx, session: Session) -> factors.Factor | None:
        found = factors.of(tx, session.user_id)
        mine = found is not None and found.confirmed_at is None and found.begun_by == session.id
        return found if mine else None

    def _with_codes(self, tx: Tx, session: Session, means: Means) -> WithCodes:
        fresh = totp.recovery_codes()
        factors.put_recovery_codes(tx, session.user_id, fresh)
        return WithCodes(self._renewed(tx, session, means), fresh)

    def _renewed(self, tx: Tx, session: Session, means: Means) -> SignedIn:
        store.end_all(tx, session.user_id, but=session.id)
        return self._opening.renew(tx, session, means)


def _arrival(caller: Caller) -> Arrival:
    return Arrival(caller.ip, caller.request_id, caller.route)
