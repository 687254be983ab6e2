"""Asking for a password or a code: whoever guesses has to wait, and every refusal is on record.

Whether an account exists shows in no answer, and not in the time it takes: for a stranger, too, something is
derived and something is written. An event more or less is lost in the noise of deriving.
"""

from dataclasses import dataclass, field

from waypost.access import Caller
from waypost.clock import Clock
from waypost.db.database import Database, Tx
from waypost.sessions import events, factors, model, store, throttle
from waypost.sessions.model import Arrival, Guarded, NotSignedIn
from waypost.sessions.passwords import Passwords
from waypost.users import memberships
from waypost.users import store as users
from waypost.vault.vault import Vault

NOBODY = 0


@dataclass(frozen=True, slots=True)
class Known:
    """Whose password it was, what is kept of it, and what should be kept from now on."""

    user_id: int
    email: str
    kept: str = field(repr=False)
    renewed: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class _Asked:
    """Who would have to know the password: NOBODY where no user with a role has that address."""

    user_id: int
    kept: str | None = field(repr=False)


class Gate:
    """Lets through whoever knows the password, and whoever has the code."""

    def __init__(self, db: Database, vault: Vault, clock: Clock, passwords: Passwords) -> None:
        self._db = db
        self._vault = vault
        self._clock = clock
        self._passwords = passwords

    async def ask(self, email: str, password: str, arrival: Arrival) -> Known | NotSignedIn:
        """Whose password that is. The failure counts until `passed` takes it back. Raises Unavailable."""
        guarded = _guarded(email, arrival)
        asked = await self._db.write(lambda tx: self._begin(tx, email, guarded))
        if isinstance(asked, NotSignedIn):
            return asked
        right = await self._passwords.verify(password, asked.kept)
        if not right or asked.kept is None:
            return await self._db.write(lambda tx: self._refuse(tx, asked, arrival, guarded))
        dated = self._passwords.is_dated(asked.kept)
        renewed = await self._passwords.derive(password) if dated else asked.kept
        return Known(asked.user_id, email, asked.kept, renewed)

    def passed(self, tx: Tx, known: Known, arrival: Arrival) -> bool:
        """Take the failure back; False when the password has changed since it was asked for."""
        if store.password_of(tx, known.user_id) != known.kept:
            return False
        now = self._clock.now_ms()
        account, address = _guarded(known.email, arrival)
        throttle.passed(tx, account, address, now)
        if known.renewed != known.kept:
            store.put_password(tx, known.user_id, known.renewed, now)
        return True

    def ask_code(self, tx: Tx, caller: Caller, user_id: int, code: str) -> NotSignedIn | None:
        """None for a code of the user's app or a recovery code, which are spent by it. Raises KeyUnavailable."""
        now, codes = self._clock.now_ms(), Guarded.codes(user_id)
        wait = throttle.begin(tx, [codes], now)
        if wait:
            return NotSignedIn(model.seconds(wait))
        if self._is_right(tx, caller, user_id, code):
            throttle.clear(tx, codes)
            return None
        refused = NotSignedIn(model.seconds(throttle.failed(tx, [codes], now)))
        _tell(tx, caller, user_id, refused, "code", now)
        return refused

    def _is_right(self, tx: Tx, caller: Caller, user_id: int, code: str) -> bool:
        factor, now = factors.of(tx, user_id), self._clock.now_ms()
        if factor is None or factor.confirmed_at is None:
            return False
        if factors.spend(tx, self._vault, factor, code, now):
            return True
        if not factors.spend_recovery_code(tx, user_id, code):
            return False
        left = {"left": factors.recovery_codes_left(tx, user_id)}
        events.record(tx, caller, "recovery-code-used", user_id, now, details=left)
        return True

    def _begin(self, tx: Tx, email: str, guarded: tuple[Guarded, Guarded]) -> _Asked | NotSignedIn:
        wait = throttle.begin(tx, guarded, self._clock.now_ms())
        if wait:
            return NotSignedIn(model.seconds(wait))
        user = users.find(tx, email)
        user_id = NOBODY if user is None else user.id
        kept = store.password_of(tx, user_id)
        return _Asked(user_id, kept if memberships.organizations_of(tx, user_id) else None)

    def _refuse(self, tx: Tx, asked: _Asked, arrival: Arrival, guarded: tuple[Guarded, Guarded]) -> NotSignedIn:
        now = self._clock.now_ms()
        refused = NotSignedIn(model.seconds(throttle.failed(tx, guarded, now)))
        caller = events.arriving(events.person(tx, asked.user_id), arrival)
        _tell(tx, caller, asked.user_id, refused, "password", now)
        return refused


def _guarded(email: str, arrival: Arrival) -> tuple[Guarded, Guarded]:
    return Guarded.account(email), Guarded.address(arrival.ip)


def _tell(tx: Tx, caller: Caller, user_id: int, refused: NotSignedIn, means: str, now_ms: int) -> None:
    """An event for each refusal. Those while somebody has to wait are none, which bounds how many there are."""
    details = {"means": means, "waitSeconds": refused.wait_seconds}
    events.record(tx, caller, "sign-in-refused", user_id, now_ms, details=details, status="refused")
