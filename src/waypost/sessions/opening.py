"""Sessions opened, renewed and found again, inside a transaction."""

from collections.abc import Callable

from waypost import ids
from waypost.clock import Clock
from waypost.db.database import Tx
from waypost.errors import Unauthenticated
from waypost.sessions import events, model, store
from waypost.sessions.model import Arrival, Means, Session, SignedIn
from waypost.users import store as users


class Opening:
    """Makes sessions. `exposed` says whether strangers reach this server."""

    def __init__(self, clock: Clock, *, exposed: Callable[[], bool]) -> None:
        self._clock = clock
        self._exposed = exposed

    def open(self, tx: Tx, user_id: int, means: Means, arrival: Arrival) -> SignedIn:
        """A new session under a cookie that nobody has had before."""
        now, cookie = self._clock.now_ms(), ids.new_secret()
        store.open_session(tx, cookie, user_id, means, arrival.ip, now, now + model.LONGEST_MS)
        users.seen(tx, user_id, now)
        made = self._signed_in(tx, cookie)
        caller = events.arriving(made.session.user, arrival)
        events.record(tx, caller, "signed-in", user_id, now, details={"means": means.value})
        return made

    def renew(self, tx: Tx, session: Session, means: Means) -> SignedIn:
        """The session under a fresh cookie, with the same end. Raises Unauthenticated when it has ended."""
        cookie = ids.new_secret()
        store.rotate(tx, session.id, cookie, means)
        return self._signed_in(tx, cookie)

    def found(self, tx: Tx, row: store.SessionRow, cookie: str) -> Session | None:
        """The session of a row; None when its user has no role left."""
        user = events.person(tx, row.user_id)
        if not user.organizations:
            return None
        return Session(
            id=row.digest,
            user=user,
            email=row.email,
            name=row.name,
            csrf=model.csrf_of(cookie),
            means=row.means,
            needs_second_factor=model.needs_second_factor(user, row.means, exposed=self._exposed()),
            signed_in_at_ms=row.signed_in_at,
            ends_at_ms=row.ends_at,
        )

    def _signed_in(self, tx: Tx, cookie: str) -> SignedIn:
        row = store.find(tx, cookie, self._clock.now_ms())
        session = None if row is None else self.found(tx, row, cookie)
        if session is None:
            raise Unauthenticated("The session has ended.")
        return SignedIn(session, cookie)
