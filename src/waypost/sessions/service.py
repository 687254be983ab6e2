"""Signing in and out, and coming back with a cookie."""

from collections.abc import Mapping
from contextlib import suppress

from waypost import ids
from waypost.access import Caller
from waypost.clock import Clock
from waypost.db.database import Database, Tx
from waypost.errors import Unavailable
from waypost.sessions import events, factors, invitations, model, store, throttle
from waypost.sessions.gate import Gate, Known
from waypost.sessions.model import Arrival, Expired, Guarded, Means, NeedsCode, NotSignedIn, Session, SignedIn
from waypost.sessions.oidc import NotVouched, Provider
from waypost.sessions.opening import Opening
from waypost.users import memberships
from waypost.users import store as users


class Sessions:
    """Who works in the dashboard. `provider` is the identity provider, where the operator has named one."""

    def __init__(
        self, db: Database, clock: Clock, gate: Gate, opening: Opening, *, provider: Provider | None = None
    ) -> None:
        self._db = db
        self._clock = clock
        self._gate = gate
        self._opening = opening
        self.provider = provider

    async def resume(self, cookie: str, ip: str, *, used: bool = True) -> Session | None:
        """The session that a cookie brings back, with its user's roles as they are now; None when it has ended.

        One read; at most once a minute a write, that moves the idle end. Not `used`, it does not move: a page that
        lies open is nobody at work.
        """
        if not model.is_cookie(cookie):
            return None
        now = self._clock.now_ms()

        def find(tx: Tx) -> tuple[store.SessionRow, Session | None] | None:
            row = store.find(tx, cookie, now)
            return None if row is None else (row, self._opening.found(tx, row, cookie))

        found = await self._db.read(find)
        if found is None or found[1] is None:
            return None
        row, session = found
        if used and now - row.seen_at >= model.SLIDE_MS:
            # A store that takes no writes can still be looked at: that is when people need to.
            with suppress(Unavailable):
                await self._db.write(lambda tx: store.slide(tx, row, ip, now))
        return session

    async def sign_in(
        self, email: str, password: str, *, ip: str, request_id: str = "", route: str = "sign-in"
    ) -> SignedIn | NeedsCode | NotSignedIn:
        """A session for a password, or the step before one for whoever gives codes, too. Raises Unavailable."""
        arrival = Arrival(ip, request_id, route)
        known = await self._gate.ask(model.lower(email), password, arrival)
        if isinstance(known, NotSignedIn):
            return known
        return await self._db.write(lambda tx: self._enter(tx, known, arrival))

    async def second_step(
        self, step: str, code: str, *, ip: str, request_id: str = "", route: str = "sign-in"
    ) -> SignedIn | NotSignedIn | Expired:
        """A session for the step that the password gave, and a code. Raises Unavailable."""
        arrival = Arrival(ip, request_id, route)
        return await self._db.write(lambda tx: self._second_step(tx, step, code, arrival))

    async def come_from_provider(
        self, flow: str, given: Mapping[str, str], *, ip: str, request_id: str = "", route: str = "sign-in"
    ) -> SignedIn | NotSignedIn | NotVouched:
        """A session for what the identity provider sent the browser back with. Raises Unavailable."""
        address = Guarded.address(ip)
        wait = await self._db.write(lambda tx: throttle.begin(tx, [address], self._clock.now_ms()))
        if wait or self.provider is None:
            return NotSignedIn(model.seconds(wait))
        found = await self.provider.finish(flow, given)
        if isinstance(found, NotVouched):
            return found
        arrival = Arrival(ip, request_id, route)
        return await self._db.write(lambda tx: self._vouched(tx, found.email, arrival, address))

    async def sign_out(self, caller: Caller, session: Session) -> None:
        """End the session; one that has ended by itself is left alone."""

        def end(tx: Tx) -> None:
            if store.end(tx, session.id):
                events.record(tx, caller, "signed-out", session.user_id, self._clock.now_ms())

        await self._db.write(end)

    async def sign_out_everywhere(self, caller: Caller, user_id: int, *, but: str = "") -> int:
        """End all sessions of a user, but for the one with that id; how many. Raises NotFound, Forbidden."""

        def end(tx: Tx) -> int:
            if caller.user_id != user_id:
                invitations.require(caller, memberships.organizations_of(tx, user_id))
            ended = store.end_all(tx, user_id, but=but)
            details = {"sessions": ended}
            events.record(tx, caller, "sessions-ended", user_id, self._clock.now_ms(), details=details)
            return ended

        return await self._db.write(end)

    def _enter(self, tx: Tx, known: Known, arrival: Arrival) -> SignedIn | NeedsCode | NotSignedIn:
        if not self._gate.passed(tx, known, arrival):
            return NotSignedIn()
        if factors.since(tx, known.user_id) is None:
            return self._opening.open(tx, known.user_id, Means.password, arrival)
        step = ids.new_secret()
        store.open_step(tx, step, known.user_id, self._clock.now_ms() + model.STEP_MS)
        return NeedsCode(step)

    def _second_step(self, tx: Tx, step: str, code: str, arrival: Arrival) -> SignedIn | NotSignedIn | Expired:
        user_id = store.step(tx, step, self._clock.now_ms())
        if user_id is None or not memberships.organizations_of(tx, user_id):
            return Expired()
        caller = events.arriving(events.person(tx, user_id), arrival)
        refused = self._gate.ask_code(tx, caller, user_id, code)
        if refused is not None:
            return refused
        store.close_step(tx, step)
        return self._opening.open(tx, user_id, Means.code, arrival)

    def _vouched(self, tx: Tx, email: str, arrival: Arrival, address: Guarded) -> SignedIn | NotVouched:
        user = users.find(tx, model.lower(email))
        if user is None or not memberships.organizations_of(tx, user.id):
            return NotVouched("No user here has the e-mail address that the identity provider knows you by.")
        throttle.passed(tx, Guarded.account(user.email), address, self._clock.now_ms())
        return self._opening.open(tx, user.id, Means.provider, arrival)
